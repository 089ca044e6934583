"""A person who signs in, and the customers that person may be restricted to."""

from sqlalchemy import Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.enums import Role
from app.models.base import IDS_USED_ONCE, Base, BigId, Dated, Identified, enum_type
from app.models.organization import Organization


class User(Identified, Dated, Base):
    __tablename__ = "users"
    __table_args__ = (Index(None, "organization_id", "id"), IDS_USED_ONCE)

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """In small letters: two people cannot differ in capitals alone."""
    password_hash: Mapped[str | None] = mapped_column(String(255))
    """Null: nobody can log in as this user until a password is set."""
    first_name: Mapped[str | None] = mapped_column(String(255))
    last_name: Mapped[str | None] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(enum_type(Role, "role"))
    is_restricted: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=False)
    """Whether `customers` is a restriction; without it an empty list would mean both all and none."""
    is_active: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=True)

    organization: Mapped[Organization] = relationship()
    customers: Mapped[list["UserCustomer"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @property
    def customer_ids(self) -> list[int] | None:
        return sorted(row.customer_id for row in self.customers) if self.is_restricted else None


class UserCustomer(Base):
    __tablename__ = "user_customers"

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
