"""The hot table: one narrow row for each monitor and location, written by the scheduler all the time.

Its instants are whole milliseconds since the epoch, so that one SQL statement, the same on SQLite and
PostgreSQL, can claim rows and compute their next time.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.enums import CheckStatus, Health
from app.models.base import Base, BigId, Json, UtcDateTime, enum_type
from app.models.location import Location

IS_SCHEDULED = text("next_check_at_ms IS NOT NULL")
IS_UNPLANNED = text("next_check_at_ms IS NULL")
IS_LEASED = text("lease_until_ms IS NOT NULL")
IN_MAINTENANCE = text("in_maintenance")
IS_DOWN = text("monitor_schedules.health = 'down'")
"""To be added to conditions: SQLite takes the index of these only where it reads these words."""


class MonitorSchedule(Base):
    __tablename__ = "monitor_schedules"
    __table_args__ = (
        UniqueConstraint("monitor_id", "location_id"),
        # Both columns, or a planner without statistics takes the index of all due rows to look for a few.
        Index(None, "mailbox_key", "location_id"),
        Index(
            None,
            "location_id",
            "is_slow",
            "next_check_at_ms",
            postgresql_where=IS_SCHEDULED,
            sqlite_where=IS_SCHEDULED,
        ),
        Index(
            "ix_monitor_schedules_unplanned",
            "monitor_id",
            postgresql_where=IS_UNPLANNED,
            sqlite_where=IS_UNPLANNED,
        ),
        Index(
            "ix_monitor_schedules_leased",
            "location_id",
            "lease_until_ms",
            postgresql_where=IS_LEASED,
            sqlite_where=IS_LEASED,
        ),
        Index(
            "ix_monitor_schedules_in_maintenance",
            "location_id",
            postgresql_where=IN_MAINTENANCE,
            sqlite_where=IN_MAINTENANCE,
        ),
        Index(
            "ix_monitor_schedules_down",
            "monitor_id",
            postgresql_where=text("health = 'down'"),
            sqlite_where=text("health = 'down'"),
        ),
        # Updated at every check: room on the page keeps PostgreSQL's updates cheap.
        {"postgresql_with": {"fillfactor": 70}},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    organization_id: Mapped[int] = mapped_column(BigId, server_default="0")
    """The monitor's. Here, so that a claim can be fair without looking at monitors."""
    mailbox_key: Mapped[str] = mapped_column(String(32))
    server: Mapped[str] = mapped_column(String(260), server_default="")
    interval_ms: Mapped[int] = mapped_column(BigInteger)
    offset_ms: Mapped[int] = mapped_column(BigInteger)
    timeout_ms: Mapped[int] = mapped_column(BigInteger)
    next_check_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """None: not to be checked here (disabled, or this country is not allowed)."""
    due_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """What `next_check_at_ms` was when the last check was claimed: how late it began."""
    is_slow: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The last check timed out: the next ones wait among their like, where they hold up nobody else."""
    lease_until_ms: Mapped[int | None] = mapped_column(BigInteger)
    lease_token: Mapped[UUID | None] = mapped_column(Uuid)
    """Who holds the check in flight; a result is written only where it still matches."""
    triggered_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    last_checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[CheckStatus | None] = mapped_column(enum_type(CheckStatus, "last_status"))
    last_error_code: Mapped[str | None] = mapped_column(String(64))
    last_error_message: Mapped[str | None] = mapped_column(Text)
    refusals: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many results in a row were refused logins or "later": from the second on, checks back off, and
    those of all monitors of the mailbox count."""

    data_until_ms: Mapped[int | None] = mapped_column(BigInteger)
    """How long what is known here holds: until three more results will have been due."""
    in_maintenance: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the last result was one of maintenance: an alarm that was held back then is still due."""
    health: Mapped[Health] = mapped_column(
        enum_type(Health, "health"), default=Health.PENDING, server_default=Health.PENDING.value
    )
    """As it is confirmed from this location alone: `pending`, `up`, `degraded` or `down`."""
    streak: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many results in a row failed, or did not, as the last one; counted up to MAX_STREAK."""
    streak_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the first of them began."""
    hard_failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many of them were more than a server's "later"."""
    warning_alarms: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """For each WarningCode that was seen lately how it stands (app/domain/health.py); mostly None."""

    location: Mapped[Location] = relationship(lazy="joined")

    @property
    def heartbeat_at(self) -> datetime:
        """When its location was last known to have a scheduler."""
        return self.location.heartbeat_at
