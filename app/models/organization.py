"""The tenant: the boundary of all access rules."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Dated, Identified


class Organization(Identified, Dated, Base):
    __tablename__ = "organizations"

    name: Mapped[str] = mapped_column(String(255))
