"""Holding a row until the transaction ends, so that two changes at once come one after the other."""

from typing import TypeVar

from app.errors import NotFoundError
from app.extensions import db
from app.models import Customer, Monitor

Row = TypeVar("Row", Customer, Monitor)


def locked(row: Row, title: str) -> Row:
    """The row as the change before left it. Raises NotFoundError with `title` if that removed it."""
    held = db.session.get(type(row), row.id, populate_existing=True, with_for_update=True)
    if held is None:
        raise NotFoundError(title)
    return held
