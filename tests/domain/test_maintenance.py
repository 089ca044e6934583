"""When a maintenance window is open, held against a model that walks from day to day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrule
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain import maintenance
from app.domain.enums import RecurrenceFrequency
from app.domain.maintenance import (
    MAX_INTERVAL,
    NEVER,
    OVERLAPPING,
    TOO_LONG,
    Occurrence,
    Recurrence,
    Window,
    faults,
    next_start,
    occurrence_at,
    occurrences,
    recurrence_of,
    starts_after,
)

DAILY, WEEKLY, MONTHLY = RecurrenceFrequency
BERLIN = "Europe/Berlin"
# Half hours, a change of half an hour, one in the other half of the year, and none at all.
ZONES = [BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def window(start: datetime, length: timedelta = HOUR, zone: str = BERLIN, **recurrence: Any) -> Window:
    again = Recurrence(**recurrence) if recurrence else None
    return Window(start=start, end=start + length, time_zone=zone, recurrence=again)


def in_berlin(instants: Iterator[datetime], count: int) -> list[str]:
    return [at.astimezone(ZoneInfo(BERLIN)).strftime("%m-%d %H:%M%z") for at in islice(instants, count)]


# --- the model


def model_starts(window: Window, until: datetime) -> Iterator[datetime]:
    """Every day there is from the first on, asked whether it is one."""
    assert window.recurrence
    zone = ZoneInfo(window.time_zone)
    first = window.start.astimezone(zone).replace(tzinfo=None)
    day = first.date()
    while day <= until.date() + DAY:
        if is_one(window.recurrence, first.date(), day):
            start = model_instant(datetime.combine(day, first.time()), zone)
            if is_over(window.recurrence.last, day, start):
                return
            yield start
        day += DAY


def is_one(rule: Recurrence, first: date, day: date) -> bool:
    if rule.frequency is DAILY:
        return (day - first).days % rule.interval == 0
    if rule.frequency is WEEKLY:
        weeks = (monday_of(day) - monday_of(first)).days // 7
        wanted = rule.days_of_week or (first.isoweekday() % 7,)
        return weeks % rule.interval == 0 and day.isoweekday() % 7 in wanted
    months = (day.year - first.year) * 12 + day.month - first.month
    return months % rule.interval == 0 and day.day == (rule.day_of_month or first.day)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)


def is_over(last: date | datetime | None, day: date, start: datetime) -> bool:
    return start > last if isinstance(last, datetime) else last is not None and day > last


def model_instant(wanted: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks show this; where none do, when they would have."""
    before, after = (
        (wanted + day).replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta() for day in (-DAY, DAY)
    )
    instants = [(wanted - offset).replace(tzinfo=UTC) for offset in (before, after)]
    shown = [at for at in instants if at.astimezone(zone).replace(tzinfo=None) == wanted]
    return min(shown, default=instants[0])


@st.composite
def windows(draw: st.DrawFn) -> Window:
    zone = draw(st.sampled_from(ZONES))
    first = draw(st.dates(date(2023, 1, 1), date(2026, 12, 31)))
    # Clocks change between one and four.
    clock = draw(st.times() | st.builds(time, st.integers(0, 4), st.sampled_from([0, 15, 30, 45])))
    start = model_instant(datetime.combine(first, clock.replace(microsecond=0)), ZoneInfo(zone))
    frequency = draw(st.sampled_from(RecurrenceFrequency))
    last = draw(st.none() | st.builds(timedelta, st.integers(0, 500)))
    return window(
        start,
        draw(st.timedeltas(timedelta(seconds=1), timedelta(days=3))),
        zone,
        frequency=frequency,
        interval=draw(st.integers(1, 14)),
        days_of_week=tuple(draw(st.lists(st.integers(0, 6), max_size=4))) if frequency is WEEKLY else (),
        day_of_month=draw(st.none() | st.sampled_from([1, 15, 28, 29, 30, 31]))
        if frequency is MONTHLY
        else None,
        last=None if last is None else draw(st.sampled_from([start + last, first + last])),
    )


