"""Which stretch of time a caller asks about, and how finely it is to be told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from app.clock import EPOCH
from app.domain.calendar import CalendarUnit, TimeRange, buckets, day_of, range_of
from app.errors import INVALID_QUERY, InvalidError

MAX_LENGTH = timedelta(days=3660)
"""Ten years, however many of them are leap years."""
MAX_POINTS = 1000

END_BEFORE_START = "must be after startDate"
TOO_LONG = f"must be at most {MAX_LENGTH.days} days before the end"
START_AFTER_END = "must be before the end, which without endDate is the end of date, or now"
START_AFTER_NOW = "must have been"
TOO_FINE = f"makes more than {MAX_POINTS} points of this range"

Moment = date | datetime
"""A whole day where the caller is, or an instant: one without an offset is a time there too."""


class Granularity(StrEnum):
    """How much time one point of a chart sums up."""

    RAW = "raw"
    """No time: each result is a point."""
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


BY_UNIT = {
    CalendarUnit.DAY: Granularity.HOUR,
    CalendarUnit.WEEK: Granularity.HOUR,
    CalendarUnit.MONTH: Granularity.DAY,
    CalendarUnit.YEAR: Granularity.MONTH,
}
BY_LENGTH = ((timedelta(days=8), Granularity.HOUR), (timedelta(days=93), Granularity.DAY))
"""Of ranges that are no calendar period; longer ones are told by month."""


@dataclass(frozen=True)
class AskedRange:
    """`within` is the part of it that is over; `day` the one whose day, month and year are told beside it."""

    within: TimeRange
    granularity: Granularity
    day: date
    zone: ZoneInfo

    def points(self) -> list[TimeRange]:
        """None of a raw one: those are results."""
        return [] if self.granularity is Granularity.RAW else list(self._buckets())

    def _buckets(self) -> Iterator[TimeRange]:
        return buckets(CalendarUnit(self.granularity), self.within, self.zone)

    def require_few_points(self) -> None:
        """Raises InvalidError for more points than anybody can look at."""
        if self.granularity is not Granularity.RAW and next(islice(self._buckets(), MAX_POINTS, None), None):
            raise _invalid("granularity", TOO_FINE)


def resolve(
    zone: ZoneInfo,
    now: datetime,
    *,
    unit: CalendarUnit = CalendarUnit.DAY,
    reference: Moment | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    granularity: Granularity | None = None,
) -> AskedRange:
    """Start and end win over the calendar period of that unit that has the reference, by default now.

    A day as the start is meant from its beginning, one as the end to its end. Without a start the range
    begins with the unit that it ends in; without an end it ends with the reference.

    Raises InvalidError that names the parameter.
    """
    day = day_of(now if reference is None else begin_of(reference, zone), zone)
    if start is None and end is None:
        whole = range_of(unit, day, zone)
        finest = BY_UNIT[unit]
    else:
        whole = between(zone, now, unit=unit, reference=reference, start=start, end=end)
        lengths = (finest for longest, finest in BY_LENGTH if whole.until - whole.from_ <= longest)
        finest = next(lengths, Granularity.MONTH)
    asked = AskedRange(whole.before(now), granularity or finest, day, zone)
    asked.require_few_points()
    return asked


def between(
    zone: ZoneInfo,
    now: datetime,
    *,
    unit: CalendarUnit = CalendarUnit.DAY,
    reference: Moment | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
) -> TimeRange:
    """The same of a start or an end, or both. Raises InvalidError."""
    last = reference if end is None else end
    until = now if last is None else end_of(last, zone)
    if start is None:
        from_ = range_of(unit, day_of(until - datetime.resolution, zone), zone).from_
    else:
        from_ = begin_of(start, zone)
    if from_ >= until:
        raise _invalid("startDate", START_AFTER_END) if end is None else _invalid("endDate", END_BEFORE_START)
    if until - from_ > MAX_LENGTH:
        raise _invalid("startDate", TOO_LONG)
    return TimeRange(from_, until)


def until_now(
    zone: ZoneInfo, now: datetime, *, start: Moment | None = None, end: Moment | None = None
) -> TimeRange:
    """What there is from the start, if one is given, to the end, or now. Raises InvalidError."""
    from_ = EPOCH if start is None else begin_of(start, zone)
    until = now if end is None else end_of(end, zone)
    if from_ >= until:
        raise _invalid("startDate", START_AFTER_NOW) if end is None else _invalid("endDate", END_BEFORE_START)
    return TimeRange(from_, until).before(now)


def begin_of(moment: Moment, zone: ZoneInfo) -> datetime:
    if isinstance(moment, datetime):
        return _instant(moment, zone)
    return range_of(CalendarUnit.DAY, moment, zone).from_


def end_of(moment: Moment, zone: ZoneInfo) -> datetime:
    """Of a day the end; an instant is its own."""
    if isinstance(moment, datetime):
        return _instant(moment, zone)
    return range_of(CalendarUnit.DAY, moment, zone).until


def _instant(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _invalid(name: str, fault: str) -> InvalidError:
    return InvalidError(INVALID_QUERY, f"{name} {fault}", faults={name: [fault]})
