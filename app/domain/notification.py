"""What people are told of an incident, and where: the words are made by `app/notifiers`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.enums import AlertEvent, Language, Protocol


@dataclass(frozen=True, kw_only=True)
class Party:
    """A customer or an organization, as a message names it."""

    public_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class NoticeMonitor:
    public_id: UUID
    name: str
    hostname: str
    port: int
    """The one that is dialled, also where the monitor leaves it to its protocol."""
    protocol: Protocol


@dataclass(frozen=True, kw_only=True)
class NoticeIncident:
    public_id: UUID
    type: str
    """An ErrorCode or a WarningCode."""
    started_at: datetime
    ended_at: datetime | None
    error_message: str | None
    """One sentence, with the server's own words; secrets are masked already."""
    transcript: tuple[str, ...] = ()
    """What was said in the first failing check, secrets masked."""
    location_name: str | None = None
    is_watched: bool = True
    """False: it ended because the monitor is not checked any more, so nobody knows whether it works again."""

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One message to one destination. All attempts to deliver it carry the same `id`."""

    event: AlertEvent
    id: UUID
    attempt: int
    """From 1."""
    sent_at: datetime
    language: Language
    time_zone: str
    """In which the times in the text are told."""
    incident: NoticeIncident
    monitor: NoticeMonitor
    customer: Party
    organization: Party
    url: str | None = None
    """Where the incident can be seen, if PUBLIC_URL is known."""
    is_test: bool = False


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a message goes. `config` is whole, with its secrets, so it is never logged or shown."""

    type: str
    name: str
    config: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What came of one attempt."""

    is_sent: bool
    error: str | None = None
    """One sentence, without secrets; None when it was sent."""
    is_final: bool = False
    """Trying again would not help: the target refused it for good, or the channel is not set up."""
    status_code: int | None = None
    """Of a target that speaks HTTP, as far as it is known."""
    duration_ms: int = 0
