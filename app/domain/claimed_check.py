"""What a scheduler has taken from the plan, until its result is stored."""

from dataclasses import dataclass, field
from uuid import UUID

from app.domain.enums import Protocol


@dataclass(frozen=True)
class ClaimedCheck:
    """One check that this scheduler has to run now, with all that it needs to run it."""

    schedule_id: int
    token: UUID
    monitor_id: int
    monitor_public_id: UUID
    location_id: int
    organization_id: int
    server: str
    is_slow: bool
    protocol: Protocol
    hostname: str
    port: int | None
    timeout_seconds: int
    interval_ms: int
    due_at_ms: int
    planned_at_ms: int
    """The next check after this one, as the claim planned it."""
    refusals: int
    customer_id: int
    is_maintenance: bool
    """By the monitor's own status."""
    alert_checks: int
    recovery_checks: int
    config_encrypted: str = field(repr=False)
