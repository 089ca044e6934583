"""When a monitor is checked next, and how long what is known of it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.json_value import canonical, is_same
from app.domain.schedule import (
    BACK_OFF_MS,
    data_until_ms,
    next_after_refusal_ms,
    next_slot_ms,
    stable_offset_ms,
)

INTERVALS = st.integers(30_000, 86_400_000)
INSTANTS = st.integers(1_500_000_000_000, 4_000_000_000_000)


@given(st.text(max_size=50), INTERVALS)
def test_an_offset_is_stable_and_inside_the_interval(key: str, interval: int) -> None:
    assert stable_offset_ms(key, interval) == stable_offset_ms(key, interval)
    assert 0 <= stable_offset_ms(key, interval) < interval


def test_offsets_spread_monitors_over_the_interval() -> None:
    tenths = [stable_offset_ms(f"monitor {at}", 300_000) // 30_000 for at in range(1_000)]

    assert all(60 < tenths.count(tenth) < 140 for tenth in range(10))


@given(INSTANTS, INTERVALS, st.data())
def test_the_next_slot_is_after_now_by_at_most_one_interval(
    now: int, interval: int, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, interval - 1))
    planned = next_slot_ms(now, interval, offset)

    assert now < planned <= now + interval
    assert (planned - offset) % interval == 0


@given(INSTANTS, INTERVALS, st.integers(0, 29_999), st.integers(0, 29_999))
def test_a_check_that_starts_late_does_not_move_the_slots(
    now: int, interval: int, offset: int, late: int
) -> None:
    planned = next_slot_ms(now, interval, offset)

    assert next_slot_ms(planned + late, interval, offset) == planned + interval


@given(INSTANTS, INTERVALS, st.integers(1, 10_000), st.data())
def test_after_a_refusal_the_check_is_never_earlier_than_planned_nor_later_than_the_cap(
    checked: int, interval: int, refusals: int, data: st.DataObject
) -> None:
    planned = checked + data.draw(st.integers(0, interval))
    following = next_after_refusal_ms(checked, planned, refusals, interval)

    assert planned <= following <= checked + max(interval, BACK_OFF_MS)
    assert following <= next_after_refusal_ms(checked, planned, refusals + 1, interval)


def test_what_is_known_holds_until_three_results_are_missing() -> None:
    assert data_until_ms(1_000_000, 300_000, 30_000) == 1_630_000


@given(INSTANTS, INTERVALS, st.integers(1_000, 60_000), st.data())
def test_what_is_known_holds_while_a_result_of_the_third_check_may_still_come(
    checked: int, interval: int, timeout: int, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, interval - 1))
    first = next_slot_ms(checked, interval, offset)
    third = next_slot_ms(next_slot_ms(first, interval, offset), interval, offset)

    assert data_until_ms(first, interval, timeout) == third + timeout


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ([0], [False], False),
        ([1, 2], [2, 1], False),
        (None, None, True),
        ({}, None, False),
    ],
)
def test_json_values_are_compared_as_they_are_written(one: object, other: object, same: bool) -> None:
    assert is_same(one, other) is same
    assert (canonical(one) == canonical(other)) is same
