"""What all tables share: constraint names, aware UTC, both ids."""

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, ColumnElement, DateTime, Dialect, Enum, Integer, MetaData, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

BigId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives out ids by itself only for a column of exactly INTEGER."""

Json = JSON(none_as_null=True)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, on every database; SQLite would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored instant must know its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    def __repr__(self) -> str:
        # Identifiers only: some columns hold secrets, and a repr ends up in logs.
        return f"<{type(self).__name__} {getattr(self, 'id', None)}>"


class Identified:
    """Both ids: the number inside, the UUID in every path."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[UUID] = mapped_column(Uuid, default=uuid4, unique=True)

    @classmethod
    def is_named(cls, reference: UUID | int) -> ColumnElement[bool]:
        """The condition that a row is the one that a caller names by either id."""
        return cls.id == reference if isinstance(reference, int) else cls.public_id == reference


IDS_USED_ONCE = {"sqlite_autoincrement": True}
"""For tables whose ids are kept elsewhere too, as in the audit trail: SQLite would give them out again."""


class Dated:
    """`updated_at` moves when a person changes the row, so it is set by the use case, not by a trigger."""

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


def enum_type(values: type[StrEnum], name: str) -> Enum:
    """A text column that takes the enum's values only (a CHECK constraint called `name`)."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=name,
        values_callable=lambda members: [member.value for member in members],
    )
