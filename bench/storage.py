"""What a month of results takes on disk, and how fast it is written, summed up, read and forgotten."""

import argparse
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import perf_counter
from typing import Any, Self
from uuid import uuid4

import psycopg
from flask import Flask
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import OperationalError

from app.clock import to_ms, utcnow
from app.domain.enums import CheckStatus
from app.extensions import db
from app.models import CheckResult, CheckRollup, Location, Monitor, MonitorSchedule
from app.services import check_history, checks, claims, monitors, partitions, rollups
from app.services.access import Actor
from app.services.checks import CheckRecord
from app.worker import jobs
from app.worker.writer import BATCH_ROWS
from bench import harness
from bench.harness import Spread
from bench.harness_app import kinds, new_app
from bench.storage_fill import DAYS, FAILED, Samples, Size, fill_all, samples
from tests.parts import postgres
from tests.parts.dovecot import BINARY, REMEDY

NAME = "storage"
RESULTS, MONITORS = 10_000_000, 1_200
ROUNDS = 30
HOURS = 3
"""Of which roll-ups are written check by check."""
PAGE = 50
REMOVED = 5
"""Monitors."""
HOURS_A_YEAR, DAYS_A_YEAR = 8_766, 365.25
PAUSE_SECONDS = 0.01
# Page by page: SQLite adds up no more than 4 GB by itself (dbstat.aggregate).
SIZES = {
    "sqlite": "SELECT SUM(pgsize) FROM dbstat JOIN sqlite_schema AS made ON made.name = dbstat.name"
    " WHERE tbl_name = :table AND type = :kind",
    "postgresql": "SELECT SUM(CASE :kind WHEN 'table' THEN pg_table_size(relid)"
    " ELSE pg_indexes_size(relid) END) FROM (SELECT relid FROM pg_partition_tree(CAST(:table AS regclass))"
    " UNION SELECT CAST(:table AS regclass)) AS tables (relid)",
}


def sizes(model: Any) -> tuple[float, float, int]:
    """Bytes a row in the table and in its indexes, and how many rows that are."""
    table = model.__table__.name
    said = text(SIZES[db.engine.dialect.name])
    rows = db.session.scalar(select(func.count()).select_from(model.__table__)) or 0
    taken = [
        float(db.session.scalar(said, {"table": table, "kind": kind}) or 0) for kind in ("table", "index")
    ]
    db.session.rollback()
    return taken[0] / rows, taken[1] / rows, rows


class OtherWriter:
    """Stores a result every now and then, and notes for how long it had to wait."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._ended = Event()
        self._thread = Thread(target=self._run)
        self.waited: list[float] = []
        """Milliseconds."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with self._app.app_context():
            monitor = db.session.scalars(select(func.min(Monitor.id))).one()
            location = db.session.scalars(select(Location.id)).one()
            db.session.rollback()
            while not self._ended.wait(PAUSE_SECONDS):
                begun = perf_counter()
                try:
                    db.session.execute(insert(CheckResult).values(_row(monitor, location)))
                    db.session.commit()
                except OperationalError:  # SQLite's patience is at an end
                    db.session.rollback()
                self.waited.append(1000 * (perf_counter() - begun))

    @property
    def longest(self) -> float:
        return round(max(self.waited, default=0), 1)


def _row(monitor: int, location: int) -> dict[str, Any]:
    return {
        "public_id": uuid4(),
        "monitor_id": monitor,
        "location_id": location,
        "checked_at": utcnow(),
        "status": CheckStatus.SUCCESS,
        "timing_ms": 90,
        "diagnostics": {"timings": {"connect": 20, "login": 60}},
    }


@contextmanager
def noted(times: list[float]) -> Iterator[None]:
    """Milliseconds to the commit."""
    begun = perf_counter()
    yield
    db.session.commit()
    times.append(1000 * (perf_counter() - begun))


def written(found: Samples) -> dict[str, Spread]:
    """How long claiming, storing and summing up take for a batch of the writer's."""
    location = db.session.scalars(select(Location.id)).one()
    times: dict[str, list[float]] = {"claim": [], "record": [], "rollups": []}
    for number in range(ROUNDS + 1):
        now = utcnow()
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(now)))
        db.session.commit()
        with noted(times["claim"]):
            taken = claims.claim(location, now, BATCH_ROWS)
        records = [
            CheckRecord(claim, found.bad if at % FAILED == 0 else found.good, now)
            for at, claim in enumerate(taken)
        ]
        with noted(times["record"]):
            checks.record(records)
        rows = [
            _row(record.claim.monitor_id, location) | {"diagnostics": found.good.diagnostics}
            for record in records
        ]
        with noted(times["rollups"]):
            rollups.add(rows)
        if number == 0:
            times = {name: [] for name in times}  # that was to warm up
    return {f"{name}Ms": Spread.of(spent) for name, spent in times.items()}


def summed_up(now: datetime, found: Samples) -> dict[str, Any]:
    """Bytes that a roll-up takes which was written check by check, twelve an hour, and not yet vacuumed."""
    location = db.session.scalars(select(Location.id)).one()
    ids = db.session.scalars(select(Monitor.id).order_by(Monitor.id)).all()
    table, indexes, rows = sizes(CheckRollup)
    for at in (now + timedelta(minutes=minutes) for minutes in range(0, 60 * HOURS, 5)):
        for first in range(0, len(ids), BATCH_ROWS):
            outcome = {"checked_at": at, "diagnostics": found.good.diagnostics}
            rollups.add([_row(monitor, location) | outcome for monitor in ids[first : first + BATCH_ROWS]])
            db.session.commit()
    later_table, later_indexes, later_rows = sizes(CheckRollup)
    grown = (later_table + later_indexes) * later_rows - (table + indexes) * rows
    return {"bytesPerRollupWritten": round(grown / (later_rows - rows))}


