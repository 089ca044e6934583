"""What `details` takes and answers (contract 3.2). docs/uptime.md says how the figures come about."""

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any

from marshmallow import fields

from app.api.maintenance_windows.schemas import MaintenanceSchema, maintenance_document
from app.api.monitors.history_schemas import PastAlertSchema, PastIncidentSchema, past_incident_document
from app.api.monitors.schemas import CheckResultSchema, MonitorWithCustomerSchema
from app.api.time_fields import Moment
from app.clock import from_ms
from app.documents.fields import Choice, Instant, TimeZone
from app.documents.schema import Schema
from app.domain.calendar import CalendarUnit
from app.domain.enums import CheckStatus
from app.domain.uptime import Segment, TimeKind
from app.services.asked_range import MAX_LENGTH, MAX_POINTS, Granularity
from app.services.details import LOG, MAX_RAW, MAX_SEGMENTS, Details, Figures

UNITS = (CalendarUnit.DAY, CalendarUnit.WEEK, CalendarUnit.MONTH, CalendarUnit.YEAR)
MILLISECONDS = "Milliseconds."
MEAN = "Milliseconds on average, of the checks that did not fail; null without any."
SHARE = (
    "Percent of the time that is known: up / (up + down), cut to four decimals; null when nothing is known."
)
OF_RANGE = "The calendar period that has `date`; weeks begin with Monday."
OF_DATE = "A day or an instant; now by default. Its day, month and year are in `uptimeStats`."
OF_START = "From the beginning of a day, or an instant. Wins over `range`."
OF_END = (
    "To the end of a day, or an instant. Without it: the end of `date`, or now. At most "
    f"{MAX_LENGTH.days} days after the start."
)
OF_GRANULARITY = (
    f"How much time one point sums up, of {MAX_POINTS} at most; `raw` has results instead. By default hours "
    "for a day or a week, days for a month, months for longer."
)
OF_NO_DATA = "Results were overdue wherever they were due."
OF_NOT_WATCHED = "Nobody was to know: disabled, or before the first result."
OF_CHECKS = "What is told of checks is of the hours in UTC that begin in the range, until `checksUntil`."
OF_P95 = (
    "Milliseconds that 95 % of them did not exceed, as near as a histogram tells: the true value is in the "
    "same bucket (docs/uptime.md). 60000 may stand for more."
)
OF_TIMINGS = "Milliseconds by rung: of a stretch on average, without rungs that took no time."
OF_TRUNCATED = f"There are more results in the range than the newest {MAX_RAW}, which are told."
OF_SEGMENTS = f"The range as it was, stretch by stretch; of many the newest {MAX_SEGMENTS}."
OF_LATEST = "Null as long as no result is kept."
OF_MONITORING_DATA = (
    "In the order of time. Stretches of time that together are the range; with `granularity=raw`, results."
)
OF_ZONE = "Whose days, weeks, months and years are meant. The organization's by default."


class DetailsArgsSchema(Schema):
    unit = Choice(UNITS, data_key="range", load_default=CalendarUnit.DAY, metadata={"description": OF_RANGE})
    reference = Moment(data_key="date", metadata={"description": OF_DATE})
    start = Moment(data_key="startDate", metadata={"description": OF_START})
    end = Moment(data_key="endDate", metadata={"description": OF_END})
    granularity = Choice(Granularity, metadata={"description": OF_GRANULARITY})
    time_zone = TimeZone(metadata={"description": OF_ZONE})


class LatestCheckSchema(Schema):
    status = fields.Enum(CheckStatus, by_value=True, required=True)
    checked_at = Instant(required=True)
    timing_imap_pop = fields.Integer(
        required=True, attribute="timing_ms", metadata={"description": MILLISECONDS}
    )
    error_code = fields.String(required=True, allow_none=True)
    error_message = fields.String(required=True, allow_none=True)
    warning_message = fields.String(required=True, allow_none=True)
    location_code = fields.String(required=True, attribute="location.code")
    location_name = fields.String(required=True, attribute="location.name")


class UptimeStatsSchema(Schema):
    day = fields.Float(required=True, allow_none=True, metadata={"description": SHARE})
    month = fields.Float(required=True, allow_none=True)
    year = fields.Float(required=True, allow_none=True)
    day_avg_response = fields.Integer(required=True, allow_none=True, metadata={"description": MEAN})
    month_avg_response = fields.Integer(required=True, allow_none=True)
    year_avg_response = fields.Integer(required=True, allow_none=True)


class StretchSchema(Schema):
    """What a stretch of time came to. The five times add up to it."""

    from_ = Instant(required=True, data_key="from")
    until = Instant(required=True, metadata={"description": "It ends before; now at the latest."})
    uptime = fields.Float(required=True, allow_none=True, metadata={"description": SHARE})
    up_ms = fields.Integer(required=True, metadata={"description": MILLISECONDS})
    down_ms = fields.Integer(required=True)
    maintenance_ms = fields.Integer(required=True)
    no_data_ms = fields.Integer(required=True, metadata={"description": OF_NO_DATA})
    not_watched_ms = fields.Integer(required=True, metadata={"description": OF_NOT_WATCHED})
    checks = fields.Integer(required=True)
    warnings = fields.Integer(required=True)
    failures = fields.Integer(required=True)
    avg_response = fields.Integer(required=True, allow_none=True, metadata={"description": MEAN})
    p95_response = fields.Integer(required=True, allow_none=True, metadata={"description": OF_P95})
    timings = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"description": OF_TIMINGS}
    )


