"""Instants in bodies, and the end of a recurrence."""

from datetime import UTC, date, datetime
from typing import Any

from marshmallow import ValidationError

from app.api.time_fields import DAY, MONTH, OFFSET, TIME, YEAR, Moment
from app.clock import to_iso
from app.domain.calendar import FIRST_YEAR, LAST_YEAR


class Timestamp(Moment):
    """An instant: ISO 8601 with its offset from UTC. Cut to milliseconds."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"format": "date-time", "pattern": f"^{YEAR}-{MONTH}-{DAY}T{TIME}{OFFSET}$"}
        super().__init__(metadata={**shape, **kwargs.pop("metadata", {})}, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        moment = super()._deserialize(value, *args, **kwargs)
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise ValidationError("must have a time and a time zone, such as 2026-02-26T12:00:00.000Z")
        return _in_utc(moment)


class LastDay(Moment):
    """A day in the time zone of whatever it is about, or an instant; either is kept as a text."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        moment: date = super()._deserialize(value, *args, **kwargs)
        if not isinstance(moment, datetime):
            return moment.isoformat()
        if moment.tzinfo is None:
            raise ValidationError("must have a time zone if it has a time, or be a date such as 2026-12-31")
        return to_iso(_in_utc(moment))


def _in_utc(moment: datetime) -> datetime:
    """Within the years in which it could be sent back as it is answered. Raises ValidationError."""
    instant = moment.astimezone(UTC)
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValidationError(f"must be in the years from {FIRST_YEAR} to {LAST_YEAR}, in UTC")
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
