"""A key for programs: acts as an editor of one organization, or of one of its customers alone."""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IDS_USED_ONCE, Base, BigId, Identified, UtcDateTime
from app.models.customer import Customer


class ApiToken(Identified, Base):
    __tablename__ = "api_tokens"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            ondelete="CASCADE",
        ),
        Index(None, "organization_id", "id"),
        IDS_USED_ONCE,
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    customer_id: Mapped[int | None] = mapped_column(BigId, index=True)
    """Null: all customers of the organization."""
    name: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 in hexadecimal: the token has 256 random bits, so nothing slower protects it better."""
    token_hint: Mapped[str] = mapped_column(String(16))
    """How the token begins, so that a person can tell which one it is."""
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    customer: Mapped[Customer | None] = relationship()
