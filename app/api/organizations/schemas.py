"""What the organization endpoints take and answer (contract section 4)."""

from marshmallow import fields

from app.api.base import PageArgsSchema, PageSchema
from app.documents.fields import Choice, Instant, Text, TimeZone, Whole
from app.documents.schema import OTHER_ORGANIZATION, BodySchema, Schema
from app.domain.bounds import MAX_CHECKS, MAX_REMINDER_MINUTES
from app.domain.enums import Language

_TIME_ZONE = "A name of the IANA time zone database."


class OrganizationArgsSchema(Schema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})


class OrganizationPatchSchema(BodySchema):
    """The keys that may be changed; a missing one is kept."""

    READ_ONLY = frozenset({"id", "publicId", "createdAt", "updatedAt"})

    name = Text(1, 255, trim=True)
    language = Choice(Language)
    time_zone = TimeZone(metadata={"description": _TIME_ZONE})
    alert_consecutive_checks = Whole(1, MAX_CHECKS)
    recovery_consecutive_checks = Whole(1, MAX_CHECKS)
    alert_location_threshold_count = Whole(1, MAX_CHECKS)
    alert_reminder_minutes = Whole(1, MAX_REMINDER_MINUTES)


class OrganizationCreateSchema(OrganizationPatchSchema):
    name = Text(1, 255, trim=True, required=True)


class OrganizationSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    name = fields.String(required=True)
    language = fields.Enum(Language, by_value=True, required=True)
    time_zone = fields.String(required=True, metadata={"description": _TIME_ZONE})
    alert_consecutive_checks = fields.Integer(required=True)
    recovery_consecutive_checks = fields.Integer(required=True)
    alert_location_threshold_count = fields.Integer(required=True)
    alert_reminder_minutes = fields.Integer(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class OrganizationPageSchema(PageSchema):
    items = fields.List(fields.Nested(OrganizationSchema), required=True)


class OrganizationQueryArgsSchema(PageArgsSchema):
    search = Text(0, 255, metadata={"description": "Part of the name."})
