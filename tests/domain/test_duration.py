"""How long something took, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.duration import duration_text

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (999, "0s"),
        (1_000, "1s"),
        (59_999, "59s"),
        (60_000, "1m 0s"),
        (150_000, "2m 30s"),
        (3_600_000, "1h 0m 0s"),
        (93_784_000, "1d 2h 3m 4s"),
        (400 * 86_400_000 + 1_000, "400d 0h 0m 1s"),
    ],
)
def test_it_begins_with_the_greatest_unit(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


@given(st.integers(0, 10**13))
def test_nothing_but_the_milliseconds_is_lost(milliseconds: int) -> None:
    parts = [(int(part[:-1]), part[-1]) for part in duration_text(milliseconds).split()]

    assert sum(count * SECONDS[unit] for count, unit in parts) == milliseconds // 1000
    assert [unit for _, unit in parts] == list(SECONDS)[-len(parts) :]
    assert all(count < limit for (count, _), limit in zip(parts[::-1], (60, 60, 24), strict=False))
