"""Maintenance: what is planned, and what of it has come to pass."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IDS_USED_ONCE, Base, BigId, Dated, Identified, Json, UtcDateTime

IS_OPEN = text("ended_at IS NULL")


class MaintenanceWindow(Identified, Dated, Base):
    """A plan: once, or again and again."""

    __tablename__ = "maintenance_windows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "id"),
        Index(None, "customer_id"),
        # Of thousands of windows, those that have begun and are not noted: none or a few.
        Index(None, "next_start_at"),
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
    covers_customer: Mapped[bool]
    """All monitors of the customer, also those to come. Else those in `targets`, be it none any more."""
    is_active: Mapped[bool]
    noted_until: Mapped[datetime] = mapped_column(UtcDateTime)
    """What began up to here is in `maintenance_periods`: no change of the plan changes the past."""
    next_start_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first occurrence after that begins. None: never, or the window is not active."""

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
        # What is over is long; asked for is what ended, or will end, after some instant.
        Index(None, "ended_at"),
        Index(None, "monitor_id", "ended_at"),
        Index(None, "customer_id", "monitor_id", "ended_at"),
        Index(None, "window_id", "ended_at"),
        # A monitor's own status opens one at a time.
        Index("uq_maintenance_periods_open", "monitor_id", unique=True, postgresql_where=IS_OPEN,
              sqlite_where=IS_OPEN),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    window_id: Mapped[int | None] = mapped_column(ForeignKey("maintenance_windows.id", ondelete="SET NULL"))
    """None: the monitor's own status, or a window that is no more."""
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"))
    """Of a monitor's period, whose the monitor is now."""
    monitor_id: Mapped[int | None] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    """None: all monitors of the customer, from when they came to it."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Of a window's period known when it begins. None: until somebody sets the monitor's status back."""
