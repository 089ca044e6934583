"""Incident endpoints (contract section 4)."""

from typing import Any

from app.api.base import Blueprint
from app.api.context import current_actor, now
from app.api.incidents import examples
from app.api.incidents.schemas import (
    AcknowledgementSchema,
    CommentSchema,
    IncidentListSchema,
    IncidentQueryArgsSchema,
    IncidentWithTimelineSchema,
    incident_document,
)
from app.documents.fields import REFERENCE_PATTERN
from app.extensions import db
from app.services import incidents
from app.services.access import Action

INCIDENT_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "publicId",
            "in": "path",
            "required": True,
            "description": "The incident's public UUID, or its numeric id.",
            "schema": {"type": "string", "pattern": REFERENCE_PATTERN},
        }
    ]
}
UNKNOWN = (f"400 {incidents.INVALID_INCIDENT}", f"404 {incidents.NOT_FOUND}")

blp = Blueprint(
    "Incidents",
    __name__,
    url_prefix="/api/incidents",
    description="What is or was broken, and who takes care of it",
)


@blp.route("")
@blp.allow(Action.READ)
@blp.arguments(IncidentQueryArgsSchema, location="query")
@blp.response(200, IncidentListSchema, example=examples.LIST)
@blp.fails("404 Organization not found")
def list_incidents(query: dict[str, Any]) -> Any:
    """List incidents of all monitors, newest first"""
    newest = incidents.list_recent(current_actor(), **query)
    return {"incidents": [incident_document(row, now()) for row in newest.rows], "total": newest.total}


@blp.route("/<string:publicId>", **INCIDENT_PATH)
@blp.allow(Action.READ)
@blp.response(200, IncidentWithTimelineSchema, example=examples.WITH_TIMELINE)
@blp.fails(*UNKNOWN)
def get_incident(public_id: str) -> Any:
    """Show an incident, with what happened to it and the evidence"""
    return _document(incidents.get(current_actor(), public_id))


@blp.route("/<string:publicId>/acknowledge", methods=["POST"], **INCIDENT_PATH)
@blp.allow(Action.WRITE_INCIDENT)
@blp.arguments(AcknowledgementSchema, required=False, example={})
@blp.response(200, IncidentWithTimelineSchema, example=examples.ACKNOWLEDGED)
@blp.fails(*UNKNOWN, f"409 {incidents.RESOLVED}")
def acknowledge_incident(_body: dict[str, Any], public_id: str) -> Any:
    """Take care of an incident: reminders end, and nobody else is called"""
    incident = incidents.acknowledge(current_actor(), public_id, now=now())
    document = _document(incident)
    db.session.commit()
    return document


@blp.route("/<string:publicId>/comments", methods=["POST"], **INCIDENT_PATH)
@blp.allow(Action.WRITE_INCIDENT)
@blp.arguments(CommentSchema, example=examples.COMMENT_REQUEST)
@blp.response(201, IncidentWithTimelineSchema, example=examples.COMMENTED)
@blp.fails(*UNKNOWN)
def comment_on_incident(body: dict[str, Any], public_id: str) -> Any:
    """Add to the timeline of an incident, also of a resolved one"""
    incident = incidents.comment(current_actor(), public_id, now=now(), **body)
    document = _document(incident)
    db.session.commit()
    return document, {"Location": f"/api/incidents/{incident.public_id}"}


def _document(incident: Any) -> dict[str, Any]:
    return {
        **incident_document(incident, now()),
        "timeline": incidents.timeline(current_actor(), incident),
        "evidence": incident.evidence,
    }
