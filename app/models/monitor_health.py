"""What is concluded from results: each monitor's health now, and how it was at each location before."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import Health
from app.models.base import Base, BigId, UtcDateTime, enum_type


class MonitorHealth(Base):
    """Of all locations together. A monitor without a row is pending. `no_data` is never stored here."""

    __tablename__ = "monitor_health"
    __table_args__ = (Index(None, "health", "monitor_id"),)

    monitor_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("monitors.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    health: Mapped[Health] = mapped_column(enum_type(Health, "health"))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class HealthTransition(Base):
    """From this instant on the location saw the mailbox so: `up`, `down`, `no_data`, `pending` (not watched).

    What uptime is computed from (app/domain/uptime.py), so kept for years.
    """

    __tablename__ = "health_transitions"
    __table_args__ = (PrimaryKeyConstraint("monitor_id", "location_id", "started_at"),)

    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    health: Mapped[Health] = mapped_column(enum_type(Health, "health"))
