"""Maintenance: what is planned, and what of it has come to pass."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IDS_USED_ONCE, Base, BigId, Dated, Identified, Json, UtcDateTime


class MaintenanceWindow(Identified, Dated, Base):
    """A plan: once, or again and again. Without targets it covers all monitors of the customer."""

    __tablename__ = "maintenance_windows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "id"),
        Index(None, "customer_id"),
        IDS_USED_ONCE,
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    customer_id: Mapped[int] = mapped_column(BigId)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    start_time: Mapped[datetime] = mapped_column(UtcDateTime)
    end_time: Mapped[datetime] = mapped_column(UtcDateTime)
    """Of the first occurrence; the others are as long."""
    time_zone: Mapped[str] = mapped_column(String(64))
    """Where a recurring window keeps its time of day."""
    is_recurring: Mapped[bool]
    recurrence_pattern: Mapped[dict[str, Any] | None] = mapped_column(Json)
    is_active: Mapped[bool]
    noted_until: Mapped[datetime] = mapped_column(UtcDateTime)
    """Occurrences up to here are in `maintenance_periods`: no change of the plan changes the past."""

    targets: Mapped[list["MaintenanceTarget"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="MaintenanceTarget.monitor_id"
    )


class MaintenanceTarget(Base):
    __tablename__ = "maintenance_targets"
    __table_args__ = (PrimaryKeyConstraint("window_id", "monitor_id"), Index(None, "monitor_id"))

    window_id: Mapped[int] = mapped_column(ForeignKey("maintenance_windows.id", ondelete="CASCADE"))
    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))


class MaintenancePeriod(Base):
    """Time that has been, or is being, maintenance: of one monitor, or of all of the customer."""

    __tablename__ = "maintenance_periods"
    __table_args__ = (
        Index(None, "customer_id", "started_at"),
        Index(None, "monitor_id", "started_at"),
        Index("ix_maintenance_periods_open", "window_id", postgresql_where=text("ended_at IS NULL"),
              sqlite_where=text("ended_at IS NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    window_id: Mapped[int | None] = mapped_column(ForeignKey("maintenance_windows.id", ondelete="SET NULL"))
    """None: the monitor's own status, or a window that is no more."""
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    monitor_id: Mapped[int | None] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    """None: all monitors of the customer."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: until somebody sets the monitor's status back."""
