"""The outbox: one row for each attempt to tell one channel of one incident."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import AlertEvent, AlertStatus
from app.models.base import Base, BigId, UtcDateTime, enum_type

IS_UNSETTLED = text("status IN ('pending', 'sending')")
MAY_BE_UNSETTLED = text("alerts.status IN ('pending', 'sending')")
"""To be added to conditions: SQLite takes the index of these only where it reads these words."""
IS_TOLD = text("status IN ('sent', 'failed')")
"""Attempts that were made. In these very words, or no database would use the index for them."""


class Alert(Base):
    """Written in the transaction of what it tells of, delivered after it has been committed.

    `message_id` is the idempotency key: the same for all attempts to deliver one message.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("message_id", "attempt"),
        Index(None, "incident_id", "id"),
        Index(None, "monitor_id", "id"),
        Index(None, "channel_id"),
        Index(None, "due_at", postgresql_where=IS_UNSETTLED, sqlite_where=IS_UNSETTLED),
        Index(
            "ix_alerts_told", "monitor_id", "sent_at", "id", postgresql_where=IS_TOLD, sqlite_where=IS_TOLD
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    channel_id: Mapped[int | None] = mapped_column(
        ForeignKey("notification_channels.id", ondelete="SET NULL")
    )
    """None: a direct one, to `address`, or a channel that was removed meanwhile."""
    channel_type: Mapped[str] = mapped_column(String(32))
    channel_name: Mapped[str] = mapped_column(String(320))
    address: Mapped[str | None] = mapped_column(String(320))
    """Of a direct one: the monitor's or the customer's e-mail address or phone number."""
    event: Mapped[AlertEvent] = mapped_column(enum_type(AlertEvent, "event"))
    message_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    """From 1."""
    priority: Mapped[int] = mapped_column(Integer, default=1)
    status: Mapped[AlertStatus] = mapped_column(enum_type(AlertStatus, "status"), default=AlertStatus.PENDING)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_token: Mapped[UUID | None] = mapped_column(Uuid)
    """Who is sending it; the outcome is written only where it still matches."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the attempt ended, well or not."""
    error_message: Mapped[str | None] = mapped_column(Text)
