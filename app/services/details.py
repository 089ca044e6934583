"""All that is shown of one monitor in one answer (contract 3.2, `details`): few queries for any range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import to_ms
from app.domain.calendar import CalendarUnit, TimeRange, range_of
from app.domain.rollup import Period
from app.domain.uptime import Segment, Span, Uptime, cut, measure
from app.models import Alert, CheckResult, Incident
from app.services import (
    asked_range,
    check_history,
    check_sums,
    incidents,
    maintenance,
    monitors,
    organizations,
)
from app.services.access import Actor
from app.services.asked_range import AskedRange, Granularity
from app.services.check_sums import CheckSums
from app.services.uptime import room_for, span_of, timelines

LOG = 50
"""Results in the log."""
MAX_RAW = 2000
MAX_SEGMENTS = 2000
CALENDAR = (CalendarUnit.DAY, CalendarUnit.MONTH, CalendarUnit.YEAR)


@dataclass(frozen=True)
class Figures:
    """What a range of time came to."""

    within: TimeRange
    uptime: Uptime
    checks: CheckSums
    checks_within: TimeRange
    """What the sums of checks are of: the hours in UTC that begin in the range, the last one until now."""


@dataclass(frozen=True)
class Details:
    """`points` sum up the range, unless it is told raw: then `results` has its newest ones."""

    monitor: Any
    asked: AskedRange
    of_range: Figures
    by_unit: dict[CalendarUnit, Figures]
    """The day, the month and the year that have the reference day, as far as they are over."""
    points: list[Figures]
    results: Sequence[Mapping[Any, Any]] | None
    is_truncated: bool
    """There were more results than are told."""
    segments: list[Segment]
    is_segments_truncated: bool
    log: list[CheckResult]
    incidents: list[Incident]
    alerts: list[Alert]
    maintenance: dict[str, Any]


def details(
    actor: Actor, identifier: str, *, now: datetime, time_zone: str | None = None, **asked: Any
) -> Details:
    """`asked`: what `asked_range.resolve` takes. Without a time zone it is the organization's.

    Raises what `monitors.shown`, `asked_range.resolve` and `uptime.room_for` raise.
    """
    monitor = monitors.shown(actor, identifier)
    zone = organizations.zone_of(monitor.organization_id, time_zone)
    wanted = asked_range.resolve(zone, now, **asked)
    calendar = {unit: range_of(unit, wanted.day, zone).before(now) for unit in CALENDAR}
    points = wanted.points()
    ranges = [wanted.within, *calendar.values(), *points]
    sums = check_sums.by_range(monitor.id, ranges)
    whole = TimeRange(min(one.from_ for one in ranges), max(one.until for one in ranges))
    with room_for(monitor.id, whole):
        stretches = _stretches(monitor, whole, now)
        of_range, *figures = [
            Figures(within, measure(stretches, span_of(within)), checks, hours_of(within, now))
            for within, checks in zip(ranges, sums, strict=True)
        ]
        segments = cut(stretches, span_of(wanted.within))
    results = None
    if wanted.granularity is Granularity.RAW:
        results = check_history.points(monitor.id, wanted.within, MAX_RAW + 1)
    return Details(
        monitor=monitor,
        asked=wanted,
        of_range=of_range,
        by_unit=dict(zip(CALENDAR, figures, strict=False)),
        points=figures[len(CALENDAR) :],
        results=results and results[-MAX_RAW:],
        is_truncated=results is not None and len(results) > MAX_RAW,
        segments=segments[-MAX_SEGMENTS:],
        is_segments_truncated=len(segments) > MAX_SEGMENTS,
        log=check_history.latest(monitor.id, LOG),
        incidents=incidents.newest_of(monitor.id),
        alerts=incidents.newest_alerts_of(actor, monitor),
        maintenance=maintenance.shown(monitor, now),
    )


def _stretches(monitor: Any, whole: TimeRange, now: datetime) -> list[Segment]:
    periods = maintenance.periods(monitor, whole.from_, whole.until, now)
    spans = [Span(to_ms(start), to_ms(end)) for start, end in periods]
    return timelines([monitor.id], {monitor.id: spans}, whole, now)[monitor.id]


def hours_of(within: TimeRange, now: datetime) -> TimeRange:
    """The hours in UTC that begin in the range, as far as they are over."""
    begin, end = (Period.HOUR.first_from(instant) for instant in (within.from_, within.until))
    return TimeRange(begin, end).before(now)
