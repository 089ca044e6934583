"""PostgreSQL keeps results in a table for each day: made ahead, and dropped whole when they are old.

A result of a day without a table goes to the one for all others, so that none is ever refused; its day is
made later and it is moved there. SQLite keeps all of them in one table.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, text

from app.extensions import db

PARENT, OTHER = "check_results", "check_results_other"
DAYS_AHEAD = 7
LOCK = 7_455_275
"""Any number that nothing else locks (the claims take the one before)."""
LOCK_TIMEOUT = "2s"
"""Waiting longer for a table would hold up everybody behind us; the next run tries again."""


def is_used() -> bool:
    return db.engine.dialect.name == "postgresql"


def is_partitioned(table: str | None) -> bool:
    """Whether the table is one of those that SQLAlchemy can neither describe nor make as they are."""
    return is_used() and (table or "").startswith(PARENT)


def make_day(now: datetime, *, with_past: bool = True) -> date | None:
    """Make the table of the first day that is missing, today or later. Returns the day; None without one.

    `with_past`: also those of results that were stored without one, which takes a while if they are many.
    To be called until it returns None, each time in a transaction of its own.
    """
    missing = _missing_days(now.astimezone(UTC).date(), with_past=with_past)
    if not missing:
        return None
    _make(missing[0])
    return missing[0]


def drop_day(before: datetime) -> date | None:
    """Drop the table of the first day, if it ended before this instant. Returns the day; None if it did not.

    To be called until it returns None, each time in a transaction of its own.
    """
    day = next(iter(_days()), None)
    if day is None or _start_of(day + timedelta(1)) > before:
        return None
    db.session.execute(text(f"DROP TABLE {_table(day)}"))
    return day


def _missing_days(today: date, *, with_past: bool) -> list[date]:
    existing = set(_days())
    ahead = {today + timedelta(days) for days in range(DAYS_AHEAD + 1)}
    return sorted((ahead | (_days_elsewhere(today) if with_past else set())) - existing)


def forget_elsewhere(before: datetime) -> int:
    """Remove what is older than this instant from the table for all others. Returns how many that were."""
    removed = db.session.execute(
        text(f"DELETE FROM {OTHER} WHERE checked_at < :before"),  # noqa: S608 - a constant
        {"before": before},
    )
    return cast("CursorResult[Any]", removed).rowcount


def _days() -> list[date]:
    """The days that have a table, the oldest first. From here to the commit nobody else changes them."""
    db.session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    db.session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    names = db.session.scalars(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:parent AS regclass)"),
        {"parent": PARENT},
    )
    return sorted(_day(name) for name in names if name != OTHER)


def _days_elsewhere(today: date) -> set[date]:
    """The past days of results that had to be put into the table for all others."""
    days = db.session.scalars(
        text(f"SELECT DISTINCT CAST(checked_at AT TIME ZONE 'UTC' AS date) FROM {OTHER}")  # noqa: S608 - a constant
    )
    return {day for day in days if day <= today}


def _make(day: date) -> None:
    """Filled before it is attached, since the table for all others may not hold what belongs into it."""
    create, attach = statements_for(day)
    db.session.execute(text(create))
    db.session.execute(
        text(
            f"WITH moved AS (DELETE FROM {OTHER}"  # noqa: S608 - names we made
            " WHERE checked_at >= :start AND checked_at < :end RETURNING *)"
            f" INSERT INTO {_table(day)} SELECT * FROM moved"
        ),
        {"start": _start_of(day), "end": _start_of(day + timedelta(1))},
    )
    db.session.execute(text(attach))


def statements_for(day: date) -> tuple[str, str]:
    """What makes the table of a day, and what makes it a part of all results."""
    table, start, end = _table(day), _start_of(day), _start_of(day + timedelta(1))
    create = f"CREATE TABLE {table} (LIKE {PARENT} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
    bounds = f"FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    return create, f"ALTER TABLE {PARENT} ATTACH PARTITION {table} FOR VALUES {bounds}"


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _table(day: date) -> str:
    return f"{PARENT}_{day:%Y%m%d}"


def _day(table: str) -> date:
    return datetime.strptime(table.removeprefix(f"{PARENT}_"), "%Y%m%d").replace(tzinfo=UTC).date()
