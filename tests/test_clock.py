"""Instants and milliseconds."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from app.clock import from_ms, to_iso, to_ms

MILLISECONDS = st.integers(0, 4_000_000_000_000)


@given(MILLISECONDS, st.integers(0, 999))
def test_milliseconds_are_exact_both_ways(number: int, microseconds: int) -> None:
    instant = from_ms(number)

    assert to_ms(instant + timedelta(microseconds=microseconds)) == number
    assert instant == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)


def test_an_instant_is_the_same_in_every_zone() -> None:
    berlin = datetime(2026, 3, 29, 3, 0, 0, 123_000, tzinfo=timezone(timedelta(hours=2)))

    assert to_ms(berlin) == to_ms(berlin.astimezone(UTC))
    assert to_iso(berlin) == "2026-03-29T01:00:00.123Z"
