"""Who changed what, when and from where. Written once, never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.enums import ActorKind
from app.models.base import Base, BigId, Identified, Json, UtcDateTime, enum_type


class AuditEntry(Identified, Base):
    """Names and ids are copies without foreign keys: the trail outlives what it tells of."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "organization_id", "id"),
        Index(None, "organization_id", "action", "id"),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))
    """Whose thing was changed, also where a global role changed it."""
    customer_id: Mapped[int | None] = mapped_column(BigId)
    actor_kind: Mapped[ActorKind] = mapped_column(enum_type(ActorKind, "actor_kind"))
    actor_id: Mapped[int | None] = mapped_column(BigId)
    actor_name: Mapped[str] = mapped_column(String(320))
    action: Mapped[str] = mapped_column(String(64))
    """A value of AuditAction."""
    target_public_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    target_name: Mapped[str] = mapped_column(String(320))
    changes: Mapped[dict[str, Any]] = mapped_column(Json)
    """Field as the API names it -> `{"before": …, "after": …}`, secrets masked."""
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