@given(windows(), st.integers(-100, 1200), st.integers(0, 24 * 60), st.integers(0, 150))
@example(window(local("2024-01-31T02:30"), frequency=MONTHLY), 0, 0, 800)
@example(window(local("2024-02-29T02:30"), frequency=MONTHLY, interval=12), 0, 0, 1500)
@example(window(local("2024-03-29T02:30"), frequency=DAILY), 0, 0, 240)
def test_occurrences_are_those_of_a_model_that_walks_from_day_to_day(
    window: Window, days: int, minutes: int, length: int
) -> None:
    from_ = window.start + timedelta(days=days, minutes=minutes)
    until = from_ + timedelta(days=length)

    expected = [
        Occurrence(start, start + window.length)
        for start in model_starts(window, until)
        if start < until and start + window.length > from_
    ]
    assert list(occurrences(window, from_, until)) == expected


@given(windows(), st.integers(-10, 500), st.integers(0, 24 * 60))
def test_the_occurrence_at_an_instant_is_the_last_that_has_begun_and_not_ended(
    window: Window, days: int, minutes: int
) -> None:
    instant = window.start + timedelta(days=days, minutes=minutes)

    begun = [start for start in model_starts(window, instant) if start <= instant < start + window.length]
    expected = Occurrence(begun[-1], begun[-1] + window.length) if begun else None
    assert occurrence_at(window, instant) == expected


@given(windows(), st.integers(-10, 500), st.integers(0, 24 * 60))
def test_the_next_start_is_the_first_after_an_instant(window: Window, days: int, minutes: int) -> None:
    instant = window.start + timedelta(days=days, minutes=minutes)

    until = instant + timedelta(days=500)
    expected = next((start for start in model_starts(window, until) if start > instant), None)
    found = next_start(window, instant)
    assert found == expected or (expected is None and found is not None and found > until)


# --- once


def test_a_window_without_recurrence_is_open_once_from_its_start_to_before_its_end() -> None:
    once = window(utc("2026-07-07 02:00"), 2 * HOUR)
    only = Occurrence(once.start, once.end)

    assert list(occurrences(once, utc("2026-01-01"), utc("2027-01-01"))) == [only]
    assert [occurrence_at(once, at) for at in (once.start, once.end - HOUR / 60)] == [only, only]
    assert [occurrence_at(once, at) for at in (once.start - HOUR / 60, once.end)] == [None, None]
    assert list(occurrences(once, once.end, utc("2027-01-01"))) == []
    assert list(occurrences(once, utc("2026-01-01"), once.start)) == []
    assert [next_start(once, at) for at in (once.start - HOUR, once.start)] == [once.start, None]


# --- what the clocks do


def test_the_time_of_day_is_kept_when_the_clocks_change() -> None:
    nightly = window(local("2026-03-27T04:00"), frequency=DAILY)

    assert in_berlin(starts_after(nightly, utc("2026-03-01")), 4) == [
        "03-27 04:00+0100",
        "03-28 04:00+0100",
        "03-29 04:00+0200",
        "03-30 04:00+0200",
    ]


def test_a_time_that_clocks_leave_out_is_when_it_would_have_been() -> None:
    nightly = window(local("2026-03-28T02:30"), frequency=DAILY)

    found = in_berlin(starts_after(nightly, utc("2026-03-01")), 3)
    assert found == ["03-28 02:30+0100", "03-29 03:30+0200", "03-30 02:30+0200"]


def test_of_a_time_that_clocks_show_twice_the_first_counts() -> None:
    nightly = window(local("2026-10-24T02:30"), frequency=DAILY)

    found = in_berlin(starts_after(nightly, utc("2026-10-01")), 3)
    assert found == ["10-24 02:30+0200", "10-25 02:30+0200", "10-26 02:30+0100"]


