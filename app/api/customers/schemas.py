"""What the customer endpoints take and answer (contract section 4)."""

from marshmallow import fields

from app.api.base import PageArgsSchema, PageSchema
from app.documents.fields import Choice, CountryCodes, Email, Instant, JsonObject, Phone, Text, Whole
from app.documents.schema import OTHER_ORGANIZATION, BodySchema, Schema
from app.domain.bounds import MAX_CHECKS, MAX_REMINDER_MINUTES
from app.domain.enums import CustomerStatus

_INHERITED = "Null inherits the organization's."


class CustomerPatchSchema(BodySchema):
    """The keys that may be changed; a missing one is kept."""

    READ_ONLY = frozenset({"id", "publicId", "organizationId", "createdAt", "updatedAt"})

    name = Text(1, 255, trim=True)
    email = Email(allow_none=True)
    notification_email = Email(allow_none=True)
    notification_phone_number = Phone(allow_none=True)
    status = Choice(CustomerStatus)
    custom_fields = JsonObject(allow_none=True)
    allowed_check_country_codes = CountryCodes()
    alert_consecutive_checks = Whole(1, MAX_CHECKS, allow_none=True, metadata={"description": _INHERITED})
    recovery_consecutive_checks = Whole(1, MAX_CHECKS, allow_none=True, metadata={"description": _INHERITED})
    alert_location_threshold_count = Whole(
        1, MAX_CHECKS, allow_none=True, metadata={"description": _INHERITED}
    )
    alert_reminder_minutes = Whole(
        1, MAX_REMINDER_MINUTES, allow_none=True, metadata={"description": _INHERITED}
    )


class CustomerCreateSchema(CustomerPatchSchema):
    READ_ONLY = CustomerPatchSchema.READ_ONLY - {"organizationId"}

    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    name = Text(1, 255, trim=True, required=True)


class EmbeddedCustomerSchema(Schema):
    """The customer as it stands inside a monitor (contract 3.2)."""

    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    allowed_check_country_codes = fields.List(fields.String(), required=True, allow_none=True)
    custom_fields = fields.Dict(required=True, allow_none=True)
    alert_location_threshold_count = fields.Integer(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class CustomerSchema(EmbeddedCustomerSchema):
    notification_email = fields.String(required=True, allow_none=True)
    notification_phone_number = fields.String(required=True, allow_none=True)
    status = fields.Enum(CustomerStatus, by_value=True, required=True)
    alert_consecutive_checks = fields.Integer(required=True, allow_none=True)
    recovery_consecutive_checks = fields.Integer(required=True, allow_none=True)
    alert_reminder_minutes = fields.Integer(required=True, allow_none=True)


class CustomerPageSchema(PageSchema):
    items = fields.List(fields.Nested(CustomerSchema), required=True)


class CustomerQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    search = Text(0, 255, metadata={"description": "Part of the name."})
