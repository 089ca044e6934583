"""Where alerts go: an address at e-mail, SMS, a webhook or a service, for an organization or a part of it."""

from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import ChannelCategory
from app.models.base import IDS_USED_ONCE, Base, BigId, Dated, Identified, Json, enum_type


class NotificationChannel(Identified, Dated, Base):
    """Of one monitor, else of one customer, else of the whole organization."""

    __tablename__ = "notification_channels"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "id"),
        # What concerns one monitor is found without reading what others have.
        Index(None, "organization_id", "customer_id", "monitor_id"),
        Index(None, "monitor_id"),
        IDS_USED_ONCE,
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    customer_id: Mapped[int | None] = mapped_column(BigId)
    monitor_id: Mapped[int | None] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(32))
    category: Mapped[ChannelCategory] = mapped_column(enum_type(ChannelCategory, "category"))
    name: Mapped[str] = mapped_column(String(255))
    config: Mapped[dict[str, Any]] = mapped_column(Json)
    """What is no secret of it; secrets that are set stand there as null."""
    secrets_encrypted: Mapped[str | None] = mapped_column(Text)
    """The secret keys of the config as JSON, encrypted for this row (app/crypto.py)."""
    priority: Mapped[int] = mapped_column(Integer, default=1)
    """Lower is told first."""
    delay_seconds: Mapped[int] = mapped_column(Integer, default=0)
    """How long an incident has to be open, and not acknowledged, before this channel is told."""
    conditions: Mapped[dict[str, Any] | None] = mapped_column(Json)
    is_active: Mapped[bool] = mapped_column(default=True)
