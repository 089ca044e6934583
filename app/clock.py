"""The single place that reads the time."""

from datetime import UTC, datetime, timedelta

from app.domain.instants import to_iso

__all__ = ["EPOCH", "MILLISECOND", "from_ms", "to_iso", "to_ms", "utcnow"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def utcnow() -> datetime:
    return datetime.now(UTC)


def to_ms(instant: datetime) -> int:
    """Whole milliseconds since the epoch, the unit of the schedule; what is less than one is cut off."""
    # By whole numbers: a float of seconds times 1000 is a millisecond short now and then.
    return (instant - EPOCH) // MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_english(instant: datetime) -> str:
    """As incident-history alone writes it (contract section 1): `Feb 26, 2026, 12:10:00`, UTC."""
    # Not strftime's names: those of the months depend on the locale of the process.
    at = instant.astimezone(UTC)
    return f"{_MONTHS[at.month - 1]} {at.day}, {at.year}, {at:%H:%M:%S}"
