"""The single place that reads the time."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    return datetime.now(UTC)
