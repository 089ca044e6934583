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


def make_days(now: datetime) -> list[date]:
    """Make the tables of the days that are missing, each in a transaction of its own. Returns the days."""
    today = now.astimezone(UTC).date()
    made: list[date] = []
    while missing := _missing_days(today):
        _make(missing[0])
        db.session.commit()
        made.append(missing[0])
    db.session.commit()
    return made


def drop_days(before: datetime) -> list[date]:
    """Drop the tables of days that ended before this instant, each in a transaction of its own."""
    dropped: list[date] = []
    while old := [day for day in _days() if _start_of(day + timedelta(1)) <= before]:
        db.session.execute(text(f"DROP TABLE {_table(old[0])}"))
        db.session.commit()
        dropped.append(old[0])
    db.session.commit()
    return dropped


def _missing_days(today: date) -> list[date]:
    existing = set(_days())
    ahead = {today + timedelta(days) for days in range(DAYS_AHEAD + 1)}
    return sorted((ahead | _days_elsewhere(today)) - existing)


def forget_elsewhere(before: datetime) -> int:
    """Remove what is older than this instant from the table for all others. Returns how many that were."""
    removed = db.session.execute(
        text(f"DELETE FROM {OTHER} WHERE checked_at < :before"),  # noqa: S608 - a constant
        {"before": before},
    )
    db.session.commit()
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
    table, bounds = _table(day), {"start": _start_of(day), "end": _start_of(day + timedelta(1))}
    db.session.execute(text(f"CREATE TABLE {table} (LIKE {PARENT} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    db.session.execute(
        text(
            f"WITH moved AS (DELETE FROM {OTHER}"  # noqa: S608 - names we made
            " WHERE checked_at >= :start AND checked_at < :end RETURNING *)"
            f" INSERT INTO {table} SELECT * FROM moved"
        ),
        bounds,
    )
    db.session.execute(
        text(
            f"ALTER TABLE {PARENT} ATTACH PARTITION {table}"
            f" FOR VALUES FROM ('{bounds['start'].isoformat()}') TO ('{bounds['end'].isoformat()}')"
        )
    )


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _table(day: date) -> str:
    return f"{PARENT}_{day:%Y%m%d}"


def _day(table: str) -> date:
    return datetime.strptime(table.removeprefix(f"{PARENT}_"), "%Y%m%d").replace(tzinfo=UTC).date()
