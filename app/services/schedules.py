"""When and where monitors are checked: the hot table, in step with monitors, claimed by schedulers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, literal, or_, select, update
from sqlalchemy.orm import selectinload

from app.clock import to_ms
from app.domain.enums import Health, MonitorStatus
from app.domain.schedule import data_until_ms, next_slot_ms, stable_offset_ms
from app.extensions import db
from app.models import Customer, Location, Monitor, MonitorSchedule
from app.services import maintenance, verdicts
from app.services.locking import begin_writing
from app.services.verdicts import Left

LEASE_MARGIN_MS = 15_000
"""How much longer than its timeout a check may keep its row: time to be recorded."""

SPREAD_GRACE_MS = 5_000
"""Rows less late than this at a start are simply due; older ones would come as a burst."""

SPREAD_MS = 5 * 60_000
"""Over how long what was missed is spread at most: a mailbox checked once a day must not miss a day."""

FARTHEST_MS = 15 * 60_000
"""Nothing that backs off is planned further ahead than its interval and this."""

CLOCKS_APART_MS = 15_000
"""Nothing else is planned, and nothing held, further ahead than its interval, or its lease, and this: the
clocks of two schedulers need not quite agree."""

BATCH = 500


def allowed_countries(monitor: Monitor) -> list[str] | None:
    """The monitor's own restriction, else its customer's, else none."""
    return monitor.allowed_check_country_codes or monitor.customer.allowed_check_country_codes or None


def is_eligible(location: Location, countries: list[str] | None) -> bool:
    return countries is None or location.country in countries


def sync(monitor: Monitor, now: datetime, *, is_due: bool = True, is_spread: bool = False) -> None:
    """Make the monitor's rows say what the monitor says; with `is_due` it is to be checked at once.

    With `is_spread`, rows that were not planned get their own slot within one interval instead.
    """
    sync_many([monitor], now, is_due=is_due, is_spread=is_spread)


def sync_many(
    monitors: Iterable[Monitor], now: datetime, *, is_due: bool = True, is_spread: bool = False
) -> None:
    """The same for many, which had better have their schedules and customers loaded."""
    locations = list(db.session.scalars(select(Location).order_by(Location.id)))
    how = {"is_due": is_due and not is_spread, "is_spread": is_spread}
    left = [one for monitor in monitors for one in _sync(monitor, locations, to_ms(now), **how)]
    verdicts.stop_watching(left, now)


def sync_customer(customer: Customer, now: datetime) -> None:
    """Follow a change of the countries that the customer allows."""
    _sync_all(Monitor.customer_id == customer.id, now)


def sync_location(location: Location, now: datetime) -> None:
    """Make the rows that are missing at a new location, and follow a change of its country."""
    _sync_all(Monitor.id.is_not(None), now, [location])


def add_missing(location_id: int, now: datetime) -> None:
    """Make the rows of monitors that were being made while the location registered."""
    row = MonitorSchedule
    has_row = exists().where(row.monitor_id == Monitor.id, row.location_id == location_id)
    _sync_all(~has_row, now, [db.session.get_one(Location, location_id)])


def _sync_all(which: ColumnElement[bool], now: datetime, locations: list[Location] | None = None) -> None:
    """In slices, so that a large organization does not have to fit into memory."""
    places = locations or list(db.session.scalars(select(Location).order_by(Location.id)))
    query = (
        select(Monitor)
        .where(which)
        .options(selectinload(Monitor.schedules), selectinload(Monitor.customer))
        .order_by(Monitor.id)
        .limit(BATCH)
        # Held, so that none is removed between being read and having its rows written.
        .with_for_update(key_share=True, of=Monitor)
    )
    begin_writing()
    after = 0
    while monitors := list(db.session.scalars(query.where(Monitor.id > after))):
        left = [_sync(monitor, places, to_ms(now), is_due=False) for monitor in monitors]
        verdicts.stop_watching([one for some in left for one in some], now)
        after = monitors[-1].id


def _sync(
    monitor: Monitor, locations: Iterable[Location], now_ms: int, *, is_due: bool, is_spread: bool = False
) -> list[Left]:
    """Returns the rows that knew something and are planned no more."""
    rows = {row.location_id: row for row in monitor.schedules}
    countries = allowed_countries(monitor)
    left = []
    for location in locations:
        row = rows.get(location.id)
        if row is None:
            row = MonitorSchedule(location_id=location.id)
            monitor.schedules.append(row)
        row.interval_ms, row.timeout_ms = monitor.interval_ms, monitor.timeout_ms
        row.mailbox_key, row.server = monitor.mailbox_key, monitor.server
        row.organization_id = monitor.organization_id
        row.offset_ms = stable_offset_ms(f"{monitor.public_id}@{location.code}", monitor.interval_ms)
        if monitor.status is MonitorStatus.DISABLED or not is_eligible(location, countries):
            # A row that is just being made has no values yet.
            if row.id and (row.streak or row.health is not Health.PENDING):
                left.append(Left(row, row.data_until_ms))
            row.next_check_at_ms = row.data_until_ms = None
        elif is_due or row.next_check_at_ms is None:
            planned_ms = next_slot_ms(now_ms, row.interval_ms, row.offset_ms) if is_spread else now_ms
            if row.data_until_ms is None or row.data_until_ms >= now_ms:
                row.data_until_ms = data_until_ms(planned_ms, row.interval_ms, row.timeout_ms)
            row.next_check_at_ms = planned_ms
        if is_due:
            # Whoever changed the monitor may have mended what was wrong.
            row.refusals, row.is_slow = 0, False
    return left


def trigger(schedule_ids: list[int], now: datetime, *, pause_ms: int) -> bool:
    """Make planned rows due at once; False when one is not planned, or was triggered within `pause_ms`."""
    now_ms = to_ms(now)
    triggered = db.session.execute(
        update(MonitorSchedule)
        .where(MonitorSchedule.id.in_(schedule_ids), MonitorSchedule.next_check_at_ms.is_not(None))
        .where(
            or_(
                MonitorSchedule.triggered_at_ms.is_(None),
                MonitorSchedule.triggered_at_ms <= now_ms - pause_ms,
                # Of a time that the clock showed before it was set back.
                MonitorSchedule.triggered_at_ms > now_ms + pause_ms,
            )
        )
        .values(triggered_at_ms=now_ms, next_check_at_ms=now_ms, refusals=0, is_slow=False)
        .returning(MonitorSchedule.id)
        .execution_options(synchronize_session=False)
    )
    return len(triggered.all()) == len(schedule_ids)


def is_free(row: Any, now_ms: int) -> ColumnElement[bool]:
    """Nobody is checking it: no lease, or one that ran out."""
    return or_(row.lease_until_ms.is_(None), row.lease_until_ms < now_ms)


def next_slot(now_ms: int) -> ColumnElement[int]:
    """`domain.schedule.next_slot_ms` in SQL."""
    row = MonitorSchedule
    return literal(now_ms) + row.interval_ms - (literal(now_ms) - row.offset_ms) % row.interval_ms


def spread_overdue(location_id: int, now: datetime) -> int:
    """At a start, spread what was missed meanwhile over its interval, or over 5 minutes if that is less.

    Monitors never checked yet stay due at once. Returns how many were put off.
    """
    now_ms = to_ms(now)
    row = MonitorSchedule
    soon = literal(now_ms) + row.offset_ms % SPREAD_MS
    moved = db.session.execute(
        update(MonitorSchedule)
        .where(
            MonitorSchedule.location_id == location_id,
            MonitorSchedule.next_check_at_ms < now_ms - SPREAD_GRACE_MS,
            MonitorSchedule.last_checked_at.is_not(None),
        )
        .values(next_check_at_ms=case((row.interval_ms > SPREAD_MS, soon), else_=next_slot(now_ms)))
        .returning(MonitorSchedule.id)
        .execution_options(synchronize_session=False)
    )
    return len(moved.all())


def bring_back(location_id: int, now: datetime) -> int:
    """Plan anew what waits for a time that the clock showed before it was set back.

    Leases of then end now; their results still count, because the tokens stay. Returns how many rows
    were planned anew.
    """
    now_ms = to_ms(now)
    row = MonitorSchedule
    here = update(row).where(row.location_id == location_id).execution_options(synchronize_session=False)
    db.session.execute(
        here.where(row.lease_until_ms > now_ms + CLOCKS_APART_MS + LEASE_MARGIN_MS + row.timeout_ms).values(
            lease_until_ms=now_ms
        )
    )
    farthest = case((row.refusals > 0, FARTHEST_MS), else_=CLOCKS_APART_MS)
    planned = db.session.execute(
        here.where(row.next_check_at_ms > literal(now_ms) + farthest + row.interval_ms)
        .values(
            next_check_at_ms=next_slot(now_ms),
            data_until_ms=next_slot(now_ms) + 2 * row.interval_ms + row.timeout_ms,
        )
        .returning(row.id)
    )
    return len(planned.all())


def take_back(location_id: int, now: datetime) -> int:
    """Make due at once what was claimed and not recorded within its lease: its scheduler was killed.

    Otherwise it would be checked an interval later, and had missed one already. Should a result come in
    after all it still counts, until the next claim: the token stays. Returns how many rows that were.
    """
    now_ms = to_ms(now)
    row = MonitorSchedule
    # Who holds a row at this moment is about to settle it, and waiting for it could be a deadlock.
    ended = select(row.id).where(row.location_id == location_id, row.lease_until_ms < now_ms)
    taken = db.session.execute(
        update(row)
        .where(row.id.in_(ended.with_for_update(skip_locked=True)))
        .values(
            lease_until_ms=None,
            next_check_at_ms=case((row.next_check_at_ms > now_ms, now_ms), else_=row.next_check_at_ms),
        )
        .returning(row.id)
        .execution_options(synchronize_session=False)
    )
    return len(taken.all())


def recheck_after_maintenance(location_id: int, now: datetime) -> int:
    """Make due at once what failed, or warned, when its maintenance ended: an alarm was held back.

    Returns how many rows that were.
    """
    now_ms = to_ms(now)
    row = MonitorSchedule
    found = db.session.execute(
        select(row.id.label("schedule_id"), Monitor.id, Monitor.customer_id, Monitor.status)
        .join(Monitor, Monitor.id == row.monitor_id)
        .where(row.location_id == location_id, row.in_maintenance, row.next_check_at_ms > now_ms)
        .where(is_free(row, now_ms), or_(row.health == Health.DOWN, row.warning_alarms.is_not(None)))
    ).all()
    if not found:
        return 0
    coverage = maintenance.covered(now, {monitor.id: monitor.customer_id for monitor in found})
    over = [monitor.schedule_id for monitor in found if not coverage.silences(monitor)]
    if over:
        # Who holds a row at this moment is about to settle it, and waiting for it could be a deadlock.
        waiting = select(row.id).where(row.id.in_(over), row.next_check_at_ms > now_ms, is_free(row, now_ms))
        db.session.execute(
            update(row)
            .where(row.id.in_(waiting.with_for_update(skip_locked=True)))
            .values(next_check_at_ms=now_ms)
            .execution_options(synchronize_session=False)
        )
    return len(over)


def unplan_disabled(location_id: int) -> int:
    """Take disabled monitors off the plan, should a change that raced with theirs have put them on it."""
    row = MonitorSchedule
    is_disabled = exists().where(Monitor.id == row.monitor_id, Monitor.status == MonitorStatus.DISABLED)
    unplanned = db.session.execute(
        update(row)
        .where(row.location_id == location_id, row.next_check_at_ms.is_not(None), is_disabled)
        .values(next_check_at_ms=None, data_until_ms=None)
        .returning(row.id)
        .execution_options(synchronize_session=False)
    )
    return len(unplanned.all())


@dataclass(frozen=True)
class Load:
    """What a lane of a location has to do."""

    due: int
    """Checks due and not begun."""
    lag_ms: int
    """How late the oldest of them is."""
    in_flight: int


def load_by_lane(now: datetime) -> dict[tuple[str, bool], Load]:
    """The load of each location's lanes, by the location's code and whether the lane is the slow one."""
    now_ms = to_ms(now)
    row = MonitorSchedule
    codes = {place.id: place.code for place in db.session.execute(select(Location.id, Location.code))}
    # Both as their indexes are laid out, which have few rows: what is due, and what is being checked.
    here, lanes = row.location_id.in_(sorted(codes)), row.is_slow.in_((False, True))
    place = (row.location_id, row.is_slow)
    due = db.session.execute(
        select(*place, func.count(), func.min(row.next_check_at_ms))
        .where(here, lanes, row.next_check_at_ms <= now_ms, is_free(row, now_ms))
        .group_by(*place)
    )
    in_flight = db.session.execute(
        select(*place, func.count()).where(here, row.lease_until_ms >= now_ms).group_by(*place)
    )
    waiting = {
        (number, is_slow): (count, now_ms - (oldest or now_ms)) for number, is_slow, count, oldest in due
    }
    begun = {(number, is_slow): count for number, is_slow, count in in_flight}
    return {
        (code, is_slow): Load(
            *waiting.get((number, is_slow), (0, 0)), in_flight=begun.get((number, is_slow), 0)
        )
        for number, code in sorted(codes.items())
        for is_slow in (False, True)
    }
