"""What is in maintenance, and was: by what is written down, and by windows that have begun since.

Windows are written down seconds after they begin, or later where no scheduler runs (maintenance_periods.py).
Whoever asks here need not know: what is due to be written down counts as if it were.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, null, or_, select, union_all
from sqlalchemy.orm import outerjoin, selectinload

from app.domain.enums import MonitorStatus
from app.domain.maintenance import next_start
from app.extensions import db
from app.models import MaintenancePeriod, MaintenanceTarget, MaintenanceWindow
from app.services.maintenance_periods import concerns, plan_of, unnoted, unnoted_at

SHOWN = 100
"""Windows of one monitor."""

Period = tuple[datetime, datetime]
"""From the one instant to before the other."""

_PERIOD, _WINDOW, _TARGET = MaintenancePeriod, MaintenanceWindow, MaintenanceTarget
_PLAN = (
    _WINDOW.start_time,
    _WINDOW.end_time,
    _WINDOW.time_zone,
    _WINDOW.is_recurring,
    _WINDOW.recurrence_pattern,
    _WINDOW.noted_until,
)
_SUBJECTS = (
    select(_WINDOW.customer_id, _TARGET.monitor_id, *_PLAN)
    .outerjoin(_WINDOW.targets)
    # A window that has lost its last monitor covers nothing.
    .where(or_(_WINDOW.covers_customer, _TARGET.monitor_id.is_not(None)))
)
"""Windows with one row for each of their monitors, or one without a monitor for a whole customer."""

_AT: Any = bindparam("at")
_MONITORS: Any = bindparam("monitors", expanding=True)
_CUSTOMERS: Any = bindparam("customers", expanding=True)
_OPEN = select(_PERIOD.customer_id, _PERIOD.monitor_id, *(null() for _ in _PLAN)).where(
    _PERIOD.ended_at > _AT, _PERIOD.started_at <= _AT
)
# Put together once, because every batch of results asks. The windows come first: their types count.
_COVERED: Any = union_all(
    _SUBJECTS.where(
        _WINDOW.next_start_at <= _AT,
        _WINDOW.customer_id.in_(_CUSTOMERS),
        or_(_WINDOW.covers_customer, _TARGET.monitor_id.in_(_MONITORS)),
    ),
    _OPEN.where(_PERIOD.monitor_id.in_(_MONITORS)),
    _OPEN.where(_PERIOD.customer_id.in_(_CUSTOMERS), _PERIOD.monitor_id.is_(None)),
)
ASKED_AT_ONCE = 1000
"""Monitors in one statement; databases take some ten thousand parameters."""


@dataclass(frozen=True)
class Coverage:
    """What windows cover at one instant, of what was asked. A monitor's own status is not among it."""

    customers: frozenset[int]
    """All monitors of these."""
    monitors: frozenset[int]

    def covers(self, customer_id: int, monitor_id: int) -> bool:
        return customer_id in self.customers or monitor_id in self.monitors

    def silences(self, monitor: Any) -> bool:
        """Whether the monitor is in maintenance, be it by a window or by its own status."""
        by_status: bool = monitor.status is MonitorStatus.MAINTENANCE
        return by_status or self.covers(monitor.customer_id, monitor.id)


def covered(at: datetime, asked: Mapping[int, int]) -> Coverage:
    """What is covered at an instant that is not long ago. `asked`: monitors' numbers -> their customers'.

    One query for each thousand of them, which reads what is open of theirs however much else is.
    """
    customers, monitors = set(), set()
    pairs = iter(asked.items())
    while part := dict(islice(pairs, ASKED_AT_ONCE)):
        given = {"at": at, "monitors": list(part), "customers": sorted(set(part.values()))}
        for row in db.session.connection().execute(_COVERED, given):
            if row.noted_until is None or unnoted_at(row, at) is not None:
                if row.monitor_id is None:
                    customers.add(row.customer_id)
                else:
                    monitors.add(row.monitor_id)
    return Coverage(frozenset(customers), frozenset(monitors))


def is_covered(monitor_id: Any, customer_id: Any, at: datetime) -> ColumnElement[bool]:
    """The same as a condition on the columns of a query, for one that looks for rows of any monitors."""
    is_open = (_PERIOD.ended_at > at, _PERIOD.started_at <= at)
    of_customer = and_(_PERIOD.customer_id == customer_id, _PERIOD.monitor_id.is_(None))
    conditions = [
        exists().where(whose, *is_open) for whose in (_PERIOD.monitor_id == monitor_id, of_customer)
    ]
    if unwritten := _unwritten(at):
        # In the text, where there may be more of them than parameters.
        ids: Any = bindparam("windows", unwritten, unique=True, expanding=True, literal_execute=True)
        conditions.append(
            exists()
            .select_from(outerjoin(_WINDOW, _TARGET, _WINDOW.id == _TARGET.window_id))
            .where(_WINDOW.id.in_(ids), _WINDOW.customer_id == customer_id)
            .where(or_(_WINDOW.covers_customer, _TARGET.monitor_id == monitor_id))
        )
    return or_(*conditions)


