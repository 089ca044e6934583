"""When and where monitors are checked: the hot table, in step with monitors, claimed by schedulers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, case, exists, func, literal, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import selectinload
from sqlalchemy.sql.functions import FunctionElement

from app.clock import to_ms
from app.domain.enums import MonitorStatus
from app.domain.schedule import stable_offset_ms
from app.extensions import db
from app.models import Customer, Location, Monitor, MonitorSchedule

LEASE_MARGIN_MS = 15_000
"""How much longer than its timeout a check may keep its row: time to be recorded."""

SPREAD_GRACE_MS = 5_000
"""Rows less late than this at a start are simply due; older ones would come as a burst."""

SPREAD_MS = 5 * 60_000
"""Over how long what was missed is spread at most: a mailbox checked once a day must not miss a day."""

FARTHEST_MS = 15 * 60_000
"""Nothing is planned, or held, further ahead than its interval, or its lease, and this."""

BATCH = 500


@dataclass(frozen=True)
class ClaimedCheck:
    """One check that this scheduler has to run now, with all that it needs to run it."""

    schedule_id: int
    token: UUID
    monitor_id: int
    monitor_public_id: UUID
    location_id: int
    hostname: str
    port: int | None
    timeout_seconds: int
    config_encrypted: str = field(repr=False)


class random_uuid(FunctionElement[UUID]):  # noqa: N801 - an SQL function, spelt as one
    """A new UUID for each row, made by the database in the shape in which the Uuid type reads it."""

    type = Uuid()
    inherit_cache = True


@compiles(random_uuid, "postgresql")
def _uuid_on_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return "gen_random_uuid()"


@compiles(random_uuid, "sqlite")
def _uuid_on_sqlite(_element: object, _compiler: object, **_: object) -> str:
    return "lower(hex(randomblob(16)))"


def allowed_countries(monitor: Monitor) -> list[str] | None:
    """The monitor's own restriction, else its customer's, else none."""
    return monitor.allowed_check_country_codes or monitor.customer.allowed_check_country_codes or None


def is_eligible(location: Location, countries: list[str] | None) -> bool:
    return countries is None or location.country in countries


def sync(monitor: Monitor, now: datetime, *, is_due: bool = True) -> None:
    """Make the monitor's rows say what the monitor says; with `is_due` it is to be checked at once."""
    locations = list(db.session.scalars(select(Location).order_by(Location.id)))
    _sync(monitor, locations, to_ms(now), is_due=is_due)


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
    )
    after = 0
    while monitors := list(db.session.scalars(query.where(Monitor.id > after))):
        for monitor in monitors:
            _sync(monitor, places, to_ms(now), is_due=False)
        after = monitors[-1].id


def _sync(monitor: Monitor, locations: Iterable[Location], now_ms: int, *, is_due: bool) -> None:
    rows = {row.location_id: row for row in monitor.schedules}
    countries = allowed_countries(monitor)
    for location in locations:
        row = rows.get(location.id)
        if row is None:
            row = MonitorSchedule(location_id=location.id)
            monitor.schedules.append(row)
        row.interval_ms, row.timeout_ms = monitor.interval_ms, monitor.timeout_ms
        row.offset_ms = stable_offset_ms(f"{monitor.public_id}@{location.code}", monitor.interval_ms)
        if monitor.status is MonitorStatus.DISABLED or not is_eligible(location, countries):
            row.next_check_at_ms = None
        elif is_due or row.next_check_at_ms is None:
            row.next_check_at_ms = now_ms


def trigger(schedule_ids: list[int], now: datetime, *, pause_ms: int) -> bool:
    """Make rows due at once; False when one of them was triggered less than `pause_ms` ago."""
    now_ms = to_ms(now)
    triggered = db.session.execute(
        update(MonitorSchedule)
        .where(MonitorSchedule.id.in_(schedule_ids))
        .where(
            or_(
                MonitorSchedule.triggered_at_ms.is_(None),
                MonitorSchedule.triggered_at_ms <= now_ms - pause_ms,
                # Of a time that the clock showed before it was set back.
                MonitorSchedule.triggered_at_ms > now_ms + pause_ms,
            )
        )
        .values(triggered_at_ms=now_ms, next_check_at_ms=now_ms)
        .returning(MonitorSchedule.id)
        .execution_options(synchronize_session=False)
    )
    return len(triggered.all()) == len(schedule_ids)


