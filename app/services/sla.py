"""What a month came to for each monitor of a customer: the figures that an agreement is held against."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from app.clock import to_ms
from app.domain.calendar import TimeRange
from app.domain.uptime import Span, Uptime, cut, measure
from app.extensions import db
from app.models import Incident, Monitor
from app.services import check_sums, maintenance
from app.services.check_sums import NOTHING, CheckSums
from app.services.incident_lifecycle import DOWNTIME
from app.services.uptime import span_of, timelines

BATCH = 100
"""Monitors that are looked at together."""


@dataclass(frozen=True)
class Line:
    """One monitor's month, or that of all of them: then it has no id."""

    name: str
    uptime: Uptime
    checks: CheckSums
    incidents: int
    """Times of downtime that were going on at some moment of the month that is the customer's."""
    public_id: UUID | None = None
    hostname: str | None = None

    def with_added(self, other: "Line") -> "Line":
        return Line(
            name=self.name,
            uptime=self.uptime + other.uptime,
            checks=self.checks + other.checks,
            incidents=self.incidents + other.incidents,
        )


def lines(customer: Any, within: TimeRange, now: datetime) -> Iterator[Sequence[Line]]:
    """A line for each monitor that the customer has now, in batches, and in the last batch one for all.

    Of a monitor that was moved to the customer, what was before is not watched, and its checks and incidents
    are left out.
    The transaction may end between any two batches.
    """
    seen = within.before(now)
    total = Line(name="TOTAL", uptime=Uptime(), checks=NOTHING, incidents=0)
    after = 0
    while monitors := _monitors(customer.id, after):
        batch = _lines(customer, monitors, seen, now)
        for line in batch:
            total = total.with_added(line)
        yield batch
        after = monitors[-1].id
    yield [total]


def _monitors(customer_id: int, after: int) -> Sequence[Any]:
    row = Monitor
    return db.session.execute(
        select(row.id, row.public_id, row.name, row.hostname, row.customer_since)
        .where(row.customer_id == customer_id, row.id > after)
        .order_by(row.id)
        .limit(BATCH)
    ).all()


def _lines(customer: Any, monitors: Sequence[Any], within: TimeRange, now: datetime) -> list[Line]:
    ids = [monitor.id for monitor in monitors]
    own = {monitor.id: _own(monitor, within) for monitor in monitors}
    periods = maintenance.periods_of(customer, monitors, within.from_, within.until, now)
    spans = {key: [Span(to_ms(start), to_ms(end)) for start, end in some] for key, some in periods.items()}
    stretches = timelines(ids, spans, within, now)
    checks = _checks(own)
    incidents = _incidents(ids, within)
    return [
        Line(
            name=monitor.name,
            uptime=measure(cut(stretches[monitor.id], span_of(own[monitor.id])), span_of(within)),
            checks=checks.get(monitor.id, NOTHING),
            incidents=incidents.get(monitor.id, 0),
            public_id=monitor.public_id,
            hostname=monitor.hostname,
        )
        for monitor in monitors
    ]


def _own(monitor: Any, within: TimeRange) -> TimeRange:
    """What of the range the monitor was the customer's; what was before its move is another's."""
    since = monitor.customer_since or within.from_
    return TimeRange(min(max(since, within.from_), within.until), within.until)


def _checks(own: Mapping[int, TimeRange]) -> Mapping[int, CheckSums]:
    """Of the hours in UTC that begin in each monitor's own range, which is the same for all but the moved."""
    ids: defaultdict[TimeRange, list[int]] = defaultdict(list)
    for monitor_id, within in own.items():
        ids[within].append(monitor_id)
    found: dict[int, CheckSums] = {}
    for within, some in ids.items():
        found |= check_sums.by_monitor(some, within)
    return found


def _incidents(monitor_ids: Sequence[int], within: TimeRange) -> Mapping[int, int]:
    if within.from_ >= within.until:
        return {}
    since = func.coalesce(Monitor.customer_since, within.from_)
    counted = db.session.execute(
        select(Incident.monitor_id, func.count())
        .join(Incident.monitor)
        .where(
            Incident.monitor_id.in_(monitor_ids),
            Incident.subject == DOWNTIME,
            Incident.started_at < within.until,
            since < within.until,
            or_(
                Incident.ended_at.is_(None),
                and_(Incident.ended_at > within.from_, Incident.ended_at > since),
            ),
        )
        .group_by(Incident.monitor_id)
    )
    return {row[0]: row[1] for row in counted}
