"""Places that checks run from: registered by their scheduler, active while it beats."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, inspect, select, update

from app.extensions import db
from app.models import Location

HEARTBEAT_SECONDS = 10
ACTIVE_FOR = timedelta(seconds=60)


def register(
    *, code: str, name: str, country: str | None, has_references: bool = False, now: datetime
) -> Location:
    """The location's row, made at the first start and brought up to date at every one."""
    location = db.session.scalar(select(Location).where(Location.code == code))
    if location is None:
        location = Location(code=code, created_at=now)
        db.session.add(location)
    location.name, location.country = name, country
    location.has_references = has_references
    if not has_references:
        # Nobody looks any more, so nobody would clear it.
        location.suspect_since = None
    location.heartbeat_at = location.updated_at = now
    db.session.flush()  # the id, for the schedule rows
    return location


def beat(location_id: int, now: datetime) -> None:
    db.session.execute(update(Location).where(Location.id == location_id).values(heartbeat_at=now))


COUNTERS = ("checks_begun", "checks_late", "checks_put_off", "checks_skipped")


def count(location_id: int, **counted: int) -> None:
    """Add to the location's counters, named as its columns are."""
    values = {name: getattr(Location, name) + number for name, number in counted.items()}
    db.session.execute(update(Location).where(Location.id == location_id).values(values))


def counters() -> dict[str, dict[str, int]]:
    """For each location's code what its schedulers have counted."""
    rows = db.session.execute(
        select(Location.code, *(getattr(Location, name) for name in COUNTERS)).order_by(Location.id)
    )
    return {row.code: {name: getattr(row, name) for name in COUNTERS} for row in rows}


def active(now: datetime) -> list[Location]:
    """The locations whose scheduler has been heard of in the last 60 s."""
    return list(
        db.session.scalars(
            select(Location).where(Location.heartbeat_at > now - ACTIVE_FOR).order_by(Location.id)
        )
    )


def heartbeats() -> dict[str, datetime]:
    """Each location's code and when it was last heard of."""
    rows = db.session.execute(select(Location.code, Location.heartbeat_at).order_by(Location.id))
    return {row.code: row.heartbeat_at for row in rows}


def last_heard(connection: Connection) -> datetime | None:
    """When the last scheduler of any location was heard of; also in a database without tables."""
    if not inspect(connection).has_table(Location.__tablename__):
        return None
    heard: datetime | None = connection.scalar(select(func.max(Location.heartbeat_at)))
    return heard
