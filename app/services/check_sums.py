"""What checks came to over ranges of time, read from the roll-ups: a year takes few more rows than a day."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from app.domain.calendar import TimeRange
from app.domain.rollup import Period, Piece, percentile, pieces
from app.extensions import db
from app.models import CheckRollup
from app.models.check_rollup import BUCKETS, RUNGS, SUMS

P95 = 95
NEAR = 3
"""Roll-ups between two pieces that are read with them."""


@dataclass(frozen=True)
class CheckSums:
    """The sums of roll-ups, by column. Times are in ms, of the checks that did not fail."""

    sums: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.sums.get(name, 0)

    def __add__(self, other: "CheckSums") -> "CheckSums":
        return CheckSums({name: self[name] + other[name] for name in SUMS})

    @property
    def checks(self) -> int:
        return self["checks"]

    @property
    def warnings(self) -> int:
        return self["warnings"]

    @property
    def failures(self) -> int:
        return self["failures"]

    @property
    def average_ms(self) -> int | None:
        return self._average("duration_ms")

    @property
    def p95_ms(self) -> int | None:
        """As near as the histogram tells (`domain.rollup.percentile`)."""
        return percentile([self[name] for name in BUCKETS], P95)

    @property
    def timings(self) -> dict[str, int | None]:
        """The average of each rung that took time at all; a check that did not climb it took none."""
        return {phase.value: self._average(name) for phase, name in RUNGS.items() if self[name]}

    def _average(self, name: str) -> int | None:
        timed = self.checks - self.failures
        return round(self[name] / timed) if timed else None


NOTHING = CheckSums()
_ROLLUPS = CheckRollup.__table__
_ROW = _ROLLUPS.c
_SUMMED = [func.sum(_ROW[name]).label(name) for name in SUMS]


def by_range(monitor_id: int, ranges: Sequence[TimeRange]) -> list[CheckSums]:
    """One monitor's sums of each range, which has the hours (in UTC) that begin in it.

    Each roll-up is read once, however many of the ranges it is part of.
    """
    wanted = [list(pieces(within.from_, within.until)) for within in ranges]
    needed = _merged(piece for some in wanted for piece in some)
    if not needed:
        return [NOTHING] * len(ranges)
    query = (
        select(_ROW.period, _ROW.started_at, *_SUMMED)
        .where(_is_within(needed, _ROW.monitor_id == monitor_id))
        .group_by(_ROW.period, _ROW.started_at)
        .order_by(_ROW.period, _ROW.started_at)
    )
    rows: dict[Period, list[Any]] = {period: [] for period in Period}
    for row in db.session.execute(query):
        rows[row.period].append(row)
    starts = {period: [row.started_at for row in some] for period, some in rows.items()}
    return [
        _total(
            row
            for period, start, stop in some
            for row in rows[period][bisect_left(starts[period], start) : bisect_left(starts[period], stop)]
        )
        for some in wanted
    ]


def by_monitor(monitor_ids: Sequence[int], within: TimeRange) -> dict[int, CheckSums]:
    """The sums of one range for each of these monitors that was checked in it, by id."""
    needed = list(pieces(within.from_, within.until))
    if not needed:
        return {}
    query = (
        select(_ROW.monitor_id, *_SUMMED)
        .where(_is_within(needed, _ROW.monitor_id.in_(monitor_ids)))
        .group_by(_ROW.monitor_id)
    )
    return {row.monitor_id: _total([row]) for row in db.session.execute(query)}


def _merged(some: Iterable[Piece]) -> list[Piece]:
    """Pieces that have these roll-ups, and a few between them: a stretch less to look for is worth those."""
    found: list[Piece] = []
    for period, start, stop in sorted(some):
        if found and found[-1][0] is period and start - found[-1][2] <= NEAR * period.length:
            found[-1] = (period, found[-1][1], max(stop, found[-1][2]))
        else:
            found.append((period, start, stop))
    return found


def _is_within(some: Iterable[Piece], of_monitor: ColumnElement[bool]) -> ColumnElement[bool]:
    """Each piece is a stretch of the primary key.

    Which monitor it is stands in each of them: outside, SQLite would take that for all that the key is good
    for, and read each roll-up that the monitor ever had.
    """
    return or_(
        *(
            and_(of_monitor, _ROW.period == period, _ROW.started_at >= start, _ROW.started_at < stop)
            for period, start, stop in some
        )
    )


def _total(rows: Iterable[Any]) -> CheckSums:
    columns = zip(*(row[-len(SUMS) :] for row in rows), strict=True)
    return CheckSums(dict(zip(SUMS, map(sum, columns), strict=False)))
