"""Inserting what may be there already, which SQLite and PostgreSQL spell alike and SQLAlchemy twice."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert_into(table: Any, dialect: str) -> Any:
    """An INSERT that takes `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return _INSERTS[dialect](table)