def test_a_start_that_was_given_as_the_second_of_two_is_kept() -> None:
    second = utc("2026-10-25 01:30")
    nightly = window(second, frequency=DAILY)

    assert next_start(nightly, utc("2026-10-01")) == second
    assert in_berlin(starts_after(nightly, second), 1) == ["10-26 02:30+0100"]


def test_an_occurrence_lasts_as_long_as_the_first_whatever_the_clocks_do() -> None:
    nightly = window(local("2026-03-27T00:00"), 6 * HOUR, frequency=DAILY)

    found = occurrences(nightly, utc("2026-03-27"), utc("2026-04-02"))
    assert {one.end - one.start for one in found} == {6 * HOUR}


def test_a_day_that_clocks_leave_out_has_no_occurrence_of_its_own() -> None:
    """Samoa went from Thursday to Saturday."""
    nightly = window(local("2011-12-28T02:00", "Pacific/Apia"), zone="Pacific/Apia", frequency=DAILY)

    found = list(islice(starts_after(nightly, utc("2011-12-01")), 4))
    assert [at.astimezone(ZoneInfo("Pacific/Apia")).day for at in found] == [28, 29, 31, 1]


# --- which days


def test_a_month_without_the_day_has_no_occurrence() -> None:
    monthly = window(local("2027-01-31T02:00"), frequency=MONTHLY)

    found = in_berlin(starts_after(monthly, utc("2027-01-01")), 4)
    assert [text[:5] for text in found] == ["01-31", "03-31", "05-31", "07-31"]


def test_weeks_are_counted_from_monday() -> None:
    # A Wednesday; the Sunday before it is of the week before.
    fortnightly = window(local("2026-07-01T02:00"), frequency=WEEKLY, interval=2, days_of_week=(0, 1, 3))

    found = in_berlin(starts_after(fortnightly, utc("2026-06-01")), 5)
    assert [text[:5] for text in found] == ["07-01", "07-05", "07-13", "07-15", "07-19"]


@pytest.mark.parametrize(
    ("last", "count"),
    [
        (date(2026, 7, 3), 3),
        (local("2026-07-03T02:00"), 3),
        (local("2026-07-03T01:59"), 2),
        (date(2026, 6, 30), 0),
    ],
)
def test_the_last_day_and_the_last_instant_still_count(last: date | datetime, count: int) -> None:
    nightly = window(local("2026-07-01T02:00"), frequency=DAILY, last=last)

    assert len(list(starts_after(nightly, utc("2026-06-01")))) == count


def test_a_pattern_is_read_as_the_contract_writes_it() -> None:
    weekly = {"frequency": "weekly", "interval": 2, "daysOfWeek": [0, 6]}

    assert recurrence_of(weekly) == Recurrence(frequency=WEEKLY, interval=2, days_of_week=(0, 6))
    assert recurrence_of({"frequency": "daily"}) == Recurrence(frequency=DAILY)
    until = {"frequency": "monthly", "dayOfMonth": 31, "endRecurrenceDate": "2026-12-31"}
    assert recurrence_of(until) == Recurrence(frequency=MONTHLY, day_of_month=31, last=date(2026, 12, 31))
    instant = recurrence_of({**until, "endRecurrenceDate": "2026-12-31T01:00:00.000Z"})
    assert instant.last == utc("2026-12-31 01:00")


def test_a_zone_that_is_not_known_any_more_is_utc() -> None:
    lost = window(utc("2026-07-01 02:00"), zone="Mars/Olympus", frequency=DAILY)

    assert next_start(lost, utc("2026-12-01")) == utc("2026-12-01 02:00")


# --- what it costs


class CountingRule(rrule):  # type: ignore[misc] # dateutil's own iteration, counted
    visited = 0

    def _iter(self) -> Iterator[datetime]:
        for found in super()._iter():
            CountingRule.visited += 1
            yield found


