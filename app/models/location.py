"""A named place that checks run from; a scheduler process serves one."""

from datetime import datetime

from sqlalchemy import BigInteger, String, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Dated, Identified, UtcDateTime


class Location(Identified, Dated, Base):
    __tablename__ = "locations"

    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    country: Mapped[str | None] = mapped_column(String(2))
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    has_references: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether its scheduler has REFERENCE_TARGETS to tell its own trouble from others'."""
    suspect_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when all of them failed too: what it sees is not told to anybody meanwhile."""
    checks_begun: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """This and the following are counted by its schedulers, since the location is known."""
    checks_late: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Begun more than 5 s after they were due."""
    checks_put_off: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Due, and given back because as many checks as may be were already in flight at that server."""
    checks_skipped: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Planned times that passed while the check before was still waiting to begin."""
