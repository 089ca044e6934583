"""Which range is meant by what a caller asks for."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.calendar import CalendarUnit, TimeRange
from app.errors import INVALID_QUERY, InvalidError
from app.services import asked_range
from app.services.asked_range import MAX_POINTS, Granularity, resolve

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
NOW = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def local(*parts: int) -> datetime:
    return datetime(*parts)  # noqa: DTZ001 - a time where the caller is


FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)
BEGIN_OF_FIRST, END_OF_SECOND = utc(2026, 10, 31, 23), utc(2026, 11, 2, 23)
"""In Berlin."""


def asked(zone: ZoneInfo = BERLIN, **query: Any) -> tuple[datetime, datetime, str]:
    found = resolve(zone, NOW, **query)
    return found.within.from_, found.within.until, found.granularity.value


@pytest.mark.parametrize(
    ("unit", "from_", "granularity"),
    [
        (CalendarUnit.DAY, utc(2026, 11, 24, 23), "hour"),
        (CalendarUnit.WEEK, utc(2026, 11, 22, 23), "hour"),
        (CalendarUnit.MONTH, utc(2026, 10, 31, 23), "day"),
        (CalendarUnit.YEAR, utc(2025, 12, 31, 23), "month"),
    ],
)
def test_the_period_that_has_now_until_now(unit: CalendarUnit, from_: datetime, granularity: str) -> None:
    assert asked(unit=unit) == (from_, NOW, granularity)


def test_without_anything_it_is_today() -> None:
    assert asked() == asked(unit=CalendarUnit.DAY)
    assert resolve(BERLIN, NOW).day == date(2026, 11, 25)


def test_the_day_is_the_callers() -> None:
    assert asked(ZoneInfo("Pacific/Kiritimati"))[0] == utc(2026, 11, 24, 10)
    assert asked(ZoneInfo("Pacific/Pago_Pago"))[0] == utc(2026, 11, 24, 11)


@pytest.mark.parametrize(
    "reference", [date(2026, 3, 29), local(2026, 3, 29, 12), utc(2026, 3, 29, 21, 59), utc(2026, 3, 28, 23)]
)
def test_a_period_that_is_over(reference: date) -> None:
    found = resolve(BERLIN, NOW, reference=reference)

    assert found.within == TimeRange(utc(2026, 3, 28, 23), utc(2026, 3, 29, 22))
    assert (found.day, len(found.points())) == (date(2026, 3, 29), 23)


def test_a_period_to_come_is_empty() -> None:
    found = resolve(BERLIN, NOW, reference=date(2027, 1, 1), unit=CalendarUnit.YEAR)

    assert found.within.from_ == found.within.until
    assert found.points() == []


@pytest.mark.parametrize(
    ("query", "from_", "until"),
    [
        ({"start": FIRST, "end": SECOND}, BEGIN_OF_FIRST, END_OF_SECOND),
        ({"start": FIRST, "end": FIRST}, BEGIN_OF_FIRST, utc(2026, 11, 1, 23)),
        ({"start": utc(2026, 11, 1), "end": utc(2026, 11, 1, 1)}, utc(2026, 11, 1), utc(2026, 11, 1, 1)),
        ({"start": local(2026, 11, 1), "end": local(2026, 11, 2)}, BEGIN_OF_FIRST, utc(2026, 11, 1, 23)),
        ({"start": date(2026, 11, 20)}, utc(2026, 11, 19, 23), NOW),
        ({"start": FIRST, "reference": SECOND}, BEGIN_OF_FIRST, END_OF_SECOND),
        ({"start": date(2026, 11, 20), "end": date(2030, 1, 1)}, utc(2026, 11, 19, 23), NOW),
        ({"end": SECOND, "unit": CalendarUnit.MONTH}, BEGIN_OF_FIRST, END_OF_SECOND),
        ({"end": local(2026, 11, 3), "unit": CalendarUnit.DAY}, utc(2026, 11, 1, 23), END_OF_SECOND),
        ({"start": date(2026, 1, 1), "unit": CalendarUnit.DAY}, utc(2025, 12, 31, 23), NOW),
    ],
)  # fmt: skip
def test_start_and_end_win_over_the_period(query: dict[str, Any], from_: datetime, until: datetime) -> None:
    assert asked(**query)[:2] == (from_, until)


@pytest.mark.parametrize(
    ("days", "granularity"),
    [(1, "hour"), (8, "hour"), (9, "day"), (93, "day"), (94, "month"), (3660, "month")],
)
def test_longer_ranges_are_told_more_coarsely(days: int, granularity: str) -> None:
    query = {"start": utc(2016, 1, 1), "end": utc(2016, 1, 1) + timedelta(days=days)}

    assert asked(UTC_ZONE, **query)[2] == granularity
    assert asked(UTC_ZONE, **query, granularity=Granularity.WEEK)[2] == "week"


def test_raw_has_no_points_however_long_the_range_is() -> None:
    found = resolve(BERLIN, NOW, unit=CalendarUnit.YEAR, granularity=Granularity.RAW)

    assert found.points() == []


def test_as_many_points_as_are_allowed() -> None:
    query = {"start": utc(2026, 1, 1), "granularity": Granularity.HOUR}
    until = utc(2026, 1, 1) + timedelta(hours=MAX_POINTS)

    assert len(resolve(UTC_ZONE, NOW, **query, end=until).points()) == MAX_POINTS
    assert fault(UTC_ZONE, **query, end=until + timedelta(microseconds=1)) == {
        "granularity": [asked_range.TOO_FINE]
    }


def fault(zone: ZoneInfo = BERLIN, **query: Any) -> Any:
    with pytest.raises(InvalidError) as raised:
        resolve(zone, NOW, **query)
    assert raised.value.title == INVALID_QUERY
    return raised.value.faults


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"start": date(2026, 11, 2), "end": date(2026, 11, 1)}, "endDate"),
        ({"start": utc(2026, 11, 2), "end": utc(2026, 11, 2)}, "endDate"),
        ({"start": utc(2026, 11, 2, 1), "end": local(2026, 11, 2, 2)}, "endDate"),
        ({"start": date(2026, 11, 26)}, "startDate"),
        ({"start": date(2026, 11, 3), "reference": date(2026, 11, 2)}, "startDate"),
        ({"start": date(2016, 1, 1), "end": date(2026, 11, 1)}, "startDate"),
        ({"start": date(1970, 1, 1), "end": date(2100, 12, 31)}, "startDate"),
    ],
)
def test_what_is_no_range_is_refused_by_name(query: dict[str, Any], name: str) -> None:
    assert list(fault(**query)) == [name]


def test_all_there_is_until_now() -> None:
    assert asked_range.until_now(BERLIN, NOW) == TimeRange(utc(1970, 1, 1), NOW)
    assert asked_range.until_now(BERLIN, NOW, end=SECOND) == TimeRange(utc(1970, 1, 1), END_OF_SECOND)
    assert asked_range.until_now(BERLIN, NOW, start=FIRST) == TimeRange(BEGIN_OF_FIRST, NOW)
    assert asked_range.until_now(BERLIN, NOW, start=FIRST, end=date(2030, 1, 1)).until == NOW


@pytest.mark.parametrize(
    ("query", "name"),
    [({"start": date(2026, 11, 26)}, "startDate"), ({"start": SECOND, "end": FIRST}, "endDate")],
)
def test_nothing_is_before_its_start(query: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidError) as raised:
        asked_range.until_now(BERLIN, NOW, **query)
    assert list(raised.value.faults or ()) == [name]
