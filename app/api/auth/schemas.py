"""What the session endpoints take and answer."""

from marshmallow import fields

from app.documents.fields import Instant, NewPassword, Text
from app.documents.schema import BodySchema, Schema
from app.domain.bounds import MAX_PASSWORD
from app.domain.enums import Role


class LoginSchema(BodySchema):
    email = Text(1, 320, trim=True, required=True)
    password = Text(1, MAX_PASSWORD, required=True, metadata={"format": "password"})


class ChangePasswordSchema(BodySchema):
    current_password = Text(1, MAX_PASSWORD, required=True, metadata={"format": "password"})
    new_password = NewPassword(required=True)


class UserSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True)
    email = fields.String(required=True)
    first_name = fields.String(required=True, allow_none=True)
    last_name = fields.String(required=True, allow_none=True)
    role = fields.Enum(Role, by_value=True, required=True)
    customer_ids = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        metadata={"description": "The customers this user is restricted to; null: no restriction."},
    )
    is_active = fields.Boolean(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class TokensSchema(Schema):
    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    user = fields.Nested(UserSchema, required=True)


class SuccessSchema(Schema):
    success = fields.Boolean(required=True, metadata={"enum": [True]})
