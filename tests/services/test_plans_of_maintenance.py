"""What is asked of maintenance with every batch of results, and for reports, reads no table whole."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

from app.extensions import db
from app.models import Customer, MaintenancePeriod, MaintenanceTarget, MaintenanceWindow, Monitor
from app.services import maintenance, maintenance_periods, maintenance_windows
from app.services.operators import operator
from bench.api_fill import analyze
from tests.conftest import empty
from tests.factories import Factory

NOW = datetime(2026, 7, 7, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SCAN = re.compile(r"\b(?:SCAN|Seq Scan on) (maintenance_\w+)")
"""SQLite's words, then PostgreSQL's."""
WINDOWS, PERIODS = 1500, 6000


@pytest.fixture(scope="module")
def monitor(shared_app: Flask) -> Iterator[Monitor]:
    """One of many customers, with windows to come and periods that are over; and one window that is open."""
    with shared_app.app_context():
        make = Factory()
        organizations = [make.organization() for _ in range(5)]
        monitors = [make.monitor(make.customer(owner)) for owner in organizations for _ in range(6)]
        fill(monitors)
        analyze(db.engine)
        make.window(monitors[0].customer, [monitors[0]], NOW)
        yield monitors[0]
        db.session.rollback()
    empty(shared_app)


def fill(monitors: list[Monitor]) -> None:
    plan = {
        **dict.fromkeys(("created_at", "updated_at", "noted_until"), NOW),
        **dict.fromkeys(("is_active", "is_recurring"), True),
        "name": "Nightly",
        "time_zone": "UTC",
        "recurrence_pattern": {"frequency": "daily"},
    }
    windows = [
        {
            **plan,
            "organization_id": monitor.organization_id,
            "customer_id": monitor.customer_id,
            "covers_customer": number % 3 == 0,
            "start_time": NOW + number * timedelta(minutes=1),
            "end_time": NOW + number * timedelta(minutes=1) + HOUR,
            "next_start_at": NOW + number * timedelta(minutes=1) + DAY,
        }
        for number in range(WINDOWS)
        for monitor in [monitors[number % len(monitors)]]
    ]
    db.session.execute(insert(MaintenanceWindow), windows)
    ids = db.session.scalars(select(MaintenanceWindow.id).order_by(MaintenanceWindow.id)).all()
    pairs = [(number, monitors[at % len(monitors)]) for at, number in enumerate(ids)]
    db.session.execute(
        insert(MaintenanceTarget),
        [{"window_id": number, "monitor_id": monitor.id} for number, monitor in pairs],
    )
    periods = [
        {
            "window_id": number,
            "customer_id": monitor.customer_id,
            "monitor_id": None if at % 3 else monitor.id,
            "started_at": NOW - (at + 1) * HOUR,
            "ended_at": NOW - at * HOUR,
        }
        for at in range(PERIODS)
        for number, monitor in [pairs[at % len(pairs)]]
    ]
    db.session.execute(insert(MaintenancePeriod), periods)
    db.session.commit()


def scans(work: Callable[[], object]) -> list[str]:
    """The tables that are read whole, in the plans of all statements of that work."""
    said: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, text: str, given: Any, *_: Any) -> None:
        said.append((text, given))

    event.listen(db.engine, "before_cursor_execute", hear)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", hear)
    is_sqlite = db.engine.dialect.name == "sqlite"
    with db.engine.connect() as connection:
        if not is_sqlite:
            # It reads tables of a few pages whole anyway; asked is whether there is another way.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
        plans = [
            str(row[-1])
            for text, given in said
            if text.startswith("SELECT")
            for row in connection.exec_driver_sql(explain + text, given)
        ]
    assert plans
    return SCAN.findall("\n".join(plans))


def test_what_is_covered(monitor: Monitor) -> None:
    asked = {monitor.id: monitor.customer_id}

    assert maintenance.covered(NOW, asked).covers(monitor.customer_id, monitor.id)
    assert scans(lambda: maintenance.covered(NOW, asked)) == []


@pytest.mark.parametrize("at", [NOW, NOW + DAY], ids=["written down", "begun"])
def test_what_is_covered_as_a_condition(monitor: Monitor, at: datetime) -> None:
    def read() -> object:
        condition = maintenance.is_covered(Monitor.id, Monitor.customer_id, at)
        return db.session.execute(select(Monitor.id).where(~condition).limit(10)).all()

    assert read()
    assert scans(read) == []


def test_noting_when_there_is_nothing_to_note_and_when_there_is(monitor: Monitor) -> None:
    assert scans(lambda: maintenance_periods.note_some(NOW)) == []
    assert scans(lambda: maintenance_periods.note_some(NOW + DAY + timedelta(minutes=1))) == []
    db.session.rollback()


def test_the_periods_of_a_monitor_and_of_a_customers_monitors(monitor: Monitor) -> None:
    customer, month = db.session.get_one(Customer, monitor.customer_id), NOW - 30 * DAY

    assert scans(lambda: maintenance.periods(monitor, month, NOW, NOW)) == []
    assert scans(lambda: maintenance.periods_of(customer, [monitor, monitor], month, NOW, NOW)) == []


def test_what_details_show(monitor: Monitor) -> None:
    assert scans(lambda: maintenance.shown(monitor, NOW)) == []


@pytest.mark.parametrize("key", [None, "customer_id", "imap_pop_monitor_id", "active"])
def test_lists(monitor: Monitor, key: str | None) -> None:
    actor = operator(monitor.organization_id)
    values = {"customer_id": monitor.customer_id, "imap_pop_monitor_id": monitor.id, "active": True}
    query = {key: values[key]} if key else {}

    def read() -> object:
        return maintenance_windows.list_page(actor, now=NOW, page=1, per_page=50, **query)

    assert scans(read) == []
