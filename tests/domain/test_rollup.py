"""Which roll-ups sum up a range, and what a histogram can tell of how long checks took."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rollup import BUCKETS_MS, Period, bucket_of, percentile, pieces

DURATIONS = st.lists(st.integers(0, 90_000), min_size=1, max_size=60)
BOUNDS = (0, *BUCKETS_MS)


def histogram(durations: list[int]) -> list[int]:
    counts = [0] * (len(BUCKETS_MS) + 1)
    for duration in durations:
        counts[bucket_of(duration)] += 1
    return counts


@given(DURATIONS, st.integers(1, 100))
def test_the_answer_is_in_the_bucket_of_the_truth(durations: list[int], percent: int) -> None:
    truth = sorted(durations)[ceil(len(durations) * percent / 100) - 1]

    answer = percentile(histogram(durations), percent)

    assert answer is not None
    if truth > BUCKETS_MS[-1]:
        assert answer == BUCKETS_MS[-1]
    else:
        bucket = bucket_of(truth)
        assert bucket_of(answer) == bucket
        assert abs(answer - truth) <= BOUNDS[bucket + 1] - BOUNDS[bucket]


@given(DURATIONS)
def test_a_higher_percentage_is_never_less(durations: list[int]) -> None:
    counts = histogram(durations)
    answers = [percentile(counts, percent) or 0 for percent in range(1, 101)]

    assert answers == sorted(answers)


@pytest.mark.parametrize(
    ("durations", "p95"),
    [
        ([100], 100),
        ([40] * 20, 49),
        ([40] * 19 + [1_200], 50),
        ([40] * 18 + [1_200] * 2, 1_250),
        ([70_000], 60_000),
        ([40] * 9 + [70_000], 60_000),
    ],
)
def test_within_a_bucket_checks_lie_at_equal_distances(durations: list[int], p95: int) -> None:
    assert percentile(histogram(durations), 95) == p95


def test_of_no_check_nothing_is_told() -> None:
    assert percentile(histogram([]), 95) is None


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001
HOUR = timedelta(hours=1)


def hours_of(from_: datetime, until: datetime) -> list[datetime]:
    """The hours of all roll-ups that sum up the range, in order."""
    return [
        start + HOUR * number
        for _, start, stop in pieces(from_, until)
        for number in range((stop - start) // HOUR)
    ]


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_range_is_summed_up_by_the_hours_that_begin_in_it(from_: datetime, length: timedelta) -> None:
    until = from_ + length
    first = from_.replace(minute=0, second=0, microsecond=0)
    expected = [first + HOUR * number for number in range(1 + 10 * 24)]

    assert hours_of(from_, until) == [hour for hour in expected if from_ <= hour < until]
    for period, start, stop in pieces(from_, until):
        assert (period.start_of(start), period.start_of(stop)) == (start, stop)


@given(st.lists(INSTANTS, min_size=2, max_size=6).map(sorted))
def test_ranges_that_follow_one_another_add_up(edges: list[datetime]) -> None:
    parts = [hour for ends in pairwise(edges) for hour in hours_of(*ends)]

    assert parts == hours_of(edges[0], edges[-1])


@given(INSTANTS, st.timedeltas(timedelta(0), timedelta(days=3000)))
def test_a_long_range_takes_few_hours(from_: datetime, length: timedelta) -> None:
    hours = [
        (stop - start) // HOUR
        for period, start, stop in pieces(from_, from_ + length)
        if period is Period.HOUR
    ]

    assert sum(hours) < 48
