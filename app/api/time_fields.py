"""Days, instants and months in query strings."""

import re
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError

from app.documents.fields import Text
from app.domain.calendar import FIRST_YEAR, LAST_YEAR

YEAR = "(19[7-9][0-9]|20[0-9]{2}|2100)"
MONTH = "(0[1-9]|1[0-2])"
DAY = "(0[1-9]|[12][0-9]|3[01])"
TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?"
OFFSET = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

_MOMENT = re.compile(f"{YEAR}-{MONTH}-{DAY}(T{TIME}{OFFSET}?)?")
_MONTH = re.compile(f"{YEAR}-{MONTH}")


class Moment(Text):
    """A day, which becomes a date, or an instant: a datetime, aware where it has an offset."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": f"^{_MOMENT.pattern}$", **kwargs.pop("metadata", {})}
        super().__init__(10, 32, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if not _MOMENT.fullmatch(text):
            raise ValidationError(
                "must be a date such as 2026-11-01 or a date-time such as 2026-11-01T08:00:00Z,"
                f" from {FIRST_YEAR} to {LAST_YEAR}"
            )
        try:
            return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
        except ValueError:
            raise ValidationError("must be a day that exists") from None


class Month(Text):
    """A month, which becomes its first day."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"pattern": f"^{_MONTH.pattern}$", **kwargs.pop("metadata", {})}
        super().__init__(7, 7, metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if not _MONTH.fullmatch(text):
            raise ValidationError(f"must be a month such as 2026-11, from {FIRST_YEAR} to {LAST_YEAR}")
        return date.fromisoformat(f"{text}-01")
