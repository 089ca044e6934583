"""A customer's month as a table for spreadsheets (ours)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import Response

from app.api.context import current_actor, now
from app.api.csv_file import MEDIA_TYPE, TEXT, TOO_MANY_EXPORTS, csv_response
from app.api.customers import examples
from app.api.customers.routes import CUSTOMER_PATH, UNKNOWN, blp
from app.api.time_fields import Month
from app.documents.fields import TimeZone
from app.documents.schema import Schema
from app.domain.calendar import CalendarUnit, day_of, range_of
from app.services import customers, organizations, sla
from app.services.access import Action
from app.services.sla import Line

COLUMNS = (
    "publicId",
    "name",
    "hostname",
    "uptimePercent",
    "upMinutes",
    "downtimeMinutes",
    "maintenanceMinutes",
    "noDataMinutes",
    "notWatchedMinutes",
    "incidents",
    "longestOutageMinutes",
    "avgResponseMs",
    "p95ResponseMs",
    "checks",
)
OF_MONTH = "Such as 2026-11. Without it: this month so far."
OF_ZONE = "Where the month begins and ends. Without it: the organization's."


class SlaArgsSchema(Schema):
    month = Month(metadata={"description": OF_MONTH})
    time_zone = TimeZone(metadata={"description": OF_ZONE})


@blp.route("/<string:publicId>/sla.csv", **CUSTOMER_PATH)
@blp.allow(Action.READ)
@blp.arguments(SlaArgsSchema, location="query")
@blp.response(200, TEXT, content_type=MEDIA_TYPE, example=examples.SLA)
@blp.fails(*UNKNOWN, f"503 {TOO_MANY_EXPORTS}")
def export_customer_sla(query: dict[str, Any], public_id: str) -> Response:
    """Export the month of each of a customer's monitors as CSV"""
    customer = customers.get(current_actor(), public_id)
    zone = organizations.zone_of(customer.organization_id, query.get("time_zone"))
    first: date = query.get("month") or day_of(now(), zone)
    batches = sla.lines(customer, range_of(CalendarUnit.MONTH, first, zone), now())
    rows = ([_cells(line) for line in batch] for batch in batches)
    return csv_response(f"sla-{first:%Y-%m}-{customer.public_id}.csv", COLUMNS, rows)


def _cells(line: Line) -> Sequence[Any]:
    uptime, checks = line.uptime, line.checks
    return (
        line.public_id and str(line.public_id),
        line.name,
        line.hostname,
        uptime.percentage,
        _minutes(uptime.up_ms),
        _minutes(uptime.down_ms),
        _minutes(uptime.maintenance_ms),
        _minutes(uptime.no_data_ms),
        _minutes(uptime.not_watched_ms),
        line.incidents,
        _minutes(uptime.longest_down_ms),
        checks.average_ms,
        checks.p95_ms,
        checks.checks,
    )


def _minutes(milliseconds: int) -> str:
    """To the second and more: 0.01 minutes are 0.6 seconds."""
    return f"{milliseconds / 60_000:.2f}"
