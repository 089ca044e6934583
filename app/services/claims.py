"""Claiming due checks: which scheduler runs what, and never two of one mailbox at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, case, exists, func, literal, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement

from app.clock import to_ms
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import MonitorStatus
from app.extensions import db
from app.models import Customer, Monitor, MonitorSchedule, Organization
from app.services.inherited import inherited
from app.services.schedules import LEASE_MARGIN_MS, is_free, next_slot

CLAIM_LOCK = 7_455_274
"""Any number that nothing else locks (the migrations take the one before)."""


@dataclass(frozen=True)
class Choice:
    """Which of the due checks are wanted: those of a lane, and of one server or of none of several."""

    is_slow: bool = False
    server: str | None = None
    other_servers_than: frozenset[str] = frozenset()
    other_organizations_than: frozenset[int] = frozenset()


EVERYBODY = Choice()


class random_uuid(FunctionElement[UUID]):  # noqa: N801 - an SQL function, spelt as one
    """A new UUID for each row, made by the database in the shape in which the Uuid type reads it."""

    type = Uuid()
    inherit_cache = True


@compiles(random_uuid, "postgresql")
def _uuid_on_postgresql(_element: object, _compiler: object, **_: object) -> str:
    return "gen_random_uuid()"


@compiles(random_uuid, "sqlite")
def _uuid_on_sqlite(_element: object, _compiler: object, **_: object) -> str:
    # Version 4 (RFC 9562): version and variant have their places, the rest is random.
    return (
        "lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2)"
        " || substr('89ab', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))"
    )


def _wait_for_turn() -> None:
    """One claim at a time on PostgreSQL, so that two schedulers cannot take two rows of one mailbox."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(CLAIM_LOCK)))


def claim(location_id: int, now: datetime, limit: int, choice: Choice = EVERYBODY) -> list[ClaimedCheck]:
    """Take at most `limit` due rows of a location: lease, token and next planned time in one statement.

    The next time is set now and not when the check ends, so that a crash costs one check and never
    a monitor. A mailbox whose check is in flight anywhere is passed over: its row stays due.
    """
    _wait_for_turn()
    statement = claim_statement(location_id, to_ms(now), limit, choice, dialect=db.engine.dialect.name)
    taken = {row.id: row for row in db.session.execute(statement)}
    if not taken:
        return []
    rows = db.session.execute(
        select(
            MonitorSchedule.id.label("schedule_id"),
            MonitorSchedule.organization_id,
            MonitorSchedule.server,
            MonitorSchedule.interval_ms,
            MonitorSchedule.refusals,
            Monitor.id.label("monitor_id"),
            Monitor.public_id.label("monitor_public_id"),
            Monitor.protocol,
            Monitor.hostname,
            Monitor.port,
            Monitor.timeout_seconds,
            Monitor.config_encrypted,
            Monitor.customer_id,
            (Monitor.status == MonitorStatus.MAINTENANCE).label("is_maintenance"),
            inherited("alert_consecutive_checks").label("alert_checks"),
            inherited("recovery_consecutive_checks").label("recovery_checks"),
        )
        .join(Monitor, Monitor.id == MonitorSchedule.monitor_id)
        .join(Customer, Customer.id == Monitor.customer_id)
        .join(Organization, Organization.id == Monitor.organization_id)
        .where(MonitorSchedule.id.in_(taken))
        .order_by(MonitorSchedule.due_at_ms, MonitorSchedule.id)
    )
    return [
        ClaimedCheck(
            token=taken[schedule_id].lease_token,
            location_id=location_id,
            is_slow=choice.is_slow,
            due_at_ms=taken[schedule_id].due_at_ms,
            planned_at_ms=taken[schedule_id].next_check_at_ms,
            **columns,
        )
        for columns in (row._asdict() for row in rows)
        for schedule_id in [columns["schedule_id"]]
    ]


def claim_statement(location_id: int, now_ms: int, limit: int, choice: Choice, *, dialect: str) -> Any:
    """`UPDATE … RETURNING` over the due rows; PostgreSQL locks them, SQLite has one writer anyway."""
    row, other = MonitorSchedule, aliased(MonitorSchedule)
    is_before = or_(
        other.next_check_at_ms < row.next_check_at_ms,
        and_(other.next_check_at_ms == row.next_check_at_ms, other.id < row.id),
    )
    due: Any = (
        select(row.id)
        .where(*_is_wanted(row, location_id, now_ms, choice))
        # No other row of the same mailbox is being checked, nor would be taken before this one.
        .where(_no_other(row, other, other.lease_until_ms >= now_ms))
        .where(_no_other(row, other, and_(*_is_wanted(other, location_id, now_ms, choice), is_before)))
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
            due_at_ms=row.next_check_at_ms,
            next_check_at_ms=next_slot(now_ms),
        )
        .returning(row.id, row.lease_token, row.due_at_ms, row.next_check_at_ms)
        .execution_options(synchronize_session=False)
    )


def _is_wanted(row: Any, location_id: int, now_ms: int, choice: Choice) -> Iterator[ColumnElement[bool]]:
    """The row is due, free, and of those that were asked for."""
    # What is added hides the column from the index of due rows, which is good for the rows to be taken only.
    # A planner that expects few due rows would else go through all of them again for each row.
    yield (row.location_id if row is MonitorSchedule else row.location_id + literal(0)) == location_id
    yield row.is_slow.is_(choice.is_slow)
    yield row.next_check_at_ms <= now_ms
    yield is_free(row, now_ms)
    if choice.server is not None:
        yield row.server == choice.server
    if choice.other_servers_than:
        yield row.server.not_in(choice.other_servers_than)
    if choice.other_organizations_than:
        yield row.organization_id.not_in(choice.other_organizations_than)


def _no_other(row: Any, other: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Looked up by the mailbox's index for each row that is about to be taken.

    Written as NOT EXISTS, PostgreSQL would join the whole table instead.
    """
    is_same_mailbox = and_(other.mailbox_key == row.mailbox_key, other.id != row.id)
    return select(literal(1)).where(is_same_mailbox, condition).limit(1).scalar_subquery().is_(None)


def is_in_flight(mailbox_key: str, now: datetime) -> bool:
    """Whether some scheduler is checking that mailbox."""
    row = MonitorSchedule
    is_checked = and_(row.mailbox_key == mailbox_key, row.lease_until_ms >= to_ms(now))
    return bool(db.session.scalar(select(exists().where(is_checked))))


def release(tokens: Iterable[UUID]) -> None:
    """Give back checks that were claimed and will not be run: they are due again as they were before.

    A monitor that was disabled meanwhile stays unplanned.
    """
    row = MonitorSchedule
    db.session.execute(
        update(row)
        .where(row.lease_token.in_(list(tokens)))
        .values(
            lease_until_ms=None,
            lease_token=None,
            next_check_at_ms=case((row.next_check_at_ms.is_not(None), row.due_at_ms)),
        )
        .execution_options(synchronize_session=False)
    )
