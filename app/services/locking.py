"""Holding a row until the transaction ends, so that two changes at once come one after the other."""

from typing import TypeVar

from sqlalchemy import false, update

from app.errors import NotFoundError
from app.extensions import db
from app.models import ApiToken, Customer, Monitor, Organization, User

Row = TypeVar("Row", ApiToken, Customer, Monitor, Organization, User)


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
