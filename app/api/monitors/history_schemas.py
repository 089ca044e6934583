"""The histories of one monitor, in the shapes of the API family (contract 3.2)."""

from datetime import datetime
from typing import Any

from marshmallow import fields

from app.clock import to_english
from app.documents.fields import Instant
from app.documents.schema import Schema
from app.domain.duration import duration_text
from app.domain.enums import AlertStatus, IncidentStatus

TOTAL = "Of all, the older ones too."
ACTIVE, RESOLVED = "active", "resolved"
_TIME = {"description": "UTC.", "examples": ["Feb 26, 2026, 12:10:00"]}


class PastIncidentSchema(Schema):
    id = fields.Integer(required=True)
    type = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": [ACTIVE, RESOLVED]})
    started_at = fields.String(required=True, metadata=_TIME)
    ended_at = fields.String(required=True, allow_none=True, metadata=_TIME)
    duration = fields.String(required=True, metadata={"examples": ["2m 30s"]})
    duration_ms = fields.Integer(required=True, metadata={"description": "Of an ongoing one, so far."})
    is_ongoing = fields.Boolean(required=True)
    details = fields.String(required=True, allow_none=True, metadata={"description": "What went wrong."})


class IncidentHistorySchema(Schema):
    incidents = fields.List(fields.Nested(PastIncidentSchema), required=True)
    total = fields.Integer(required=True, metadata={"description": TOTAL})


class PastAlertSchema(Schema):
    """One attempt to tell one channel."""

    id = fields.Integer(required=True)
    incident_id = fields.Integer(required=True)
    type = fields.String(required=True, attribute="channel_type")
    status = fields.Enum(AlertStatus, by_value=True, required=True)
    channel_name = fields.String(required=True)
    sent_at = Instant(required=True, allow_none=True)
    error_message = fields.String(required=True, allow_none=True)


class AlertHistorySchema(Schema):
    alerts = fields.List(fields.Nested(PastAlertSchema), required=True)
    total = fields.Integer(required=True, metadata={"description": TOTAL})


def past_incident_document(incident: Any, now: datetime) -> dict[str, Any]:
    """An incident as the family tells of it, for PastIncidentSchema."""
    is_ongoing = incident.status is IncidentStatus.OPEN
    duration_ms = incident.duration_ms(now)
    return {
        "id": incident.id,
        "type": incident.type,
        "status": ACTIVE if is_ongoing else RESOLVED,
        "started_at": to_english(incident.started_at),
        "ended_at": None if is_ongoing else to_english(incident.ended_at),
        "duration": duration_text(duration_ms),
        "duration_ms": duration_ms,
        "is_ongoing": is_ongoing,
        "details": incident.error_message,
    }
