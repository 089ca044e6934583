"""The tenant: the boundary of all access rules, with the settings its customers inherit."""

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import Language
from app.models.base import IDS_USED_ONCE, Base, Dated, Identified, enum_type


class Organization(Identified, Dated, Base):
    __tablename__ = "organizations"
    __table_args__ = IDS_USED_ONCE

    name: Mapped[str] = mapped_column(String(255))
    language: Mapped[Language] = mapped_column(enum_type(Language, "language"), default=Language.ENGLISH)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    """A name of the IANA time zone database."""
    alert_consecutive_checks: Mapped[int] = mapped_column(Integer, default=2)
    recovery_consecutive_checks: Mapped[int] = mapped_column(Integer, default=2)
    alert_location_threshold_count: Mapped[int] = mapped_column(Integer, default=1)
    alert_reminder_minutes: Mapped[int] = mapped_column(Integer, default=60)
