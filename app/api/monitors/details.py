"""All of one monitor in one call (contract 3.2)."""

from typing import Any

from app.api.context import current_actor, now
from app.api.monitors import examples
from app.api.monitors.details_schemas import DetailsArgsSchema, DetailsSchema, details_document
from app.api.monitors.routes import MONITOR_PATH, UNKNOWN, blp, document_of
from app.services import details
from app.services.access import Action
from app.services.uptime import TOO_MUCH


@blp.route("/<string:publicId>/details", **MONITOR_PATH)
@blp.allow(Action.READ)
@blp.arguments(DetailsArgsSchema, location="query")
@blp.response(200, DetailsSchema, example=examples.DETAILS)
@blp.fails(*UNKNOWN, f"503 {TOO_MUCH}")
def get_imap_pop_monitor_details(query: dict[str, Any], public_id: str) -> Any:
    """Show a monitor with its uptime, chart, incidents, alerts, results and maintenance"""
    found = details.details(current_actor(), public_id, now=now(), **query)
    return details_document(found, document_of(found.monitor), now())
