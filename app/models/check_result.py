"""The stored, immutable outcome of one check."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.enums import CheckStatus
from app.models.base import Base, Identified, Json, UtcDateTime, enum_type
from app.models.location import Location


class CheckResult(Identified, Base):
    """`public_id` is the lease token of the claim, so that one claim cannot leave two results.

    On PostgreSQL the table is partitioned by the day of `checked_at` (services/partitions.py), which has to
    be part of every key: the primary key is (monitor_id, checked_at, id) there, in the place of the index,
    and the unique one (public_id, checked_at).
    """

    __tablename__ = "check_results"
    __table_args__ = (Index(None, "monitor_id", "checked_at", "id"),)

    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the check started."""
    status: Mapped[CheckStatus] = mapped_column(enum_type(CheckStatus, "status"))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)
    warning_message: Mapped[str | None] = mapped_column(Text)
    timing_ms: Mapped[int] = mapped_column(Integer)
    in_maintenance: Mapped[bool] = mapped_column(default=False, server_default=false())
    diagnostics: Mapped[dict[str, Any]] = mapped_column(Json)

    location: Mapped[Location] = relationship()
