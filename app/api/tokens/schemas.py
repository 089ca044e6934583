"""What the token endpoints take and answer (contract section 2)."""

from typing import Any

from marshmallow import fields

from app.api.base import PageArgsSchema, PageSchema
from app.documents.fields import CustomerReference, Instant, Text, Whole
from app.documents.schema import OTHER_ORGANIZATION, BodySchema, Schema
from app.domain.bounds import MAX_TOKEN_DAYS

_ALL_CUSTOMERS = "Null: all customers of the organization."


class OrganizationTokenCreateSchema(BodySchema):
    # `token` and `expiresAt` are not among them: whoever sends one must not believe that it counts.
    READ_ONLY = frozenset({"id", "publicId", "tokenHint", "customerName", "lastUsedAt", "createdAt"})

    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    name = Text(1, 255, trim=True, required=True)
    expires_in_days = Whole(
        1, MAX_TOKEN_DAYS, allow_none=True, metadata={"description": "Null: it does not expire."}
    )
    customer_id = CustomerReference(allow_none=True, metadata={"description": _ALL_CUSTOMERS})


class CustomerTokenCreateSchema(OrganizationTokenCreateSchema):
    customer_id = CustomerReference(required=True)


class TokenSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    name = fields.String(required=True)
    token_hint = fields.String(required=True, metadata={"description": "How the token begins."})
    organization_id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True, allow_none=True, metadata={"description": _ALL_CUSTOMERS})
    last_used_at = Instant(required=True, allow_none=True, metadata={"description": "To the minute."})
    expires_at = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)


class NewTokenSchema(TokenSchema):
    token = fields.String(required=True, metadata={"description": "Shown here and never again."})


class ListedTokenSchema(TokenSchema):
    customer_name = fields.String(
        required=True, allow_none=True, attribute="customer.name", dump_default=None
    )


class TokenPageSchema(PageSchema):
    items = fields.List(fields.Nested(ListedTokenSchema), required=True)


class TokenQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference()


def new_token_document(token: Any) -> dict[str, Any]:
    """A token with its text, which only the answer to its making has."""
    return {**{name: getattr(token.row, name) for name in _COLUMNS}, "token": token.text}


_COLUMNS = tuple(TokenSchema().fields)
