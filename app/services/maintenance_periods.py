"""Writing down what is maintenance: each occurrence when it begins, and what changes while one is open.

`maintenance_periods` is what uptime is computed from. What a row tells of the past never changes; of one that
is open the end may move, to now at the earliest.

Who holds what, in this order, or two that wait for each other would be a deadlock: the customers whose
windows or monitors are changed, the windows that are written for, the monitors. Noting changes no window and
holds no customer.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, insert, or_, select
from sqlalchemy.orm import selectinload

from app.domain.enums import MonitorStatus
from app.domain.maintenance import (
    Occurrence,
    Window,
    next_start,
    occurrence_at,
    recurrence_of,
    starts_after,
)
from app.extensions import db
from app.models import Customer, MaintenancePeriod, MaintenanceTarget, MaintenanceWindow, Monitor
from app.services.locking import begin_writing

WINDOWS, ROWS = 50, 1000
"""How many windows are noted in one transaction, and how many periods of each (one occurrence at least)."""


def plan_of(window: Any) -> Window:
    """Of a row with the window's columns."""
    pattern = window.recurrence_pattern if window.is_recurring else None
    return Window(
        start=window.start_time,
        end=window.end_time,
        time_zone=window.time_zone,
        recurrence=pattern and recurrence_of(pattern),
    )


def unnoted(window: Any, until: datetime) -> Iterator[Occurrence]:
    """What has begun by that instant and is not written down."""
    plan = plan_of(window)
    for start in starts_after(plan, window.noted_until):
        if start > until:
            return
        yield Occurrence(start, start + plan.length)


def unnoted_at(window: Any, instant: datetime) -> Occurrence | None:
    """What is open at that instant and is not written down."""
    found = occurrence_at(plan_of(window), instant)
    return found if found is not None and found.start > window.noted_until else None


def concerns(monitor_id: Any, customer_id: Any) -> ColumnElement[bool]:
    """Whether a window covers that monitor, which is of that customer, as all of a window's monitors are."""
    window, target = MaintenanceWindow, MaintenanceTarget
    is_target = exists().where(target.window_id == window.id, target.monitor_id == monitor_id)
    return and_(window.customer_id == customer_id, or_(window.covers_customer, is_target))


def hold_customers(*ids: int) -> None:
    """Until the transaction ends nobody else changes their windows, nor which monitors they have."""
    begin_writing()
    customers = select(Customer.id).where(Customer.id.in_(ids)).order_by(Customer.id)
    db.session.execute(customers.with_for_update(key_share=True))


def hold(*conditions: ColumnElement[bool]) -> Sequence[MaintenanceWindow]:
    """The windows that meet the conditions, with their targets, until the transaction ends."""
    begin_writing()
    return db.session.scalars(
        _with_targets(*conditions).order_by(MaintenanceWindow.id).with_for_update(of=MaintenanceWindow)
    ).all()


def _with_targets(*conditions: ColumnElement[bool]) -> Select[MaintenanceWindow]:
    """As they are now, whatever this session knew of them."""
    return (
        select(MaintenanceWindow)
        .where(*conditions)
        .options(selectinload(MaintenanceWindow.targets))
        .execution_options(populate_existing=True)
    )


def note_some(now: datetime) -> bool:
    """Write down some of what has begun; tell whether there was any.

    To be called until there is none, each time in a transaction of its own. Windows that somebody else holds
    are left to them: another scheduler notes them, and who changes one does too.
    """
    has_begun = MaintenanceWindow.next_start_at <= now
    # Asked first without holding anything: hardly ever is there one.
    if db.session.scalar(select(MaintenanceWindow.id).where(has_begun).limit(1)) is None:
        return False
    begin_writing()
    due = _with_targets(has_begun).order_by(MaintenanceWindow.next_start_at).limit(WINDOWS)
    windows = db.session.scalars(due.with_for_update(of=MaintenanceWindow, skip_locked=True)).all()
    for window in windows:
        _note(window, now, max(ROWS // max(len(window.targets), 1), 1))
    return bool(windows)


def catch_up(window: MaintenanceWindow, now: datetime) -> None:
    """Write down all that has begun of a window that is held, as it was planned until now."""
    if window.next_start_at is not None and window.next_start_at <= now:
        _note(window, now, None)


def _note(window: MaintenanceWindow, now: datetime, limit: int | None) -> None:
    begun = list(islice(unnoted(window, now), limit))
    _add(window, begun, _subjects(window))
    is_cut = limit is not None and len(begun) == limit
    window.noted_until = begun[-1].start if is_cut else now
    window.next_start_at = next_start(plan_of(window), window.noted_until)


def settle(window: MaintenanceWindow, now: datetime) -> None:
    """Have what is open now, and what comes next, be as the window says from now on.

    For a window that is new, or was just changed, is held and had been caught up.
    """
    current = occurrence_at(plan_of(window), now) if window.is_active else None
    wanted = set(_subjects(window)) if current else set()
    mine = (MaintenancePeriod.window_id == window.id, MaintenancePeriod.ended_at > now)
    for period in db.session.scalars(select(MaintenancePeriod).where(*mine)):
        is_wanted = period.customer_id == window.customer_id and period.monitor_id in wanted
        if current and is_wanted and period.started_at <= now:
            wanted.remove(period.monitor_id)
            period.ended_at = current.end
        else:
            end(period, now)
    if current:
        _add(window, [Occurrence(now, current.end)], wanted)
    window.noted_until = now
    window.next_start_at = next_start(plan_of(window), now) if window.is_active else None


def end(period: MaintenancePeriod, now: datetime) -> None:
    """It was until now. One that has not begun has not been."""
    if period.started_at < now:
        period.ended_at = now
    else:
        db.session.delete(period)


def status_changed(monitor: Monitor, before: MonitorStatus, now: datetime) -> None:
    """Open or end the monitor's own period; its row is held, and has its new status."""
    if (before is MonitorStatus.MAINTENANCE) is (monitor.status is MonitorStatus.MAINTENANCE):
        return
    if monitor.status is MonitorStatus.MAINTENANCE:
        db.session.add(
            MaintenancePeriod(customer_id=monitor.customer_id, monitor_id=monitor.id, started_at=now)
        )
        return
    is_own = (MaintenancePeriod.monitor_id == monitor.id, MaintenancePeriod.ended_at.is_(None))
    for period in db.session.scalars(select(MaintenancePeriod).where(*is_own)):
        end(period, now)


def _subjects(window: MaintenanceWindow) -> list[int | None]:
    """The monitors; None: all of the customer."""
    return [None] if window.covers_customer else [target.monitor_id for target in window.targets]


def _add(window: MaintenanceWindow, begun: Iterable[Occurrence], subjects: Iterable[int | None]) -> None:
    rows = [
        {
            "window_id": window.id,
            "customer_id": window.customer_id,
            "monitor_id": subject,
            "started_at": found.start,
            "ended_at": found.end,
        }
        for found in begun
        for subject in subjects
    ]
    if rows:
        db.session.execute(insert(MaintenancePeriod), rows)