class FiguresSchema(StretchSchema):
    """The same with what it covers exactly."""

    longest_outage_ms = fields.Integer(
        required=True, metadata={"description": "Without a break, and within the range."}
    )
    checks_from = Instant(required=True, metadata={"description": OF_CHECKS})
    checks_until = Instant(required=True)


class ResultPointSchema(Schema):
    id = fields.UUID(required=True, attribute="public_id")
    checked_at = Instant(required=True)
    status = fields.Enum(CheckStatus, by_value=True, required=True)
    error_code = fields.String(required=True, allow_none=True)
    timing_imap_pop = fields.Integer(required=True, attribute="timing_ms")
    in_maintenance = fields.Boolean(required=True)
    location_id = fields.Integer(required=True)
    location_code = fields.String(required=True)
    location_name = fields.String(required=True)


def _optional(schema: type[Schema]) -> dict[str, fields.Field[Any]]:
    found = {name: copy(field) for name, field in schema().fields.items()}
    for field in found.values():
        field.required = False
    return found


PointSchema = Schema.from_dict(
    {**_optional(ResultPointSchema), **_optional(StretchSchema)}, name="MonitoringPointSchema"
)
"""A point of the chart: a stretch of time, or with `granularity=raw` a result."""


class SegmentSchema(Schema):
    from_ = Instant(required=True, data_key="from")
    until = Instant(required=True)
    state = fields.Enum(TimeKind, by_value=True, required=True, attribute="kind")


class UptimeStatsMetaSchema(Schema):
    """What the figures are of, to the millisecond."""

    time_zone = fields.String(required=True)
    granularity = fields.Enum(Granularity, by_value=True, required=True)
    truncated = fields.Boolean(required=True, metadata={"description": OF_TRUNCATED})
    range = fields.Nested(FiguresSchema, required=True, metadata={"description": "What was asked for."})
    day = fields.Nested(FiguresSchema, required=True)
    month = fields.Nested(FiguresSchema, required=True)
    year = fields.Nested(FiguresSchema, required=True)
    segments = fields.List(fields.Nested(SegmentSchema), required=True, metadata={"description": OF_SEGMENTS})
    segments_truncated = fields.Boolean(required=True)


class DetailsSchema(Schema):
    imap_pop_monitor_id = fields.Integer(required=True)
    monitor = fields.Nested(MonitorWithCustomerSchema, required=True)
    latest_check = fields.Nested(
        LatestCheckSchema, required=True, allow_none=True, metadata={"description": OF_LATEST}
    )
    uptime_stats = fields.Nested(UptimeStatsSchema, required=True)
    uptime_stats_meta = fields.Nested(UptimeStatsMetaSchema, required=True)
    monitoring_data = fields.List(
        fields.Nested(PointSchema), required=True, metadata={"description": OF_MONITORING_DATA}
    )
    incidents = fields.List(fields.Nested(PastIncidentSchema), required=True)
    alerts = fields.List(fields.Nested(PastAlertSchema), required=True)
    test_result_log = fields.List(
        fields.Nested(CheckResultSchema),
        required=True,
        metadata={"description": f"The newest {LOG} results."},
    )
    maintenance = fields.Nested(MaintenanceSchema, required=True)


def details_document(details: Details, monitor: dict[str, Any], now: datetime) -> dict[str, Any]:
    """For DetailsSchema; `monitor` is the document of the monitor."""
    by_unit = {unit.value: figures_document(figures) for unit, figures in details.by_unit.items()}
    stats = {name: document["uptime"] for name, document in by_unit.items()}
    means = {f"{name}_avg_response": document["avg_response"] for name, document in by_unit.items()}
    if details.results is None:
        points = [figures_document(figures) for figures in details.points]
    else:
        points = [_result_document(result) for result in details.results]
    return {
        "imap_pop_monitor_id": details.monitor.id,
        "monitor": monitor,
        "latest_check": details.log[0] if details.log else None,
        "uptime_stats": {**stats, **means},
        "uptime_stats_meta": {
            "time_zone": details.asked.zone.key,
            "granularity": details.asked.granularity,
            "truncated": details.is_truncated,
            "range": figures_document(details.of_range),
            **by_unit,
            "segments": [_segment_document(segment) for segment in details.segments],
            "segments_truncated": details.is_segments_truncated,
        },
        "monitoring_data": points,
        "incidents": [past_incident_document(incident, now) for incident in details.incidents],
        "alerts": details.alerts,
        "test_result_log": details.log,
        "maintenance": maintenance_document(details.maintenance),
    }


def figures_document(figures: Figures) -> dict[str, Any]:
    uptime, checks = figures.uptime, figures.checks
    return {
        "from_": figures.within.from_,
        "until": figures.within.until,
        "uptime": uptime.percentage,
        "up_ms": uptime.up_ms,
        "down_ms": uptime.down_ms,
        "maintenance_ms": uptime.maintenance_ms,
        "no_data_ms": uptime.no_data_ms,
        "not_watched_ms": uptime.not_watched_ms,
        "longest_outage_ms": uptime.longest_down_ms,
        "checks_from": figures.checks_within.from_,
        "checks_until": figures.checks_within.until,
        "checks": checks.checks,
        "warnings": checks.warnings,
        "failures": checks.failures,
        "avg_response": checks.average_ms,
        "p95_response": checks.p95_ms,
        "timings": checks.timings,
    }


def _result_document(result: Mapping[str, Any]) -> dict[str, Any]:
    return {**result, "timings": result["timings"] or {}}


def _segment_document(segment: Segment) -> dict[str, Any]:
    return {"from_": from_ms(segment.from_ms), "until": from_ms(segment.until_ms), "kind": segment.kind}
