"""Calendar periods in time zones, across changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    CalendarUnit,
    TimeRange,
    buckets,
    day_of,
    range_of,
    start_of_day,
)

BERLIN, LORD_HOWE, KOLKATA = (
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("Asia/Kolkata"),
)
UNITS = st.sampled_from(CalendarUnit)
ZONES = st.sampled_from(sorted(available_timezones() - {"Factory", "localtime"})).map(ZoneInfo)
DAYS = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def hours(unit: CalendarUnit, day: date, zone: ZoneInfo = BERLIN) -> float:
    period = range_of(unit, day, zone)
    return (period.until - period.from_) / timedelta(hours=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_days_are_as_long_as_the_clocks_make_them() -> None:
    assert hours(CalendarUnit.DAY, date(2026, 11, 2)) == 24
    assert hours(CalendarUnit.DAY, date(2026, 3, 29)) == 23
    assert hours(CalendarUnit.DAY, date(2026, 10, 25)) == 25
    assert hours(CalendarUnit.DAY, date(2026, 10, 4), LORD_HOWE) == 23.5
    assert hours(CalendarUnit.MONTH, date(2026, 3, 29)) == 31 * 24 - 1
    assert hours(CalendarUnit.YEAR, date(2026, 3, 29)) == 365 * 24


@pytest.mark.parametrize(
    ("unit", "from_", "until"),
    [
        (CalendarUnit.HOUR, utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),
        (CalendarUnit.DAY, utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),
        (CalendarUnit.WEEK, utc(2026, 10, 18, 22), utc(2026, 10, 25, 23)),
        (CalendarUnit.MONTH, utc(2026, 9, 30, 22), utc(2026, 10, 31, 23)),
        (CalendarUnit.YEAR, utc(2025, 12, 31, 23), utc(2026, 12, 31, 23)),
    ],
)
def test_a_period_is_that_of_the_places_clocks(unit: CalendarUnit, from_: datetime, until: datetime) -> None:
    assert range_of(unit, date(2026, 10, 25), BERLIN) == TimeRange(from_, until)


def test_a_week_may_begin_in_the_year_before() -> None:
    assert range_of(CalendarUnit.WEEK, date(2027, 1, 1), ZoneInfo("UTC")).from_ == utc(2026, 12, 28)


def test_a_day_begins_after_a_midnight_that_is_left_out() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    start = start_of_day(date(2024, 3, 31), beirut)

    assert start.astimezone(beirut).isoformat() == "2024-03-31T01:00:00+03:00"
    assert (start - timedelta(seconds=1)).astimezone(beirut).isoformat() == "2024-03-30T23:59:59+02:00"


def test_a_day_that_a_place_skipped_has_no_length_and_no_bucket() -> None:
    apia = ZoneInfo("Pacific/Apia")
    around = TimeRange(start_of_day(date(2011, 12, 29), apia), start_of_day(date(2012, 1, 1), apia))

    assert hours(CalendarUnit.DAY, date(2011, 12, 30), apia) == 0
    assert [day_of(one.from_, apia).day for one in buckets(CalendarUnit.DAY, around, apia)] == [29, 31]
    assert len(list(buckets(CalendarUnit.HOUR, around, apia))) == 48


def test_what_is_still_to_come_is_cut_off() -> None:
    day = range_of(CalendarUnit.DAY, date(2026, 11, 2), BERLIN)

    assert day.before(utc(2026, 11, 2, 12)) == TimeRange(day.from_, utc(2026, 11, 2, 12))
    assert day.before(utc(2026, 11, 9)) == day
    assert day.before(utc(2026, 10, 1)) == TimeRange(day.from_, day.from_)


@given(UNITS, DAYS, ZONES)
def test_a_day_is_in_its_own_period_and_periods_follow_one_another(
    unit: CalendarUnit, day: date, zone: ZoneInfo
) -> None:
    period = range_of(unit, day, zone)
    following = range_of(unit, unit.next_day(day), zone)

    assert period.from_ <= start_of_day(day, zone) <= period.until == following.from_
    assert unit.first_day(day) <= day < unit.next_day(day)
    assert unit.first_day(unit.next_day(day)) == unit.next_day(day)


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), ZONES)
def test_no_instant_of_the_day_is_before_its_start(day: date, zone: ZoneInfo) -> None:
    start = start_of_day(day, zone)
    is_skipped = start == start_of_day(day + timedelta(days=1), zone)

    assert day_of(start, zone) == day or is_skipped
    assert day_of(start - timedelta(microseconds=1), zone) < day


@given(UNITS, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=20)), ZONES)
def test_buckets_are_the_range_without_gap_or_overlap(
    unit: CalendarUnit, from_: datetime, length: timedelta, zone: ZoneInfo
) -> None:
    within = TimeRange(from_, from_ + length)

    found = list(buckets(unit, within, zone))

    assert all(one.until == two.from_ for one, two in pairwise(found))
    assert all(one.from_ < one.until for one in found)
    if length:
        assert (found[0].from_, found[-1].until) == (within.from_, within.until)
        for one in found:
            last = one.until - timedelta(microseconds=1)
            assert unit.first_day(day_of(one.from_, zone)) == unit.first_day(day_of(last, zone))
    else:
        assert found == []


@pytest.mark.parametrize(("day", "count"), [(29, 23), (30, 24)])
def test_a_day_has_as_many_hours_as_it_is_long(day: int, count: int) -> None:
    found = list(buckets(CalendarUnit.HOUR, range_of(CalendarUnit.DAY, date(2026, 3, day), BERLIN), BERLIN))

    assert [one.until - one.from_ for one in found] == [timedelta(hours=1)] * count


def test_hours_are_those_of_the_places_clocks() -> None:
    day = range_of(CalendarUnit.DAY, date(2026, 11, 2), KOLKATA)
    found = list(buckets(CalendarUnit.HOUR, TimeRange(day.from_ + timedelta(minutes=10), day.until), KOLKATA))

    assert [found[0].from_, found[0].until] == [utc(2026, 11, 1, 18, 40), utc(2026, 11, 1, 19, 30)]
    assert len(found) == 24


def test_buckets_of_a_long_range_are_made_one_by_one() -> None:
    ages = TimeRange(utc(1970, 1, 1), utc(2100, 1, 1))

    assert len(list(islice(buckets(CalendarUnit.HOUR, ages, BERLIN), 100))) == 100
