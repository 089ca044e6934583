"""Holding a row until the transaction ends, so that two changes at once come one after the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import false, text, update

from app.errors import NotFoundError
from app.extensions import db
from app.models import (
    ApiToken,
    Customer,
    Incident,
    MaintenanceWindow,
    Monitor,
    NotificationChannel,
    Organization,
    User,
)

Row = TypeVar(
    "Row",
    ApiToken,
    Customer,
    Incident,
    MaintenanceWindow,
    Monitor,
    NotificationChannel,
    Organization,
    User,
)

A_MOMENT_MS = 200


@contextmanager
def impatient() -> Iterator[None]:
    """Wait for other writers for a moment only: for what had better not happen than be waited for.

    Within the block the transaction must not end. With PostgreSQL the impatience lasts until it does.
    """
    connection = db.session.connection()
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"SET LOCAL lock_timeout = {A_MOMENT_MS}"))
        yield
        return
    patience = connection.scalar(text("PRAGMA busy_timeout"))
    connection.scalar(text(f"PRAGMA busy_timeout = {A_MOMENT_MS}"))
    try:
        yield
    finally:
        connection.scalar(text(f"PRAGMA busy_timeout = {patience}"))


def begin_writing() -> None:
    """On SQLite, which has no row locks, keep other writers out from here to the end of the transaction."""
    if db.engine.dialect.name == "sqlite":
        # The driver begins a transaction with the first statement that could write.
        db.session.execute(update(Monitor).where(false()).values(name=Monitor.name))


def locked(row: Row, title: str, *, for_removal: bool = False) -> Row:
    """The row as the change before left it. Raises NotFoundError with `title` if that removed it.

    Rows that refer to this one may still be added meanwhile, such as the results of a monitor, unless
    it is to be removed: waiting for each other's rows would be a deadlock (PostgreSQL, NO KEY UPDATE).
    """
    begin_writing()
    lock = {"key_share": not for_removal}
    held = db.session.get(type(row), row.id, populate_existing=True, with_for_update=lock)
    if held is None:
        raise NotFoundError(title)
    return held
