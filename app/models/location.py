"""A named place that checks run from; a scheduler process serves one."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Dated, Identified, UtcDateTime


class Location(Identified, Dated, Base):
    __tablename__ = "locations"

    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    country: Mapped[str | None] = mapped_column(String(2))
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
