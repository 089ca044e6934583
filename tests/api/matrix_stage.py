"""The stage of the access matrix: it sends the requests of the cast, and is put up again after changes."""

import re
from collections import Counter
from functools import cache
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Table, Text, cast, literal, literal_column, select, union_all
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app.extensions import db
from app.models import AuditEntry, Monitor
from tests.api.matrix_cast import Rows, Scenery
from tests.calling import Caller
from tests.conftest import empty_all

Dump = dict[str, Counter[str]]
"""Table -> its rows as texts, to be compared."""

UNWATCHED = {"api_tokens": "last_used_at"}
"""An API token that is refused was still used, so this column may move."""

STATES = {"sqlite": "PRAGMA data_version", "postgresql": "SELECT pg_current_snapshot()::text"}
"""What differs as soon as another connection has committed anything, by the kind of database."""


class Stage:
    """Needs an application context."""

    def __init__(self, app: Flask, scenery: Scenery) -> None:
        self.app = app
        self.scenery = scenery
        self.names = scenery.names
        self.caller = Caller(app, None)
        # Of its own: SQLite tells a connection of what others did.
        self._watching = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._seen: tuple[object, Dump] | None = None
        restore(scenery.rows)

    def close(self) -> None:
        self._watching.close()

    def dump(self) -> Dump:
        """What is in the database; read anew only if anybody has committed anything since the last time."""
        state = self._watching.exec_driver_sql(STATES[self._watching.dialect.name]).scalar_one()
        if self._seen is None or self._seen[0] != state:
            self._seen = state, dump()
        return self._seen[1]

    @property
    def last_entry(self) -> int:
        """The newest of the trail before anything happens."""
        return max(row["id"] for row in self.scenery.rows["audit_entries"])

    def prepare(self, *, without_monitors: bool) -> None:
        restore(self.scenery.rows)
        if without_monitors:
            with db.engine.begin() as connection:
                connection.execute(Monitor.__table__.delete())

    def send(self, caller: str, method: str, path: str, body: dict[str, Any] | None) -> TestResponse:
        header = self.scenery.cast[caller].authorization()
        headers = {} if header is None else {"Authorization": header}
        options: dict[str, Any] = {} if body is None else {"json": self.fill(body)}
        return self.caller.send(method, self.fill(path), headers=headers, **options)

    def fill(self, value: Any) -> Any:
        """The value with the names of the stage put in."""
        if isinstance(value, str):
            # A name that is all there is keeps its type: a number in a body stays a number.
            return self.names.get(value.strip("{}"), value.format(**self.names))
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        return value


def rule_of(app: Flask, method: str, path: str) -> str | None:
    """The rule that takes such a request; None without one."""
    path = re.sub(r"\{\w+\}", "1", path.partition("?")[0])
    try:
        rule, _ = app.url_map.bind("localhost").match(path, method, return_rule=True)
    except HTTPException:
        return None
    return str(rule.rule)


def read_rows() -> Rows:
    """All rows of all tables, to be put back."""
    with db.engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(*_stored(table))).mappings()]
            for table in db.metadata.sorted_tables
        }


def restore(rows: Rows) -> None:
    """Put back these rows and no others."""
    with db.engine.begin() as connection:
        empty_all(connection)
        for table in db.metadata.sorted_tables:
            if rows.get(table.name):
                connection.execute(table.insert(), rows[table.name])


def dump() -> Dump:
    """All rows of all tables but for what is unwatched, as the database writes them."""
    tables = db.metadata.sorted_tables
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            return _dump_at_once(connection)
        return {
            table.name: Counter(map(repr, connection.exec_driver_sql(_reading(table)))) for table in tables
        }


def audit_entries(after: int) -> list[Any]:
    """What the trail has gained since that entry."""
    with db.engine.connect() as connection:
        table = AuditEntry.__table__
        return list(connection.execute(select(table).where(table.c.id > after).order_by(table.c.id)))


def _dump_at_once(connection: Connection) -> Dump:
    """One statement for all tables: each would be a trip to the server, thousands of times."""
    texts: Dump = {table.name: Counter() for table in db.metadata.sorted_tables}
    for name, text in connection.exec_driver_sql(_reading_of_all()):
        texts[name][text] += 1
    return texts


@cache
def _reading(table: Table) -> str:
    return str(select(*_watched(table)).compile(db.engine))


@cache
def _reading_of_all() -> str:
    whole_row = cast(literal_column("r"), Text)
    selects = [
        select(literal(table.name, Text), whole_row).select_from(select(*_watched(table)).subquery("r"))
        for table in db.metadata.sorted_tables
    ]
    return str(union_all(*selects).compile(db.engine, compile_kwargs={"literal_binds": True}))


def _stored(table: Table) -> list[Any]:
    """Columns that can be written; the database makes the others itself."""
    return [column for column in table.c if column.computed is None]


def _watched(table: Table) -> list[Any]:
    return [column for column in table.c if column.name != UNWATCHED.get(table.name)]
