"""What became of one monitor: its incidents, and who was told of them (contract 3.2)."""

from typing import Any

from app.api.context import current_actor, now
from app.api.monitors import examples
from app.api.monitors.history_schemas import (
    AlertHistorySchema,
    IncidentHistorySchema,
    past_incident_document,
)
from app.api.monitors.routes import MONITOR_PATH, UNKNOWN, blp
from app.services import incidents
from app.services.access import Action


@blp.route("/<string:publicId>/incident-history", **MONITOR_PATH)
@blp.allow(Action.READ)
@blp.response(200, IncidentHistorySchema, example=examples.INCIDENT_HISTORY)
@blp.fails(*UNKNOWN)
def list_imap_pop_incident_history(public_id: str) -> Any:
    """List a monitor's newest 100 incidents"""
    newest = incidents.history(current_actor(), public_id)
    return {"incidents": [past_incident_document(row, now()) for row in newest.rows], "total": newest.total}


@blp.route("/<string:publicId>/alert-history", **MONITOR_PATH)
@blp.allow(Action.READ)
@blp.response(200, AlertHistorySchema, example=examples.ALERT_HISTORY)
@blp.fails(*UNKNOWN)
def list_imap_pop_alert_history(public_id: str) -> Any:
    """List the newest 100 attempts to tell somebody of a monitor's incidents"""
    newest = incidents.alert_history(current_actor(), public_id)
    return {"alerts": newest.rows, "total": newest.total}
