"""Into what checks are summed up: hours and days in UTC, and a histogram of how long they took."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

BUCKETS_MS = (
    10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750,
    1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000, 60_000,
)  # fmt: skip
"""The longest duration that each bucket of the histogram counts; one more counts what took longer."""


class Period(StrEnum):
    """How much time one roll-up sums up."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return timedelta(hours=1 if self is Period.HOUR else 24)

    def start_of(self, instant: datetime) -> datetime:
        """When the period began that holds this instant (aware UTC)."""
        hour = instant.replace(minute=0, second=0, microsecond=0)
        return hour if self is Period.HOUR else hour.replace(hour=0)

    def first_from(self, instant: datetime) -> datetime:
        """When the first period begins that does so at this instant or later."""
        start = self.start_of(instant)
        return start if start == instant else start + self.length


Piece = tuple[Period, datetime, datetime]
"""Roll-ups of that kind which begin at the first instant or later, and before the other."""


def pieces(from_: datetime, until: datetime) -> Iterator[Piece]:
    """Which roll-ups sum up a range: the days that are whole, and the hours that begin in what is left.

    So every hour counts in the range in which it begins, and ranges that follow one another add up.
    """
    begin, end = Period.HOUR.first_from(from_), Period.HOUR.first_from(until)
    first_day, after_days = Period.DAY.first_from(begin), Period.DAY.start_of(end)
    if first_day >= after_days:
        first_day = after_days = end
    for period, start, stop in (
        (Period.HOUR, begin, first_day),
        (Period.DAY, first_day, after_days),
        (Period.HOUR, after_days, end),
    ):
        if start < stop:
            yield period, start, stop


def bucket_of(duration_ms: int) -> int:
    """The number of the histogram's bucket, from 0 to `len(BUCKETS_MS)`."""
    return bisect_left(BUCKETS_MS, duration_ms)


def percentile(counts: Sequence[int], percent: int) -> int | None:
    """The duration in ms that so many percent of the counted checks did not exceed; None without any.

    `counts`: of each bucket of the histogram. Only the bucket is known: within it the checks are taken to lie
    at equal distances up to its bound (the last on it), so the answer and the true value (nearest rank) are
    in the same bucket, at most its width apart. Above the last bound nothing is known, and that bound is the
    answer: the true value is more.
    """
    rank = -(-sum(counts) * percent // 100)
    if rank == 0:
        return None
    before = 0
    for lower, upper, count in zip((0, *BUCKETS_MS), BUCKETS_MS, counts, strict=False):
        if rank <= before + count:
            return lower + -(-(upper - lower) * (rank - before) // count)
        before += count
    return BUCKETS_MS[-1]