def claim(location_id: int, now: datetime, limit: int) -> list[ClaimedCheck]:
    """Take at most `limit` due rows of a location: lease, token and next planned time in one statement.

    The next time is set now and not when the check ends, so that a crash costs one check and never
    a monitor. Rows that another scheduler is just claiming are passed over.
    """
    statement = claim_statement(location_id, to_ms(now), limit, dialect=db.engine.dialect.name)
    claimed = db.session.execute(statement).all()
    tokens = {row.id: row.lease_token for row in claimed}
    rows = db.session.execute(
        select(
            MonitorSchedule.id,
            Monitor.id.label("monitor_id"),
            Monitor.public_id,
            Monitor.hostname,
            Monitor.port,
            Monitor.timeout_seconds,
            Monitor.config_encrypted,
        )
        .join(Monitor, Monitor.id == MonitorSchedule.monitor_id)
        .where(MonitorSchedule.id.in_(tokens))
    )
    return [
        ClaimedCheck(
            schedule_id=row.id,
            token=tokens[row.id],
            monitor_id=row.monitor_id,
            monitor_public_id=row.public_id,
            location_id=location_id,
            hostname=row.hostname,
            port=row.port,
            timeout_seconds=row.timeout_seconds,
            config_encrypted=row.config_encrypted,
        )
        for row in rows
    ]


def claim_statement(location_id: int, now_ms: int, limit: int, *, dialect: str) -> Any:
    """`UPDATE … RETURNING` over the due rows; PostgreSQL locks them, SQLite has one writer anyway."""
    row = MonitorSchedule
    due: Any = (
        select(row.id)
        .where(row.location_id == location_id, row.next_check_at_ms <= now_ms)
        .where(or_(row.lease_until_ms.is_(None), row.lease_until_ms < now_ms))
        .order_by(row.next_check_at_ms)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if dialect == "postgresql":
        # As a subquery it might be run again for a row and pass the limit. SQLite needs the subquery:
        # its driver begins no transaction for a statement that starts with WITH.
        due = select(due.cte("due").c.id)
    return (
        update(row)
        .where(row.id.in_(due))
        .values(
            lease_token=random_uuid(),
            lease_until_ms=literal(now_ms + LEASE_MARGIN_MS) + row.timeout_ms,
            next_check_at_ms=_next_slot(now_ms),
        )
        .returning(row.id, row.lease_token)
        .execution_options(synchronize_session=False)
    )


def _next_slot(now_ms: int) -> ColumnElement[int]:
    """`domain.schedule.next_slot_ms` in SQL."""
    row = MonitorSchedule
    return literal(now_ms) + row.interval_ms - (literal(now_ms) - row.offset_ms) % row.interval_ms


def release(tokens: Iterable[UUID], now: datetime) -> None:
    """Give back checks that were claimed and will not be run: they are due at once for whoever is left.

    A monitor that was disabled meanwhile stays unplanned.
    """
    planned = MonitorSchedule.next_check_at_ms
    db.session.execute(
        update(MonitorSchedule)
        .where(MonitorSchedule.lease_token.in_(list(tokens)))
        .values(
            lease_until_ms=None,
            lease_token=None,
            next_check_at_ms=case((planned.is_not(None), to_ms(now))),
        )
        .execution_options(synchronize_session=False)
    )


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
        .values(next_check_at_ms=case((row.interval_ms > SPREAD_MS, soon), else_=_next_slot(now_ms)))
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
        here.where(row.lease_until_ms > now_ms + FARTHEST_MS + LEASE_MARGIN_MS + row.timeout_ms).values(
            lease_until_ms=now_ms
        )
    )
    planned = db.session.execute(
        here.where(row.next_check_at_ms > now_ms + FARTHEST_MS + row.interval_ms)
        .values(next_check_at_ms=_next_slot(now_ms))
        .returning(row.id)
    )
    return len(planned.all())


def due_count_and_oldest(now: datetime) -> tuple[int, int]:
    """How many rows are due and not being checked, and by how many milliseconds the oldest is late."""
    now_ms = to_ms(now)
    row = MonitorSchedule
    count, oldest = db.session.execute(
        select(func.count(), func.min(row.next_check_at_ms))
        .where(row.next_check_at_ms <= now_ms)
        .where(or_(row.lease_until_ms.is_(None), row.lease_until_ms < now_ms))
    ).one()
    return count, 0 if oldest is None else now_ms - oldest
