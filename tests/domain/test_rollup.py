"""What a histogram can tell of how long checks took."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rollup import BUCKETS_MS, bucket_of, percentile

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
