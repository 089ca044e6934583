"""docs/uptime.md: its worked example is what the arithmetic finds, and its figures are those of the code."""

import re

import pytest

from app.config import ROOT
from app.domain.enums import Health
from app.domain.rollup import BUCKETS_MS
from app.domain.uptime import Change, Span, TimeKind, measure, segments
from app.services.asked_range import MAX_POINTS
from app.services.details import MAX_RAW

TEXT = (ROOT / "docs" / "uptime.md").read_text(encoding="utf-8")
HOUR = 3_600_000
DAY = Span(0, 24 * HOUR)
HEALTHS = {"up": Health.UP, "down": Health.DOWN, "no data": Health.NO_DATA, "not watched": Health.PENDING}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def table(first_line: str) -> list[list[str]]:
    """The rows of the table that begins with this line, the heading among them."""
    lines = TEXT[TEXT.index(first_line) :].split("\n\n", 1)[0].splitlines()
    return [cells(line) for line in lines if not line.startswith("|---")]


def instant(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * HOUR + int(minutes) * 60_000


def test_the_worked_example_is_what_the_arithmetic_finds() -> None:
    (_, *clocks), *views = table("| | 00:00 |")
    _, *told = table("| from | until |")
    places = [
        [Change(instant(at), HEALTHS[seen]) for at, seen in zip(clocks, view, strict=True)]
        for _, *view in views
    ]

    found = segments(places, [Span(instant("12:00"), instant("13:00"))], DAY)

    assert [(one.from_ms, one.until_ms, one.kind) for one in found] == [
        (instant(start), instant(end), TimeKind(state.replace(" ", "_"))) for start, end, state, _ in told
    ]
    uptime = measure(found, DAY)
    times = (uptime.up_ms, uptime.down_ms, uptime.maintenance_ms, uptime.no_data_ms)
    up, down, maintenance, no_data = (time // HOUR for time in times)
    assert f"Up {up} h, down {down} h, maintenance {maintenance} h, no data {no_data} h: 24 h." in TEXT
    assert f"Uptime is {up} / {up + down} = {uptime.percentage} %" in TEXT
    assert f"the longest outage {uptime.longest_down_ms // HOUR} h" in TEXT


@pytest.mark.parametrize("kind", TimeKind)
def test_every_state_is_explained(kind: TimeKind) -> None:
    assert re.search(rf"^\| .*`{kind}`.* \|", TEXT, flags=re.MULTILINE)


def test_the_figures_are_those_of_the_code() -> None:
    assert f"of {MAX_POINTS:,} points at most" in TEXT
    assert f"the newest {MAX_RAW:,}" in TEXT
    buckets = re.search(r"the buckets end at (.*?)\. Within", TEXT, flags=re.DOTALL)
    assert buckets
    numbers = re.findall(r"[0-9.]+(?<!\.)", buckets[1])
    milliseconds = [float(number) for number in numbers[:11]] + [
        float(number) * 1000 for number in numbers[11:]
    ]
    assert milliseconds == list(BUCKETS_MS)
