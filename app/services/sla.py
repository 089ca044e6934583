"""What a month came to for each monitor of a customer: the figures that an agreement is held against."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from app.clock import to_ms
from app.domain.calendar import TimeRange
from app.domain.uptime import Span, Uptime, measure
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
    """Times of downtime that were going on at some moment of the month."""
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
    periods = maintenance.periods_of(customer, monitors, within.from_, within.until, now)
    spans = {key: [Span(to_ms(start), to_ms(end)) for start, end in some] for key, some in periods.items()}
    stretches = timelines(ids, spans, within, now)
    checks = check_sums.by_monitor(ids, within)
    incidents = _incidents(ids, within)
    return [
        Line(
            name=monitor.name,
            uptime=measure(stretches[monitor.id], span_of(within)),
            checks=checks.get(monitor.id, NOTHING),
            incidents=incidents.get(monitor.id, 0),
            public_id=monitor.public_id,
            hostname=monitor.hostname,
        )
        for monitor in monitors
    ]


def _incidents(monitor_ids: Sequence[int], within: TimeRange) -> Mapping[int, int]:
    counted = db.session.execute(
        select(Incident.monitor_id, func.count())
        .where(
            Incident.monitor_id.in_(monitor_ids),
            Incident.subject == DOWNTIME,
            Incident.started_at < within.until,
            or_(Incident.ended_at.is_(None), Incident.ended_at > within.from_),
        )
        .group_by(Incident.monitor_id)
    )
    return {row[0]: row[1] for row in counted}
