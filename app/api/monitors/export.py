"""A monitor's results as a table for spreadsheets (ours)."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from flask import Response

from app.api.context import current_actor, now
from app.api.csv_file import MEDIA_TYPE, TEXT, TOO_MANY_EXPORTS, csv_response
from app.api.monitors import examples
from app.api.monitors.routes import MONITOR_PATH, UNKNOWN, blp
from app.api.time_fields import Moment
from app.documents.fields import TimeZone
from app.documents.schema import Schema
from app.domain.enums import Phase
from app.services import asked_range, check_history, monitors, organizations
from app.services.access import Action

COLUMNS = (
    "id",
    "checkedAt",
    "localTime",
    "status",
    "errorCode",
    "phase",
    "errorMessage",
    "warningMessage",
    "timingImapPop",
    "inMaintenance",
    "locationId",
    "locationCode",
    "locationName",
    "address",
    "attempts",
    *(f"{phase.value}Ms" for phase in Phase),
)
OF_START = "A day, from its beginning, or an instant. Without it: the oldest that is kept."
OF_END = "A day, to its end, or an instant. Without it: now."
OF_ZONE = "Where days and times without an offset are meant. Without it: the organization's."


class CheckExportArgsSchema(Schema):
    start = Moment(data_key="startDate", metadata={"description": OF_START})
    end = Moment(data_key="endDate", metadata={"description": OF_END})
    time_zone = TimeZone(metadata={"description": OF_ZONE})


@blp.route("/<string:publicId>/check-history.csv", **MONITOR_PATH)
@blp.allow(Action.READ)
@blp.arguments(CheckExportArgsSchema, location="query")
@blp.response(200, TEXT, content_type=MEDIA_TYPE, example=examples.CHECK_EXPORT)
@blp.fails(*UNKNOWN, f"503 {TOO_MANY_EXPORTS}")
def export_imap_pop_check_history(query: dict[str, Any], public_id: str) -> Response:
    """Export a monitor's check results, oldest first, as CSV"""
    monitor = monitors.get(current_actor(), public_id)
    zone = organizations.zone_of(monitor.organization_id, query.pop("time_zone", None))
    within = asked_range.until_now(zone, now(), **query)
    batches = check_history.export(monitor.id, within)
    rows = ([_cells(result, zone) for result in batch] for batch in batches)
    return csv_response(f"check-history-{monitor.public_id}.csv", COLUMNS, rows)


def _cells(result: Any, zone: tzinfo) -> Sequence[Any]:
    diagnostics = result.diagnostics
    timings = diagnostics.get("timings", {})
    return (
        str(result.public_id),
        result.checked_at,
        f"{result.checked_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        result.status.value,
        result.error_code,
        diagnostics.get("phase"),
        result.error_message,
        result.warning_message,
        result.timing_ms,
        result.in_maintenance,
        result.location_id,
        result.location_code,
        result.location_name,
        diagnostics.get("address"),
        diagnostics.get("attempts"),
        *(timings.get(phase.value) for phase in Phase),
    )
