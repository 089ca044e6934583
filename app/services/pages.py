"""Lists by page: the rows of one page and how many there are in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.sql.base import ExecutableOption

from app.extensions import db
from app.models.base import Identified

Row = TypeVar("Row", bound=Identified)

EVERYTHING = 2**31 - 1
"""As many rows per page as it takes for the first page to have them all."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list, in the contract's envelope (section 1, Lists)."""

    items: list[Row]
    total: int
    page: int
    per_page: int


def fetch_page(
    model: type[Row],
    conditions: Sequence[ColumnElement[bool]],
    *,
    page: int,
    per_page: int,
    order_by: Sequence[Any],
    options: Sequence[ExecutableOption] = (),
) -> Page[Row]:
    """Count the rows that meet the conditions, then read one page of them; pages count from 1."""
    total = db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0
    offset = (page - 1) * per_page
    if offset >= total:
        return Page(items=[], total=total, page=page, per_page=per_page)
    # Found and sorted by what an index has; whole rows are read for the page alone.
    ids = select(model.id).where(*conditions).order_by(*order_by).limit(per_page).offset(offset)
    rows = db.session.scalars(select(model).where(model.id.in_(ids)).options(*options).order_by(*order_by))
    return Page(items=list(rows), total=total, page=page, per_page=per_page)


def contains(text: str) -> str:
    """A LIKE pattern (escape character `\\`) for rows that contain the text, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