def read(actor: Actor) -> dict[str, Spread]:
    """How long a page of history takes: the newest, and one from the middle."""
    ids = db.session.execute(select(Monitor.id, Monitor.public_id)).all()
    times: dict[str, list[float]] = {"newest": [], "before": []}
    for monitor_id, public_id in ids[:: max(1, len(ids) // ROUNDS)][:ROUNDS]:
        middle = _middle(monitor_id)
        for name, before in (("newest", None), ("before", str(middle))):
            db.session.expunge_all()
            with noted(times[name]):
                check_history.newest(actor, str(public_id), limit=PAGE, before=before)
    return {f"{name}PageMs": Spread.of(spent) for name, spent in times.items()}


def _middle(monitor_id: int) -> Any:
    of = select(CheckResult.public_id).where(CheckResult.monitor_id == monitor_id)
    count = db.session.scalar(select(func.count()).select_from(of.subquery())) or 0
    return db.session.scalar(of.order_by(CheckResult.checked_at).offset(count // 2).limit(1))


def removed(actor: Actor) -> dict[str, Any]:
    """How long it takes to remove a monitor with all its results."""
    times: list[float] = []
    ids = db.session.scalars(select(Monitor.public_id).order_by(Monitor.id.desc()).limit(REMOVED)).all()
    for public_id in ids:
        with noted(times):
            monitors.delete(actor, str(public_id), now=utcnow())
    return {"removeMonitorMs": Spread.of(times)}


def moved(app: Flask, now: datetime) -> dict[str, Any]:
    """PostgreSQL: how fast a day gets a table of its own, and how long others wait for that."""
    count = db.session.scalar(text(f"SELECT COUNT(*) FROM {partitions.OTHER}")) or 0  # noqa: S608 - a constant
    times: list[float] = []
    with OtherWriter(app) as other, noted(times):
        partitions.make_day(now)
    return {"movedRows": count, "moveDayMs": round(times[0], 1), "moveDayLongestWaitMs": other.longest}


def forgotten(app: Flask, now: datetime) -> dict[str, Any]:
    """How fast the job forgets the results of a day, and how long others wait for that."""
    before = _count()
    times: list[float] = []
    with OtherWriter(app) as other, noted(times):
        jobs.forget_old_results(0, now + timedelta(days=1))
    count = before + len(other.waited) - _count()
    return {
        "forgotten": count,
        "forgetMs": round(times[0], 1),
        "forgottenPerSecond": round(1000 * count / times[0]),
        "forgetLongestWaitMs": other.longest,
    }


def _count() -> int:
    count = db.session.scalar(select(func.count()).select_from(CheckResult)) or 0
    db.session.rollback()
    return count


def measure(app: Flask, size: Size, now: datetime, found: Samples) -> dict[str, Any]:
    begun = perf_counter()
    actor = fill_all(app, size, now, found)
    figures: dict[str, Any] = {"fillSeconds": round(perf_counter() - begun, 1)}
    table, indexes, rows = sizes(CheckResult)
    of_rollups, of_their_indexes, rollup_rows = sizes(CheckRollup)
    rollup = of_rollups + of_their_indexes
    figures |= {
        "results": rows,
        "bytesPerCheck": round(table + indexes),
        "bytesPerCheckOfIndexes": round(indexes),
        "bytesPerCheckOfDiagnostics": round(found.mean_bytes),
        "rollups": rollup_rows,
        "bytesPerRollup": round(rollup),
        "rollupMbPerMonitorAndYear": round(rollup * (HOURS_A_YEAR + DAYS_A_YEAR) / 1e6, 2),
    }
    if partitions.is_used():
        figures |= moved(app, now)
    return (
        figures | written(found) | summed_up(now, found) | read(actor) | removed(actor) | forgotten(app, now)
    )


def report(figures: dict[str, dict[str, Any]], size: Size) -> str:
    """The table to print; the figures are saved as JSON."""
    used = harness.versions(
        **(_server_version() if "postgresql" in figures else {}), sqlite=sqlite3.sqlite_version
    )
    settings = {
        "results": size.results,
        "monitors": size.monitors,
        "days": DAYS,
        "batch": BATCH_ROWS,
        "page": PAGE,
    }
    harness.save(NAME, used, settings, figures)
    names = list(dict.fromkeys(name for measured in figures.values() for name in measured))
    rows = [(f"{size.results} results", *figures)]
    rows += [(name, *(str(measured.get(name, "")) for measured in figures.values())) for name in names]
    return f"{harness.heading(NAME, used)}\n{harness.table(rows)}"


def _server_version() -> dict[str, str]:
    with psycopg.connect(
        postgres.server_url().set(drivername="postgresql").render_as_string(False)
    ) as connection:
        return {"postgresql": str(connection.info.parameter_status("server_version")).split()[0]}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.storage", description=__doc__)
    parser.add_argument("--results", type=int, default=RESULTS)
    parser.add_argument("--monitors", type=int, default=MONITORS)
    parser.add_argument("--kinds", nargs="+", default=kinds(), choices=kinds())
    options = parser.parse_args(arguments)
    if not BINARY:
        print(f"{NAME} needs {REMEDY}")
        return 2
    size = Size(options.results, options.monitors)
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = samples()
    figures = {}
    for kind in options.kinds:
        with new_app(kind) as app, app.app_context():
            figures[kind] = measure(app, size, now, found)
    print(report(figures, size))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
