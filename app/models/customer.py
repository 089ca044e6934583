"""A party that an organization serves; owns monitors."""

from typing import Any

from sqlalchemy import ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import CustomerStatus
from app.models.base import IDS_USED_ONCE, Base, Dated, Identified, Json, enum_type


class Customer(Identified, Dated, Base):
    __tablename__ = "customers"
    # The target of the monitors' foreign key: a monitor's customer is of the monitor's organization.
    __table_args__ = (UniqueConstraint("organization_id", "id"), IDS_USED_ONCE)

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(320))
    notification_email: Mapped[str | None] = mapped_column(String(320))
    notification_phone_number: Mapped[str | None] = mapped_column(String(32))
    status: Mapped[CustomerStatus] = mapped_column(
        enum_type(CustomerStatus, "status"), default=CustomerStatus.ACTIVE
    )
    custom_fields: Mapped[dict[str, Any] | None] = mapped_column(Json)
    allowed_check_country_codes: Mapped[list[str] | None] = mapped_column(Json)
    alert_consecutive_checks: Mapped[int | None] = mapped_column(Integer)
    recovery_consecutive_checks: Mapped[int | None] = mapped_column(Integer)
    alert_location_threshold_count: Mapped[int | None] = mapped_column(Integer)
    alert_reminder_minutes: Mapped[int | None] = mapped_column(Integer)
