"""Fills the tables that grow: a month of results, each day in the order of time, and their roll-ups."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import Connection, select, text

from app import checkers
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import Location, Session
from app.models.check_rollup import SUMS
from app.services import auth, partitions
from app.services.access import Actor, Origin
from bench.api_fill import analyze, fill
from bench.check_cost import LOOPBACK, SECONDS, Ours
from tests.parts.dovecot import Dovecot

DAYS = 30
FAILED = 50
"""One check in so many fails."""
ROLLUP_HOURS = 2_000
"""Of each monitor: its hours, the last of them not long ago, and as many days."""

RESULTS = """
INSERT INTO check_results (public_id, monitor_id, location_id, checked_at, status, error_code, error_message,
 timing_ms, diagnostics)
SELECT {uuid}, monitors.id, :location, {instant},
 CASE WHEN {failed} THEN 'error' ELSE 'success' END, CASE WHEN {failed} THEN :code END,
 CASE WHEN {failed} THEN :message END, 60 + monitors.id % 90, CASE WHEN {failed} THEN {bad} ELSE {good} END
FROM {series} CROSS JOIN monitors ORDER BY n.at
"""
ROLLUPS = """
INSERT INTO check_rollups (monitor_id, location_id, period, started_at, {sums})
SELECT monitors.id, :location, :period, {instant}, {values} FROM {series} CROSS JOIN monitors
"""
IN_SQL = {
    "sqlite": {
        "uuid": "lower(hex(randomblob(16)))",
        "instant": "strftime('%Y-%m-%d %H:%M:%S.000000', :start,"
        " '+' || (n.at * :step + {lag}) || ' seconds')",
        "series": "(WITH RECURSIVE n(at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM n WHERE at < :last)"
        " SELECT at FROM n) AS n",
        "good": ":good",
        "bad": ":bad",
    },
    "postgresql": {
        "uuid": "gen_random_uuid()",
        "instant": "CAST(:start AS timestamptz) + make_interval(secs => n.at * :step + {lag})",
        "series": "generate_series(0, :last) AS n(at)",
        "good": "CAST(:good AS json)",
        "bad": "CAST(:bad AS json)",
    },
}


@dataclass(frozen=True)
class Samples:
    """What two real checks brought: one that succeeded, and one whose login was refused."""

    good: CheckOutcome
    bad: CheckOutcome

    @property
    def given(self) -> dict[str, Any]:
        return {
            "good": serialized(self.good),
            "bad": serialized(self.bad),
            "code": self.bad.code,
            "message": self.bad.message,
        }

    @property
    def mean_bytes(self) -> float:
        """Of the diagnostics of a check, as text."""
        good, bad = len(serialized(self.good)), len(serialized(self.bad))
        return good + (bad - good) / FAILED


def serialized(outcome: CheckOutcome) -> str:
    """As the database gets it."""
    return str((db.engine.dialect._json_serializer or json.dumps)(outcome.diagnostics))


def samples() -> Samples:
    """Of a Dovecot of our own."""
    with Dovecot() as server:
        target = Ours(server).target
        refused = replace(target, password=f"not {target.password}")
        return Samples(*(checkers.run(asked, SECONDS, LOOPBACK) for asked in (target, refused)))


@dataclass(frozen=True)
class Size:
    """How much there is to be: `results` in all."""

    results: int
    monitors: int

    @property
    def step(self) -> int:
        """Seconds between two results of one monitor."""
        return DAYS * 86_400 * self.monitors // self.results


def fill_all(app: Flask, size: Size, now: datetime, found: Samples) -> Actor:
    """Days that are over, the first of them without a table of its own. Returns an admin."""
    (house,) = fill(db.engine, app.config["CONFIG_STORE"], (size.monitors, 0))
    if partitions.is_used():
        for days in range(DAYS - 1, -1, -partitions.DAYS_AHEAD - 1):
            while partitions.make_day(now - timedelta(days)):
                db.session.commit()
            db.session.commit()
    location = db.session.scalars(select(Location.id)).one()
    db.session.commit()
    with db.engine.connect() as connection:
        _prepare(connection)
        for day in range(DAYS, 0, -1):
            _add_day(connection, now - timedelta(day), location, size, found)
        _add_rollups(connection, "hour", now - timedelta(hours=ROLLUP_HOURS), location, 3_600)
        _add_rollups(connection, "day", now - timedelta(ROLLUP_HOURS), location, 86_400)
    analyze(db.engine)
    return auth.actor_of(db.session.get_one(Session, house.session.id), Origin())


def _prepare(connection: Connection) -> None:
    """What only hurries the filling: memory for SQLite, keys that PostgreSQL need not look up."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA cache_size = -1000000"))
    else:
        connection.execute(text("SET session_replication_role = replica"))
    connection.commit()


def _in_sql(connection: Connection, lag: str) -> dict[str, str]:
    said = IN_SQL[connection.dialect.name]
    return said | {"instant": said["instant"].format(lag=lag)}


def _add_day(connection: Connection, start: datetime, location: int, size: Size, found: Samples) -> None:
    given = found.given | {
        "location": location,
        "start": _instant(connection, start),
        "step": size.step,
        "last": 86_400 // size.step - 1,
    }
    failed = f"(monitors.id + n.at) % {FAILED} = 0"
    said = _in_sql(connection, f"monitors.id * {size.step} / {size.monitors}")
    connection.execute(text(RESULTS.format(failed=failed, **said)), given)
    connection.commit()


def _add_rollups(connection: Connection, period: str, start: datetime, location: int, step: int) -> None:
    """As twelve checks an hour leave them that mostly took about as long."""
    checks = step // 300
    filled = {name: str(checks * 10) for name in SUMS if name.endswith("_ms")}
    filled |= {name: "0" for name in SUMS if name.startswith("within_") or name == "starttls_ms"}
    filled |= {
        "checks": str(checks),
        "within_75_ms": str(checks - 3),
        "within_100_ms": "2",
        "within_150_ms": "1",
    }
    said = _in_sql(connection, "0")
    statement = ROLLUPS.format(
        sums=", ".join(SUMS),
        values=", ".join(filled.get(name, "0") for name in SUMS),
        instant=said["instant"],
        series=said["series"],
    )
    whole = start.replace(minute=0, second=0, microsecond=0, hour=start.hour if period == "hour" else 0)
    given = {
        "location": location,
        "period": period,
        "start": _instant(connection, whole),
        "step": step,
        "last": ROLLUP_HOURS - 1,
    }
    connection.execute(text(statement), given)
    connection.commit()


def _instant(connection: Connection, at: datetime) -> Any:
    return at.strftime("%Y-%m-%d %H:%M:%S") if connection.dialect.name == "sqlite" else at
