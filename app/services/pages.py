"""Lists by page: the rows of one page and how many there are in all."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select

from app.extensions import db

Row = TypeVar("Row")

EVERYTHING = 2**31 - 1
"""As many rows per page as it takes for the first page to have them all."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list, in the contract's envelope (section 1, Lists)."""

    items: list[Row]
    total: int
    page: int
    per_page: int


def fetch_page(query: Select[Row], *, page: int, per_page: int, order_by: list[Any]) -> Page[Row]:
    """Count the rows of the query, then read one page of them; pages count from 1."""
    total = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = db.session.scalars(query.order_by(*order_by).limit(per_page).offset((page - 1) * per_page))
    return Page(items=list(rows), total=total, page=page, per_page=per_page)


def contains(text: str) -> str:
    """A LIKE pattern (escape character `\\`) for rows that contain the text, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
