"""When a maintenance window is open: once, or again and again at its time of day in its time zone.

The days come from a rule of RFC 5545, and only then each gets the time of day and the zone's offset, so that
two o'clock stays two o'clock when the clocks change. Where two o'clock is left out that day, the window opens
when it would have been two o'clock; where there are two of them, it opens at the first. Each occurrence lasts
as long as the first one, in hours that pass and not in hours that clocks show.

Instants are aware UTC. An occurrence has its beginning and not its end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import DAILY, MO, MONTHLY, WEEKLY, rrule

from app.domain.enums import RecurrenceFrequency

MAX_LENGTH = timedelta(days=366)
MAX_INTERVAL = 366
"""Days, weeks or months between two occurrences."""
DISTANCES = 64
"""As many occurrences in a row as it takes to see the shortest distance between two: of every set of days, of
months of every length, and of years that are leap years and that are not."""

END_BEFORE_START = "must be after startTime"
TOO_LONG = f"must be at most {MAX_LENGTH.days} days after startTime"
OVERLAPPING = "must not be after the next occurrence starts"
NEVER = "has no occurrence: no such day comes, or not before it ends"


@dataclass(frozen=True, slots=True)
class Occurrence:
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Recurrence:
    """Which days, from the first start on. The words are those of the contract's `recurrencePattern`."""

    frequency: RecurrenceFrequency
    interval: int = 1
    days_of_week: tuple[int, ...] = ()
    """Of a weekly one, 0 is Sunday; none: the first start's. A week begins with Monday (RFC 5545's WKST)."""
    day_of_month: int | None = None
    """Of a monthly one; None: the first start's. A month without that day has no occurrence."""
    last: date | datetime | None = None
    """The last day, in the window's zone, or the last instant at which one may start (RFC 5545's UNTIL)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    start: datetime
    """Of a recurring one it gives the time of day, and the first day on which it may open."""
    end: datetime
    """With the start, the length of each occurrence."""
    time_zone: str
    recurrence: Recurrence | None = None

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def recurrence_of(pattern: Mapping[str, Any]) -> Recurrence:
    """From the contract's `recurrencePattern`, as it is stored: with its keys, and dates as texts."""
    return Recurrence(
        frequency=RecurrenceFrequency(pattern["frequency"]),
        interval=pattern.get("interval", 1),
        days_of_week=tuple(pattern.get("daysOfWeek") or ()),
        day_of_month=pattern.get("dayOfMonth"),
        last=_last(pattern.get("endRecurrenceDate")),
    )


def _last(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    return date.fromisoformat(text) if len(text) == len("2026-12-31") else datetime.fromisoformat(text)


def occurrences(window: Window, from_: datetime, until: datetime) -> Iterator[Occurrence]:
    """Those that are open at some time from the one instant to before the other, in order.

    Years that have passed since the window's start cost nothing.
    """
    for start in starts_after(window, from_ - window.length):
        if start >= until:
            return
        yield Occurrence(start, start + window.length)


def occurrence_at(window: Window, instant: datetime) -> Occurrence | None:
    """The one that is open; the later one, where the clocks' change makes two of them overlap."""
    found = None
    for start in starts_after(window, instant - window.length):
        if start > instant:
            break
        found = Occurrence(start, start + window.length)
    return found


def next_start(window: Window, after: datetime) -> datetime | None:
    """When it opens for the next time after this instant; None: it does not."""
    return next(starts_after(window, after), None)


def starts_after(window: Window, instant: datetime) -> Iterator[datetime]:
    """When it opens after this instant, in order, for ever unless it ends."""
    if window.recurrence is None:
        if window.start > instant:
            yield window.start
        return
    # A day earlier than the instant's: no clocks leave out more than a day.
    earliest = instant.astimezone(_zone(window)).date() - timedelta(days=1)
    previous = instant
    for _, start in _starts(window, window.recurrence, earliest):
        # A day that clocks leave out starts with the one after it.
        if start > previous:
            yield start
            previous = start


def faults(window: Window) -> dict[str, list[str]]:
    """What is wrong with a window, by the contract's fields; empty when nothing is."""
    if window.length <= timedelta():
        return {"endTime": [END_BEFORE_START]}
    if window.length > MAX_LENGTH:
        return {"endTime": [TOO_LONG]}
    if window.recurrence is None:
        return {}
    days = [day for day, _ in islice(_starts(window, window.recurrence, date.min), DISTANCES)]
    if not days:
        return {"recurrencePattern": [NEVER]}
    if any(window.length > later - day for day, later in pairwise(days)):
        return {"endTime": [OVERLAPPING]}
    return {}


def _starts(window: Window, recurrence: Recurrence, earliest: date) -> Iterator[tuple[date, datetime]]:
    """Local days, from about the earliest on, and the instant of each at which it starts."""
    zone = _zone(window)
    first = window.start.astimezone(zone).replace(tzinfo=None, fold=0)
    for day in _days(recurrence, first.date(), earliest):
        local = datetime.combine(day, first.time())
        # As it was given, should it be in an hour that clocks show twice.
        start = window.start if local == first else local.replace(tzinfo=zone).astimezone(UTC)
        if _is_over(recurrence.last, day, start):
            return
        yield day, start


def _days(recurrence: Recurrence, first: date, earliest: date) -> Iterator[date]:
    """The rule's days. It walks from where it begins, so it begins as near as the rule allows."""
    rule: dict[str, Any]
    match recurrence.frequency:
        case RecurrenceFrequency.DAILY:
            near, rule = first + _steps(earliest - first, recurrence.interval), {"freq": DAILY}
        case RecurrenceFrequency.WEEKLY:
            monday = first - timedelta(days=first.weekday())
            near = monday + _steps(earliest - monday, 7 * recurrence.interval)
            # rrule counts from Monday.
            weekdays = [(day - 1) % 7 for day in recurrence.days_of_week] or [first.weekday()]
            rule = {"freq": WEEKLY, "byweekday": weekdays, "wkst": MO}
        case RecurrenceFrequency.MONTHLY:
            near = _month_near(first, earliest, recurrence.interval)
            rule = {"freq": MONTHLY, "bymonthday": recurrence.day_of_month or first.day}
    begin = datetime.combine(max(first, near), time())
    for midnight in rrule(dtstart=begin, interval=recurrence.interval, **rule):
        yield midnight.date()


def _steps(distance: timedelta, step_days: int) -> timedelta:
    return timedelta(days=max(distance.days, 0) // step_days * step_days)


def _month_near(first: date, earliest: date, interval: int) -> date:
    months = (earliest.year - first.year) * 12 + earliest.month - first.month
    year, month = divmod(first.year * 12 + first.month - 1 + max(months, 0) // interval * interval, 12)
    return date(year, month + 1, 1)


def _is_over(last: date | datetime | None, day: date, start: datetime) -> bool:
    if isinstance(last, datetime):
        return start > last
    return last is not None and day > last


def _zone(window: Window) -> ZoneInfo:
    """UTC for a name that the database of zones has lost: better at the wrong hour than no check recorded."""
    try:
        return ZoneInfo(window.time_zone)
    except ZoneInfoNotFoundError:
        return ZoneInfo("UTC")
