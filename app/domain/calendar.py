"""Days, weeks, months and years as the clocks of a place tell them, given as instants in UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import dropwhile, pairwise, takewhile
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Of the dates that can be asked for: far from where dates, or the rules of time zones, end."""


class CalendarUnit(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday (ISO 8601)."""
    MONTH = "month"
    YEAR = "year"

    def first_day(self, day: date) -> date:
        """The day with which the week, month or year of this one begins; of shorter units, the day itself."""
        if self is CalendarUnit.WEEK:
            return day - timedelta(days=day.weekday())
        if self is CalendarUnit.MONTH:
            return day.replace(day=1)
        if self is CalendarUnit.YEAR:
            return day.replace(month=1, day=1)
        return day

    def next_day(self, day: date) -> date:
        """The first day after the week, month or year that has this one; of shorter units, the next day."""
        # So many days further is in the next one for sure, and not in the one after.
        days = {CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31, CalendarUnit.YEAR: 366}.get(self, 1)
        return self.first_day(self.first_day(day) + timedelta(days=days))


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Aware UTC. It has its beginning and not its end."""

    from_: datetime
    until: datetime

    def before(self, instant: datetime) -> "TimeRange":
        """What of it has been by then; empty when it is still to come."""
        return TimeRange(self.from_, max(self.from_, min(self.until, instant)))


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of the day: midnight, or where the clocks leave midnight out, what comes after it."""
    # Of a time that is left out, zoneinfo takes the offset before: that is the instant of the change.
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def range_of(unit: CalendarUnit, day: date, zone: ZoneInfo) -> TimeRange:
    """The whole day, week, month or year that has this day. A day has 23 to 25 hours where clocks change."""
    first, following = unit.first_day(day), unit.next_day(day)
    return TimeRange(start_of_day(first, zone), start_of_day(following, zone))


def buckets(unit: CalendarUnit, within: TimeRange, zone: ZoneInfo) -> Iterator[TimeRange]:
    """The range cut where a unit begins, so that the first and the last bucket may be shorter than others.

    Hours are counted from the beginning of each local day. They are made one by one: of a long range there
    are many.
    """
    return (TimeRange(*ends) for ends in pairwise(_edges(unit, within, zone)))


def _edges(unit: CalendarUnit, within: TimeRange, zone: ZoneInfo) -> Iterator[datetime]:
    """The ends of the range, and what begins between them."""
    if within.until <= within.from_:
        return
    beginnings = _beginnings(unit, day_of(within.from_, zone), zone)
    yield within.from_
    yield from takewhile(
        lambda edge: edge < within.until, dropwhile(lambda edge: edge <= within.from_, beginnings)
    )
    yield within.until


def _beginnings(unit: CalendarUnit, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """The instants with which units begin, each later than the one before, from those of that day on."""
    day = unit.first_day(day)
    while True:
        following = unit.next_day(day)
        start, end = start_of_day(day, zone), start_of_day(following, zone)
        # A day that a place has skipped (Samoa, 2011-12-30) has no instant.
        while start < end:
            yield start
            start = start + HOUR if unit is CalendarUnit.HOUR else end
        day = following