def _unwritten(at: datetime, *conditions: ColumnElement[bool]) -> list[int]:
    """The ids of windows that have begun since they were written down, and are open."""
    begun = select(_WINDOW.id, *_PLAN).where(_WINDOW.next_start_at <= at, *conditions)
    return [row.id for row in db.session.execute(begun) if unnoted_at(row, at) is not None]


def periods(monitor: Any, from_: datetime, until: datetime, now: datetime) -> list[Period]:
    """When the monitor was in maintenance, from the one instant to before the other and until now at most.

    By windows and by its own status. In order; no two of them touch.
    """
    return _periods(monitor.customer_id, [monitor], from_, min(until, now))[monitor.id]


def periods_of(
    customer: Any, monitors: Sequence[Any], from_: datetime, until: datetime, now: datetime
) -> dict[int, list[Period]]:
    """The same for up to some thousand monitors of one customer, by the monitor's id, in two queries."""
    return _periods(customer.id, monitors, from_, min(until, now))


def _periods(
    customer_id: int, monitors: Sequence[Any], from_: datetime, until: datetime
) -> dict[int, list[Period]]:
    found: defaultdict[int | None, list[Period]] = defaultdict(list)
    for monitor_id, start, end in [
        *_noted(customer_id, [monitor.id for monitor in monitors], from_, until),
        *_unnoted(customer_id, until),
    ]:
        found[monitor_id].append((max(start, from_), min(end, until)))
    return {
        monitor.id: _merged([*found[monitor.id], *_since(monitor.customer_since, found[None])])
        for monitor in monitors
    }


def _noted(
    customer_id: int, monitor_ids: Sequence[int], from_: datetime, until: datetime
) -> Iterator[tuple[int | None, datetime, datetime]]:
    of_all = and_(_PERIOD.customer_id == customer_id, _PERIOD.monitor_id.is_(None))
    columns = select(_PERIOD.monitor_id, _PERIOD.started_at, _PERIOD.ended_at)
    within = (_PERIOD.started_at < until, or_(_PERIOD.ended_at > from_, _PERIOD.ended_at.is_(None)))
    whose = or_(of_all, _PERIOD.monitor_id.in_(monitor_ids))
    for monitor_id, start, end in db.session.execute(columns.where(whose, *within)):
        yield monitor_id, start, end or until


def _unnoted(customer_id: int, until: datetime) -> Iterator[tuple[int | None, datetime, datetime]]:
    has_begun = (_WINDOW.customer_id == customer_id, _WINDOW.next_start_at <= until)
    for row in db.session.execute(_SUBJECTS.where(*has_begun)):
        for occurrence in unnoted(row, until):
            yield row.monitor_id, occurrence.start, occurrence.end


def _since(instant: datetime | None, of_customer: Iterable[Period]) -> Iterable[Period]:
    """What of the customer's periods concerns a monitor that came to it at that instant."""
    if instant is None:
        return of_customer
    return [(max(start, instant), end) for start, end in of_customer]


def _merged(found: Iterable[Period]) -> list[Period]:
    merged: list[Period] = []
    for start, end in sorted(found):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def shown(monitor: Any, now: datetime) -> dict[str, Any]:
    """What `details` shows of a monitor's maintenance (contract 3.2).

    `in_maintenance`; `active_windows`, those that are open; `all_windows`, those that are open or to come,
    the newest first and 100 at most.
    """
    is_noted = exists().where(
        _PERIOD.window_id == _WINDOW.id,
        _PERIOD.started_at <= now,
        _PERIOD.ended_at > now,
        or_(_PERIOD.monitor_id == monitor.id, _PERIOD.monitor_id.is_(None)),
    )
    rows = db.session.execute(
        select(_WINDOW, is_noted)
        .where(
            concerns(monitor.id, monitor.customer_id),
            or_(is_noted, _WINDOW.next_start_at.is_not(None)),
        )
        .order_by(is_noted.desc(), _WINDOW.id.desc())
        .limit(SHOWN)
        .options(selectinload(_WINDOW.targets))
    )
    is_open = {window: noted or unnoted_at(window, now) is not None for window, noted in rows}
    windows = [window for window in is_open if is_open[window] or next_start(plan_of(window), now)]
    windows.sort(key=lambda window: window.id, reverse=True)
    active = [window for window in windows if is_open[window]]
    return {
        "in_maintenance": bool(active) or monitor.status is MonitorStatus.MAINTENANCE,
        "active_windows": active,
        "all_windows": windows,
    }


def open_windows(organization_id: int, now: datetime) -> set[int]:
    """The ids of the organization's windows that are open."""
    noted = (
        select(_WINDOW.id)
        .join(_PERIOD, _PERIOD.window_id == _WINDOW.id)
        .where(_WINDOW.organization_id == organization_id)
        .where(_PERIOD.started_at <= now, _PERIOD.ended_at > now)
    )
    unwritten = _unwritten(now, _WINDOW.organization_id == organization_id)
    return set(unwritten).union(db.session.scalars(noted))
