"""What must hold whatever happened, asked by plain SQL and summed up here: none of the product's own code."""

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from time import time
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from bench.crash.callers import Ledger, Promise
from bench.crash.lapse import INTERVAL_FACTOR

BRIEFLY_MS = 3_000
"""A row may be due so long: the scheduler claims what is due several times a second."""
TAKE_BACK_SECONDS = 5.0
EXAMPLES = 3
MINUTE_SECONDS = 60.0

SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}

UNSETTLED = {
    "monitor without a next check": """
        SELECT m.id FROM monitors m LEFT JOIN monitor_schedules s ON s.monitor_id = m.id
        WHERE m.status <> 'disabled' AND s.next_check_at_ms IS NULL""",
    "check that is due and not begun": """
        SELECT s.monitor_id FROM monitor_schedules s
        WHERE s.next_check_at_ms < {now_ms} - {briefly_ms} AND s.lease_until_ms IS NULL""",
    "lease past its time": """
        SELECT s.monitor_id FROM monitor_schedules s WHERE s.lease_until_ms < {now_ms}""",
}
"""What may be so for a moment, while things settle."""

WRONG = {
    "token with two results": """
        SELECT public_id FROM check_results GROUP BY public_id HAVING count(*) > 1""",
    "result without a monitor": """
        SELECT r.monitor_id FROM check_results r LEFT JOIN monitors m ON m.id = r.monitor_id
        WHERE m.id IS NULL""",
    "roll-up without a monitor": """
        SELECT r.monitor_id FROM check_rollups r LEFT JOIN monitors m ON m.id = r.monitor_id
        WHERE m.id IS NULL""",
    "schedule without a monitor": """
        SELECT s.monitor_id FROM monitor_schedules s LEFT JOIN monitors m ON m.id = s.monitor_id
        WHERE m.id IS NULL""",
    "disabled monitor with a next check": """
        SELECT m.id FROM monitors m JOIN monitor_schedules s ON s.monitor_id = m.id
        WHERE m.status = 'disabled' AND s.next_check_at_ms IS NOT NULL""",
    "monitor planned beyond its interval": """
        SELECT s.monitor_id FROM monitor_schedules s
        WHERE s.next_check_at_ms > {now_ms} + s.interval_ms + {briefly_ms} AND s.refusals = 0""",
    "schedule that does not know its last result": """
        SELECT s.monitor_id FROM monitor_schedules s
        JOIN (SELECT monitor_id, max(id) AS id FROM check_results GROUP BY monitor_id) newest
        ON newest.monitor_id = s.monitor_id
        JOIN check_results r ON r.id = newest.id WHERE r.checked_at IS DISTINCT FROM s.last_checked_at""",
}


@dataclass
class Downtime:
    """When nobody could check: no scheduler ran, or there was no database. In seconds since the epoch."""

    spans: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def during(self) -> Iterator[None]:
        begun = time()
        yield
        self.spans.append((begun, time()))

    def within(self, start: float, end: float) -> float:
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in self.spans)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One state of the database, although the schedulers go on."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(SNAPSHOT[engine.dialect.name])
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def unsettled(engine: Engine, now: float) -> list[str]:
    """What may be for a moment only. `now` is the schedulers' time, in seconds since the epoch."""
    with snapshot(engine) as connection:
        return _violations(connection, UNSETTLED, now)


def wrong(engine: Engine, now: float) -> list[str]:
    """What no moment may show, but for what callers were promised, and for gaps."""
    with snapshot(engine) as connection:
        return [*_violations(connection, WRONG, now), *_roll_ups_off(connection)]


def _violations(connection: Connection, queries: dict[str, str], now: float) -> list[str]:
    now_ms = int(now * 1000)
    found = []
    for name, query in queries.items():
        rows = connection.exec_driver_sql(query.format(now_ms=now_ms, briefly_ms=BRIEFLY_MS)).all()
        if rows:
            found.append(f"{name}: {len(rows)}, such as {[str(row[0]) for row in rows[:EXAMPLES]]}")
    return found


def rows_of(connection: Connection, table: str) -> list[dict[str, Any]]:
    """All of a table, alike on both databases."""
    rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()  # noqa: S608 - a name of ours
    return [{name: _plain(name, value) for name, value in row.items()} for row in rows]


def _plain(name: str, value: Any) -> Any:
    if name == "public_id":
        return str(UUID(str(value)))
    if name.endswith("_at") and value is not None:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return value


