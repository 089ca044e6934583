"""What the database would have to read for some work: the plans of its statements."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, event

from app.extensions import db

NO_ROW = "WHERE 0 = 1"
"""Ends the statement that only begins a transaction (app/services/locking.py). It reads nothing."""
FEW = re.compile(r"USING (?:COVERING )?INDEX (?:ix_alerts_due_at|ix_monitor_schedules_(?:down|unplanned))\b")
"""Indexes that have but a few rows of their table."""


def scans(work: Callable[[], object], tables: Iterable[str]) -> list[str]:
    """Steps that read one of these tables whole, in the plans of what that work says; it is undone.

    SQLite also says that it scans an index which has but a few rows of the table: that is none.
    """
    # SQLite's words, then PostgreSQL's; of aliases and partitions too.
    scan = re.compile(rf"\b(?:SCAN|Seq Scan on) ({'|'.join(tables)})(?:_\w+)?\b")
    said = _said(db.engine, work)
    db.session.rollback()
    is_sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.connect() as connection:
        if not is_sqlite:
            # It reads tables of a few pages whole anyway; asked is whether there is another way.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        steps = [
            str(row[-1]) for text, given in said for row in connection.exec_driver_sql(explain + text, given)
        ]
        connection.rollback()
    assert steps
    return [step for step in steps if scan.search(step) and not FEW.search(step)]


def _said(engine: Engine, work: Callable[[], object]) -> list[tuple[str, Any]]:
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, text: str, given: Any, *_: Any) -> None:
        if text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")) and not text.endswith(NO_ROW):
            said.append((text, given[0] if isinstance(given, list) else given))

    event.listen(engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return said
