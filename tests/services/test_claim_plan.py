"""A claim with a backlog looks at each due row once, however wrong the database's statistics are."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from app.clock import utcnow
from app.extensions import db
from app.models import MonitorSchedule
from app.services import claims
from bench.api_fill import analyze, fill

MONITORS = 2000
LOCATION_ID = 1


@pytest.mark.usefixtures("context")
def test_the_rows_of_a_mailbox_are_found_by_its_key(app: Flask) -> None:
    """The statistics say that nothing is due, and then everything is."""
    fill(db.engine, app.config["CONFIG_STORE"], (MONITORS, 0))
    analyze(db.engine)
    steps = explained_claim()
    (name,) = [
        index.name for index in MonitorSchedule.__table__.indexes if "next_check_at_ms" in index.columns
    ]
    assert sum(str(name) in step for step in steps) == 1, "\n".join(steps)


def explained_claim() -> list[str]:
    """The plan of the statement that claims."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        said.append((statement, given))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert claims.claim(LOCATION_ID, utcnow(), 1) == []
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    statement, given = next(call for call in said if call[0].startswith(("WITH", "UPDATE")))
    explain = "EXPLAIN " if db.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    plan = db.session.connection().exec_driver_sql(explain + statement, given).all()
    return [str(row[-1]) for row in plan]
