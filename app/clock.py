"""The single place that reads the time."""

from datetime import UTC, datetime, timedelta

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


def to_iso(instant: datetime) -> str:
    """As the API writes it: ISO 8601, UTC, milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_english(instant: datetime) -> str:
    """As incident-history alone writes it (contract section 1): `Feb 26, 2026, 12:10:00`, UTC."""
    # Not strftime's names: those of the months depend on the locale of the process.
    at = instant.astimezone(UTC)
    return f"{_MONTHS[at.month - 1]} {at.day}, {at.year}, {at:%H:%M:%S}"
