"""API token endpoints (contract section 2)."""

from typing import Any

from app.api.auth.schemas import SuccessSchema
from app.api.base import Blueprint
from app.api.context import current_actor, now
from app.api.tokens import examples
from app.api.tokens.schemas import (
    CustomerTokenCreateSchema,
    NewTokenSchema,
    OrganizationTokenCreateSchema,
    TokenPageSchema,
    TokenQueryArgsSchema,
    new_token_document,
)
from app.documents.fields import REFERENCE_PATTERN
from app.extensions import db
from app.services import api_tokens
from app.services.access import Action

OF_ORGANIZATION, OF_CUSTOMERS = "/organization/tokens", "/customer/tokens"
TOKEN_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "publicId",
            "in": "path",
            "required": True,
            "description": "The token's public UUID, or its numeric id.",
            "schema": {"type": "string", "pattern": REFERENCE_PATTERN},
        }
    ]
}
UNKNOWN = (f"400 {api_tokens.INVALID_TOKEN}", f"404 {api_tokens.NOT_FOUND}")
UNKNOWN_PLACE = ("404 Organization not found", "404 Customer not found")
INVALID_CUSTOMER = "400 Invalid Customer identifier"

blp = Blueprint("API tokens", __name__, url_prefix="/api", description="Keys for programs, sent as Bearer")


@blp.route(OF_ORGANIZATION)
@blp.allow(Action.MANAGE_ORGANIZATION_TOKENS)
@blp.arguments(TokenQueryArgsSchema, location="query")
@blp.response(200, TokenPageSchema, example=examples.PAGE)
@blp.fails(*UNKNOWN_PLACE)
def list_organization_tokens(query: dict[str, Any]) -> Any:
    """List the organization's API tokens, those of its customers included"""
    return api_tokens.list_page(current_actor(), **query)


@blp.route(OF_ORGANIZATION, methods=["POST"])
@blp.allow(Action.MANAGE_ORGANIZATION_TOKENS)
@blp.arguments(OrganizationTokenCreateSchema, example=examples.ORGANIZATION_REQUEST)
@blp.response(201, NewTokenSchema, example=examples.NEW)
@blp.fails(INVALID_CUSTOMER, *UNKNOWN_PLACE, "409 Too many tokens")
def create_organization_token(body: dict[str, Any]) -> Any:
    """Make an API token; the answer is the only place that shows it"""
    return _create(OF_ORGANIZATION, body)


@blp.route(f"{OF_ORGANIZATION}/<string:publicId>", methods=["DELETE"], **TOKEN_PATH)
@blp.allow(Action.MANAGE_ORGANIZATION_TOKENS)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN)
def delete_organization_token(public_id: str) -> Any:
    """Revoke an API token, at once"""
    api_tokens.delete(current_actor(), public_id, now=now())
    db.session.commit()
    return {"success": True}


@blp.route(OF_CUSTOMERS)
@blp.allow(Action.MANAGE_CUSTOMER_TOKENS)
@blp.arguments(TokenQueryArgsSchema, location="query")
@blp.response(200, TokenPageSchema, example=examples.PAGE)
@blp.fails(*UNKNOWN_PLACE)
def list_customer_tokens(query: dict[str, Any]) -> Any:
    """List the API tokens of customers"""
    return api_tokens.list_page(current_actor(), is_of_customers=True, **query)


@blp.route(OF_CUSTOMERS, methods=["POST"])
@blp.allow(Action.MANAGE_CUSTOMER_TOKENS)
@blp.arguments(CustomerTokenCreateSchema, example=examples.CUSTOMER_REQUEST)
@blp.response(201, NewTokenSchema, example=examples.NEW)
@blp.fails(INVALID_CUSTOMER, *UNKNOWN_PLACE, "409 Too many tokens")
def create_customer_token(body: dict[str, Any]) -> Any:
    """Make an API token for one customer; the answer is the only place that shows it"""
    return _create(OF_CUSTOMERS, body)


@blp.route(f"{OF_CUSTOMERS}/<string:publicId>", methods=["DELETE"], **TOKEN_PATH)
@blp.allow(Action.MANAGE_CUSTOMER_TOKENS)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN)
def delete_customer_token(public_id: str) -> Any:
    """Revoke an API token of a customer, at once"""
    api_tokens.delete(current_actor(), public_id, now=now(), is_of_customers=True)
    db.session.commit()
    return {"success": True}


def _create(place: str, body: dict[str, Any]) -> Any:
    token = api_tokens.create(current_actor(), now=now(), **body)
    db.session.commit()
    return new_token_document(token), {"Location": f"{blp.url_prefix}{place}/{token.row.public_id}"}