@pytest.mark.parametrize(
    "rule",
    [
        {"frequency": DAILY},
        {"frequency": DAILY, "interval": 7},
        {"frequency": WEEKLY, "days_of_week": (0, 1, 2, 3, 4, 5, 6)},
        {"frequency": WEEKLY, "interval": 3, "days_of_week": (2, 4)},
        {"frequency": MONTHLY, "day_of_month": 31},
        {"frequency": MONTHLY, "interval": 5},
    ],
    ids=str,
)
def test_years_that_have_passed_are_not_walked_through(
    rule: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "rrule", CountingRule)
    old = window(local("1990-01-31T02:00"), 20 * HOUR, **rule)

    for ask in (
        lambda at: occurrence_at(old, at),
        lambda at: next_start(old, at),
        lambda at: list(occurrences(old, at, at + HOUR)),
    ):
        CountingRule.visited = 0
        ask(utc("2026-07-01 12:00"))
        # At most the days from the one before the last to the next, and one week of them that is begun.
        assert 0 < CountingRule.visited <= 10


# --- what is wrong with a window


@pytest.mark.parametrize(
    ("length", "rule", "fault"),
    [
        (timedelta(), {}, {"endTime": ["must be after startTime"]}),
        (-HOUR, {"frequency": DAILY}, {"endTime": ["must be after startTime"]}),
        (366 * DAY, {}, {}),
        (366 * DAY + HOUR, {}, {"endTime": [TOO_LONG]}),
        (DAY, {"frequency": DAILY}, {}),
        (DAY + HOUR, {"frequency": DAILY}, {"endTime": [OVERLAPPING]}),
        (10 * DAY, {"frequency": DAILY, "interval": 10}, {}),
        (7 * DAY, {"frequency": WEEKLY}, {}),
        (2 * DAY, {"frequency": WEEKLY, "days_of_week": (1, 5)}, {}),
        (4 * DAY, {"frequency": WEEKLY, "days_of_week": (1, 5)}, {"endTime": [OVERLAPPING]}),
        (3 * DAY, {"frequency": WEEKLY, "days_of_week": (1, 5)}, {}),
        (2 * DAY, {"frequency": WEEKLY, "days_of_week": (0, 1)}, {"endTime": [OVERLAPPING]}),
        (DAY, {"frequency": WEEKLY, "interval": 2, "days_of_week": (0, 1)}, {}),
        (8 * DAY, {"frequency": WEEKLY, "interval": 2, "days_of_week": (0, 1)}, {"endTime": [OVERLAPPING]}),
        (28 * DAY, {"frequency": MONTHLY}, {}),
        (29 * DAY, {"frequency": MONTHLY}, {"endTime": [OVERLAPPING]}),
        (29 * DAY, {"frequency": MONTHLY, "day_of_month": 29}, {}),
        (30 * DAY, {"frequency": MONTHLY, "day_of_month": 29}, {"endTime": [OVERLAPPING]}),
        (31 * DAY, {"frequency": MONTHLY, "day_of_month": 31}, {}),
        (365 * DAY, {"frequency": MONTHLY, "interval": 12}, {}),
        (366 * DAY, {"frequency": MONTHLY, "interval": 12}, {"endTime": [OVERLAPPING]}),
        (5 * DAY, {"frequency": DAILY, "last": date(2026, 6, 1)}, {}),
        (HOUR, {"frequency": DAILY, "last": date(2026, 5, 31)}, {"recurrencePattern": [NEVER]}),
        (HOUR, {"frequency": MONTHLY, "interval": 12, "day_of_month": 31}, {"recurrencePattern": [NEVER]}),
        (HOUR, {"frequency": MONTHLY, "interval": MAX_INTERVAL}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_told(length: timedelta, rule: dict[str, Any], fault: dict[str, list[str]]) -> None:
    assert faults(window(local("2026-06-01T02:00"), length, **rule)) == fault


@given(windows())
def test_occurrences_of_a_window_without_fault_overlap_by_what_clocks_leave_out_at_most(
    window: Window,
) -> None:
    if faults(window):
        return
    found = islice(occurrences(window, window.start, window.start + 500 * DAY), 100)
    assert all(one.end <= other.start + HOUR for one, other in pairwise(found))
