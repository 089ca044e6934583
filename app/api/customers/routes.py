"""Customer endpoints (contract section 4)."""

from typing import Any

from app.api.auth.schemas import SuccessSchema
from app.api.base import Blueprint
from app.api.context import current_actor, now
from app.api.customers import examples
from app.api.customers.schemas import (
    CustomerCreateSchema,
    CustomerPageSchema,
    CustomerPatchSchema,
    CustomerQueryArgsSchema,
    CustomerSchema,
)
from app.documents.fields import REFERENCE_PATTERN
from app.extensions import db
from app.services import customers
from app.services.access import Action

CUSTOMER_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "publicId",
            "in": "path",
            "required": True,
            "description": "The customer's public UUID, or its numeric id.",
            "schema": {"type": "string", "pattern": REFERENCE_PATTERN},
        }
    ]
}
UNKNOWN = ("400 Invalid Customer identifier", "404 Customer not found")

blp = Blueprint("Customers", __name__, url_prefix="/api/customers", description="Whose mailboxes are watched")


@blp.route("")
@blp.allow(Action.READ)
@blp.arguments(CustomerQueryArgsSchema, location="query")
@blp.response(200, CustomerPageSchema, example=examples.PAGE)
@blp.fails("404 Organization not found")
def list_customers(query: dict[str, Any]) -> Any:
    """List customers"""
    return customers.list_page(current_actor(), **query)


@blp.route("", methods=["POST"])
@blp.allow(Action.WRITE_CUSTOMER)
@blp.arguments(CustomerCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(201, CustomerSchema, example=examples.CUSTOMER)
@blp.fails("404 Organization not found")
def create_customer(body: dict[str, Any]) -> Any:
    """Add a customer"""
    customer = customers.create(current_actor(), now=now(), **body)
    db.session.commit()
    return customer, {"Location": f"/api/customers/{customer.public_id}"}


@blp.route("/<string:publicId>", **CUSTOMER_PATH)
@blp.allow(Action.READ)
@blp.response(200, CustomerSchema, example=examples.CUSTOMER)
@blp.fails(*UNKNOWN)
def get_customer(public_id: str) -> Any:
    """Show a customer"""
    return customers.get(current_actor(), public_id)


@blp.route("/<string:publicId>", methods=["PATCH"], **CUSTOMER_PATH)
@blp.allow(Action.WRITE_CUSTOMER)
@blp.arguments(CustomerPatchSchema, example={"name": "Another name"})
@blp.response(200, CustomerSchema, example=examples.CUSTOMER)
@blp.fails(*UNKNOWN)
def update_customer(body: dict[str, Any], public_id: str) -> Any:
    """Change the keys that are sent"""
    customer = customers.update(current_actor(), public_id, now=now(), **body)
    db.session.commit()
    return customer


@blp.route("/<string:publicId>", methods=["DELETE"], **CUSTOMER_PATH)
@blp.allow(Action.WRITE_CUSTOMER)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN, "409 Customer has monitors")
def delete_customer(public_id: str) -> Any:
    """Remove a customer that has no monitors"""
    customers.delete(current_actor(), public_id, now=now())
    db.session.commit()
    return {"success": True}
