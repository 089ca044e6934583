"""What the operator was told of, so that no restart and no second scheduler tells it again."""

from datetime import datetime

from sqlalchemy import ForeignKey, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import TroubleKind
from app.models.base import Base, UtcDateTime, enum_type


class OperatorMail(Base):
    """The last mail about one kind of trouble of one location's schedulers."""

    __tablename__ = "operator_mails"
    __table_args__ = (PrimaryKeyConstraint("location_id", "kind"),)

    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    kind: Mapped[TroubleKind] = mapped_column(enum_type(TroubleKind, "kind"))
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was told that there is trouble; None: never."""
    is_open: Mapped[bool] = mapped_column(default=False)
    """Whether it was told of trouble and not yet of its end."""
