"""How instants are written."""

from datetime import UTC, datetime


def to_iso(instant: datetime) -> str:
    """As the API and webhooks write it: ISO 8601, UTC, milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
