"""Who is told of an incident, and when: channels and direct addresses, with their conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.enums import AlertEvent

MAX_PRIORITY = 100
MAX_DELAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Recipient:
    """A channel, or an address of the monitor or its customer."""

    channel_id: int | None
    """None: a direct one, to `address`."""
    type: str
    name: str
    address: str | None = None
    priority: int = 1
    """Lower is told first."""
    delay_seconds: int = 0
    conditions: Mapping[str, Any] | None = field(default=None, hash=False)
    """As they are stored: `events`, `types`, `minIncidentDuration` in seconds; what is missing holds."""


def wants(recipient: Recipient, event: AlertEvent, incident_type: str) -> bool:
    """Whether this recipient is told of such an event, by its conditions. An empty list is no condition."""
    conditions = recipient.conditions or {}
    events, types = conditions.get("events"), conditions.get("types")
    return (not events or event in events) and (not types or incident_type in types)


def delay_of(recipient: Recipient, started_at: datetime, now: datetime) -> timedelta:
    """How much longer an incident has to last for this recipient to be told of it; zero or more.

    Its delay and its least duration both count from the first failing result, so the longer one holds.
    """
    least = (recipient.conditions or {}).get("minIncidentDuration") or 0
    lasts = timedelta(seconds=max(recipient.delay_seconds, least))
    return max(started_at + lasts - now, timedelta())
