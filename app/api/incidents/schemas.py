"""What the incident endpoints take and answer (contract section 4)."""

from datetime import datetime
from typing import Any

from marshmallow import INCLUDE, fields

from app.api.monitors.diagnostics_schema import DiagnosticsSchema
from app.documents.fields import AsStored, Choice, CustomerReference, Instant, Lines, Reference, Text, Whole
from app.documents.schema import OTHER_ORGANIZATION, BodySchema, Schema
from app.domain.enums import (
    AlertEvent,
    AlertStatus,
    ErrorCode,
    IncidentEventKind,
    IncidentStatus,
    WarningCode,
)
from app.services.incident_lifecycle import DOWNTIME

MAX_COMMENT = 4000
"""Characters."""
TYPES = (*ErrorCode, *WarningCode, DOWNTIME)
TIMELINE_KINDS = (*IncidentEventKind, *AlertEvent)
TYPE = f"The code of its first result; `{DOWNTIME}` if that was not kept."
SO_FAR = "Milliseconds; of an open one, so far."


class IncidentQueryArgsSchema(Schema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    status = Choice(IncidentStatus)
    customer_id = CustomerReference(
        metadata={"description": "The numeric id or the public UUID of a customer."}
    )
    monitor_id = Reference(metadata={"description": "The numeric id or the public UUID of a monitor."})
    code = Choice(TYPES, data_key="type", metadata={"description": TYPE})
    limit = Whole(1, 200, is_text=True, load_default=50)
    before = Text(36, 36, metadata={"description": "The `publicId` of the last row of the page before."})


class AcknowledgementSchema(BodySchema):
    """Nothing needs to be said."""

    MAY_BE_LEFT_OUT = True


class CommentSchema(BodySchema):
    text = Lines(1, MAX_COMMENT, trim=True, required=True)


class IncidentMonitorSchema(Schema):
    public_id = fields.UUID(required=True)
    name = fields.String(required=True)
    hostname = fields.String(required=True)


class IncidentCustomerSchema(Schema):
    id = fields.Integer(required=True)
    name = fields.String(required=True)


class IncidentSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True)
    imap_pop_monitor_id = fields.Integer(required=True)
    monitor = fields.Nested(IncidentMonitorSchema, required=True)
    customer = fields.Nested(IncidentCustomerSchema, required=True)
    type = fields.String(required=True, metadata={"enum": TYPES, "description": TYPE})
    status = fields.Enum(IncidentStatus, by_value=True, required=True)
    started_at = Instant(required=True, metadata={"description": "The first failing result."})
    ended_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "The first good result of those that confirmed the recovery."},
    )
    duration_ms = fields.Integer(required=True, metadata={"description": SO_FAR})
    acknowledged_at = Instant(required=True, allow_none=True)
    acknowledged_by = fields.String(
        required=True, allow_none=True, metadata={"description": "An e-mail address or a token's name."}
    )
    last_notified_at = Instant(required=True, allow_none=True)
    error_message = fields.String(required=True, allow_none=True)


class IncidentListSchema(Schema):
    incidents = fields.List(fields.Nested(IncidentSchema), required=True)
    total = fields.Integer(required=True, metadata={"description": "Of all pages."})


class TimelineAlertSchema(Schema):
    """One attempt to tell one channel."""

    id = fields.Integer(required=True)
    type = fields.String(required=True, attribute="channel_type")
    channel_name = fields.String(required=True)
    status = fields.Enum(AlertStatus, by_value=True, required=True)
    attempt = fields.Integer(required=True, metadata={"description": "From 1."})
    error_message = fields.String(required=True, allow_none=True)


class TimelineEntrySchema(Schema):
    at = Instant(required=True)
    kind = fields.String(required=True, metadata={"enum": TIMELINE_KINDS})
    actor_name = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    alert = fields.Nested(TimelineAlertSchema, required=True, allow_none=True)


class EvidenceSchema(Schema):
    """The result that an incident began with, as far as it was kept."""

    class Meta:
        unknown = INCLUDE

    result_id = fields.UUID(allow_none=True)
    checked_at = Instant()
    location_code = fields.String()
    location_name = fields.String()
    diagnostics = fields.Nested(
        DiagnosticsSchema, allow_none=True, metadata={"description": "With the transcript."}
    )


class IncidentWithTimelineSchema(IncidentSchema):
    timeline = fields.List(
        fields.Nested(TimelineEntrySchema), required=True, metadata={"description": "Oldest first."}
    )
    evidence = AsStored(
        EvidenceSchema, required=True, metadata={"description": "The result that it began with."}
    )


def incident_document(incident: Any, now: datetime) -> dict[str, Any]:
    """All that an answer may say of an incident but for its timeline and evidence."""
    return {
        **{name: getattr(incident, name) for name in _COLUMNS},
        "imap_pop_monitor_id": incident.monitor_id,
        "customer": incident.monitor.customer,
        "duration_ms": incident.duration_ms(now),
    }


_COLUMNS = tuple(
    name for name in IncidentSchema().fields if name not in {"imap_pop_monitor_id", "customer", "duration_ms"}
)
