"""A confirmed failure, or a confirmed warning, of one monitor: from its first result to its recovery."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.clock import to_ms
from app.domain.enums import IncidentEventKind, IncidentStatus
from app.models.base import IDS_USED_ONCE, Base, BigId, Identified, Json, UtcDateTime, enum_type
from app.models.monitor import Monitor

IS_OPEN = text("ended_at IS NULL")


class Incident(Identified, Base):
    """Written in the transaction of the result that opens or resolves it."""

    __tablename__ = "incidents"
    __table_args__ = (
        # Whatever two schedulers conclude at once, one of them opens it.
        Index(
            "uq_incidents_open", "monitor_id", "subject", unique=True, postgresql_where=IS_OPEN,
            sqlite_where=IS_OPEN,
        ),
        # With all that lists are filtered by, so that they are counted without reading rows: each of those
        # has a whole transcript in it.
        Index(None, "monitor_id", "id", "type", "ended_at"),
        Index(None, "organization_id", "id", "ended_at"),
        Index(None, "organization_id", "type", "id", "ended_at"),
        Index(
            "ix_incidents_open", "organization_id", "id", "type", postgresql_where=IS_OPEN,
            sqlite_where=IS_OPEN,
        ),
        Index(None, "next_reminder_at", postgresql_where=IS_OPEN, sqlite_where=IS_OPEN),
        IDS_USED_ONCE,
    )  # fmt: skip

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    """From where the failure was seen that decided."""
    subject: Mapped[str] = mapped_column(String(32))
    """`downtime`, or the warning that it is about: a monitor has one open incident of each."""
    type: Mapped[str] = mapped_column(String(64))
    """The first result's ErrorCode or WarningCode."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The first failing result."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The first good result of those that confirmed the recovery."""
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was confirmed and recorded."""
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    was_abandoned: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It ended because nobody checks the monitor any more, and not because it works again."""
    error_message: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]] = mapped_column(Json)
    """The first result: `resultId`, `checkedAt`, `locationCode`, `diagnostics` with the transcript."""
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(320))
    """Who: a copy of the actor's name, which outlives the actor."""
    last_notified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_reminder_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    monitor: Mapped[Monitor] = relationship()

    @property
    def status(self) -> IncidentStatus:
        return IncidentStatus.OPEN if self.ended_at is None else IncidentStatus.RESOLVED

    @property
    def name(self) -> str:
        """What it is about, for people who read the audit trail."""
        return self.monitor.name

    @property
    def customer_id(self) -> int:
        return self.monitor.customer_id

    def duration_ms(self, now: datetime) -> int:
        """Whole milliseconds; of an open one, so far."""
        return max(to_ms(self.ended_at or now) - to_ms(self.started_at), 0)


class IncidentEvent(Base):
    """A line of the timeline. Alerts are lines too, but rows of their own (app/models/alert.py)."""

    __tablename__ = "incident_events"
    __table_args__ = (Index(None, "incident_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[IncidentEventKind] = mapped_column(enum_type(IncidentEventKind, "kind"))
    actor_name: Mapped[str | None] = mapped_column(String(320))
    text: Mapped[str | None] = mapped_column(Text)