def _roll_ups_off(connection: Connection) -> list[str]:
    """Where the stored sums are others than those of the raw rows, by hour and by day."""
    stored, bounds = {}, []
    for row in rows_of(connection, "check_rollups"):
        key = (row.pop("monitor_id"), row.pop("location_id"), row.pop("period"), row.pop("started_at"))
        stored[key] = {name: value for name, value in row.items() if value}
        bounds = [int(name.split("_")[1]) for name in row if name.startswith("within_")]
    sums: dict[Any, Counter[str]] = defaultdict(Counter)
    for result in rows_of(connection, "check_results"):
        hour = result["checked_at"].replace(minute=0, second=0, microsecond=0)
        for period, start in (("hour", hour), ("day", hour.replace(hour=0))):
            key = (result["monitor_id"], result["location_id"], period, start)
            sums[key].update(_sums(result, bounds))
    due = {key: {name: value for name, value in row.items() if value} for key, row in sums.items()}
    off = [key for key in stored.keys() | due.keys() if stored.get(key) != due.get(key)]
    return [f"roll-up unlike its results: {len(off)}, such as {off[:EXAMPLES]}"] if off else []


def _sums(result: dict[str, Any], bounds: list[int]) -> dict[str, int]:
    if result["status"] == "error":
        return {"checks": 1, "failures": 1}
    diagnostics = result["diagnostics"]
    if isinstance(diagnostics, str):
        diagnostics = json.loads(diagnostics)
    place = bisect_left(bounds, result["timing_ms"])
    return {
        "checks": 1,
        "warnings": int(result["status"] == "warning"),
        "duration_ms": result["timing_ms"],
        f"within_{bounds[place]}_ms" if place < len(bounds) else "longer": 1,
        **{f"{rung}_ms": spent for rung, spent in diagnostics.get("timings", {}).items()},
    }


def broken_promises(engine: Engine, ledger: Ledger) -> list[str]:
    """Calls that were answered and did not have the effect, or the other way round."""
    with snapshot(engine) as connection:
        monitors = {row["public_id"]: row for row in rows_of(connection, "monitors")}
        triggers = dict(
            connection.exec_driver_sql("SELECT monitor_id, triggered_at_ms FROM monitor_schedules").all()
        )
    found = [*ledger.odd]
    for key, promise in ledger.promises.items():
        row = monitors.pop(key, None)
        if row is None:
            found += [] if promise.may_be_gone else [f"{key} is gone"]
        elif promise.is_gone:
            found.append(f"{key} is still there")
        else:
            found += _fields_off(key, row, promise)
            if (triggers[row["id"]] or 0) < promise.triggered_ms:
                found.append(f"{key} was not triggered")
    return found + [
        f"monitor that nobody made: {row['name']}"
        for row in monitors.values()
        if row["name"].startswith(ledger.caller)
        and (row["name"] not in ledger.maybe or row["name"] in ledger.refused)
    ]


def _fields_off(key: str, row: dict[str, Any], promise: Promise) -> list[str]:
    seen = {"name": row["name"], "status": row["status"], "checkInterval": float(row["check_interval"])}
    return [
        f"{key} has {name} {seen[name]!r}, not {values}"
        for name, values in promise.fields.items()
        if seen[name] not in values
    ]


def gaps(engine: Engine, ledger: Ledger, downtime: Downtime, slack: float) -> list[str]:
    """Monitors unchecked for longer than lease + interval, without the time in which nobody could check.

    A lease that has run out is noticed within 5 s; `slack` is for a busy machine, in seconds.
    """
    with snapshot(engine) as connection:
        now = time()
        leases = dict(
            connection.exec_driver_sql("SELECT monitor_id, timeout_ms + 15000 FROM monitor_schedules").all()
        )
        ids = {row["public_id"]: row["id"] for row in rows_of(connection, "monitors")}
        checked = defaultdict(list)
        for row in rows_of(connection, "check_results"):
            checked[row["monitor_id"]].append(row["checked_at"].timestamp())
    found = []
    for key, promise in ledger.promises.items():
        if key not in ids or promise.may_be_gone or promise.was_paused:
            continue
        interval = promise.slowest_minutes * MINUTE_SECONDS / INTERVAL_FACTOR
        bound = interval + leases[ids[key]] / 1000 + TAKE_BACK_SECONDS + slack
        times = [promise.born_ms / 1000, *sorted(checked[ids[key]]), now]
        found += [
            f"{key} was unchecked for {end - start:.1f} s, {bound:.1f} s are allowed"
            for start, end in pairwise(times)
            if end - start - downtime.within(start, end) > bound
        ]
    return found
