"""Summing results up by hour and day, in the transaction that stores them: the sums equal the rows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from app.domain.enums import CheckStatus, Phase
from app.domain.rollup import Period, bucket_of
from app.extensions import db
from app.models import CheckRollup
from app.models.check_rollup import BUCKETS, RUNGS, SUMS
from app.services.upserts import insert_into

KEY = ("monitor_id", "period", "started_at", "location_id")


def add(results: Iterable[Mapping[str, Any]]) -> None:
    """Count each of these results, given as columns and never counted before, in its hour and its day."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for result in results:
        counts = counts_of(result)
        for period in Period:
            key = (
                result["monitor_id"],
                period,
                period.start_of(result["checked_at"]),
                result["location_id"],
            )
            sums.setdefault(key, Counter(dict.fromkeys(SUMS, 0))).update(counts)
    # In order, or two writers that wait for each other's rows would be a deadlock.
    rows = [dict(zip(KEY, key, strict=True)) | sums[key] for key in sorted(sums)]
    if rows:
        db.session.connection().execute(_statement(db.engine.dialect.name), rows)


def counts_of(result: Mapping[str, Any]) -> dict[str, int]:
    """What one result adds to a roll-up, by column."""
    if result["status"] is CheckStatus.ERROR:
        return {"checks": 1, "failures": 1}
    timings: dict[str, int] = result["diagnostics"].get("timings", {})
    return {
        "checks": 1,
        "warnings": int(result["status"] is CheckStatus.WARNING),
        "duration_ms": result["timing_ms"],
        BUCKETS[bucket_of(result["timing_ms"])]: 1,
        **{RUNGS[Phase(phase)]: spent for phase, spent in timings.items()},
    }


@cache
def _statement(dialect: str) -> Any:
    """Made once: putting it together takes as long as running it."""
    table = CheckRollup.__table__
    insert = insert_into(table, dialect)
    return insert.on_conflict_do_update(
        index_elements=KEY, set_={name: table.c[name] + insert.excluded[name] for name in SUMS}
    )
