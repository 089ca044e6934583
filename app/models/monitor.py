"""A stored instruction: which mailbox to check, how and how often. Written by people only."""

from datetime import datetime

from sqlalchemy import Computed, Float, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.enums import MonitorStatus, Protocol
from app.models.base import IDS_USED_ONCE, Base, BigId, Dated, Identified, Json, UtcDateTime, enum_type
from app.models.customer import Customer
from app.models.monitor_health import MonitorHealth
from app.models.monitor_schedule import MonitorSchedule


class Monitor(Identified, Dated, Base):
    __tablename__ = "monitors"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "customer_id"], ["customers.organization_id", "customers.id"]
        ),
        # With all that a search looks at, so that it reads no row of the table.
        Index(None, "organization_id", "id", "customer_id", "searched"),
        Index(None, "customer_id", "id"),
        Index(None, "server"),
        Index(None, "organization_id", "status"),
        IDS_USED_ONCE,
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    customer_id: Mapped[int] = mapped_column(BigId)
    customer_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was moved to the customer, whose maintenance does not concern it before. None: never."""
    name: Mapped[str] = mapped_column(String(255))
    hostname: Mapped[str] = mapped_column(String(253))
    port: Mapped[int | None] = mapped_column(Integer)
    protocol: Mapped[Protocol] = mapped_column(enum_type(Protocol, "protocol"))
    """A copy of the config's value, because lists are filtered by it."""
    check_interval: Mapped[float] = mapped_column(Float(53))
    """Minutes, as a person typed them."""
    timeout_seconds: Mapped[int] = mapped_column(Integer)
    status: Mapped[MonitorStatus] = mapped_column(enum_type(MonitorStatus, "status"))
    allowed_check_country_codes: Mapped[list[str] | None] = mapped_column(Json)
    notification_email: Mapped[str | None] = mapped_column(String(320))
    notification_phone_number: Mapped[str | None] = mapped_column(String(32))
    mailbox_key: Mapped[str] = mapped_column(String(32))
    """A keyed hash of host name, port and user: monitors that share it take turns."""
    server: Mapped[str] = mapped_column(String(260), server_default="")
    """Host name and port as they are dialled: so many checks at once go to one server, and no more."""
    config_encrypted: Mapped[str] = mapped_column(Text)
    """The whole `imapPopConfig` as JSON, encrypted for this row (app/crypto.py)."""

    searched: Mapped[str | None] = mapped_column(
        Text,
        Computed("lower(name || '\n' || hostname)", persisted=True),
        deferred=True,
        deferred_raiseload=True,
    )
    """What a search looks through, put into small letters once: for 100,000 names that takes 0.1 s."""

    customer: Mapped[Customer] = relationship(overlaps="organization")
    schedules: Mapped[list[MonitorSchedule]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by=MonitorSchedule.location_id
    )

    concluded: Mapped[MonitorHealth | None] = relationship(viewonly=True)

    @property
    def interval_ms(self) -> int:
        return round(self.check_interval * 60_000)

    @property
    def timeout_ms(self) -> int:
        return self.timeout_seconds * 1000
