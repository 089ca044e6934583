"""However long the range is, `details` and exports take as many statements, each found by primary key."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.models import Customer, Monitor
from bench.api_fill import House, analyze, fill
from bench.figure_fill import fill_figures
from bench.incident_fill import fill_incidents
from tests.calling import Caller, caller_of, customer_path, monitor_path
from tests.conftest import empty
from tests.services.test_plans import Plans

ASKED, OTHERS, RESULTS = 10, 150, 200
YEARS = timedelta(days=3650)
STATEMENTS = 12
"""Who asks, and what is shown; windows of maintenance come with their monitors."""
SCAN = re.compile(
    r"\b(?:SCAN|Seq Scan on) (monitors|monitor_schedules|check_results|check_rollups|health_transitions"
    r"|incidents|alerts|maintenance_periods|customers)\b"
)
"""SQLite's words, then PostgreSQL's."""
SOUGHT = re.compile(
    r"SEARCH (check_rollups|health_transitions) USING (?:COVERING )?(?:INDEX \S+|PRIMARY KEY) \((.*)\)"
)
DETAILS = (
    "",
    "range=week",
    "range=month",
    "range=year",
    "range=year&granularity=day",
    "range=month&granularity=hour",
    "startDate={start}",
    "startDate={start}&granularity=week",
)


@pytest.fixture(scope="module")
def filled(shared_app: Flask) -> Iterator[tuple[Flask, House]]:
    with shared_app.app_context():
        houses = fill(db.engine, shared_app.config["CONFIG_STORE"], (OTHERS, 3), (ASKED, RESULTS))
        for house, days in zip(houses, (20, 400), strict=True):
            fill_figures(db.engine, house.id, days)
            fill_incidents(db.engine, house.id, 2_000)
        analyze(db.engine)
    yield shared_app, houses[1]
    empty(shared_app)


@pytest.fixture
def caller(filled: tuple[Flask, House]) -> Iterator[Caller]:
    app, house = filled
    with app.app_context():
        yield caller_of(app, house.session)


@pytest.fixture
def monitor(filled: tuple[Flask, House], caller: Caller) -> Monitor:
    found = db.session.scalars(select(Monitor).where(Monitor.organization_id == filled[1].id)).first()
    assert found
    return found


def asked(caller: Caller, path: str) -> Plans:
    plans = Plans(db.engine)
    response = caller.get(path.format(start=f"{datetime.now(UTC) - YEARS:%Y-%m-%d}"))
    assert response.status_code == 200, response.get_data(as_text=True)
    return plans


@pytest.mark.parametrize("query", [*DETAILS, "range=year&granularity=raw"])
def test_details_read_no_table_whole_whatever_the_range(caller: Caller, monitor: Monitor, query: str) -> None:
    steps = asked(caller, monitor_path(monitor, f"/details?{query}")).steps("")

    assert [step for step in steps if SCAN.search(step)] == []
    assert_sought_by_time(steps)


@pytest.mark.parametrize("query", DETAILS[1:])
def test_a_long_range_takes_as_many_statements_as_a_day(caller: Caller, monitor: Monitor, query: str) -> None:
    def count(query: str) -> int:
        return len(asked(caller, monitor_path(monitor, f"/details?{query}")).reads())

    assert count(query) == count(DETAILS[0]) <= STATEMENTS


def test_results_themselves_take_one_statement_more(caller: Caller, monitor: Monitor) -> None:
    plans = asked(caller, monitor_path(monitor, "/details?startDate={start}&granularity=raw"))

    assert len(plans.reads()) <= STATEMENTS + 1


def test_a_year_reads_hardly_more_roll_ups_than_a_month(caller: Caller, monitor: Monitor) -> None:
    """By calendar months: whole days, and the hours of their edges."""

    def read(query: str) -> int:
        plans = asked(caller, monitor_path(monitor, f"/details?{query}&timeZone=Asia/Kolkata"))
        ((said, given),) = [row for row in plans.reads() if "check_rollups" in row[0]]
        with db.engine.connect() as connection:
            return len(connection.exec_driver_sql(said, given).all())

    last_year = datetime.now(UTC).year - 1
    assert read(f"range=year&date={last_year}-06-01") < read("range=month&granularity=hour") + 500


@pytest.mark.parametrize("suffix", ["/check-history.csv", "/check-history.csv?startDate=2026-01-01"])
def test_results_are_exported_by_index(caller: Caller, monitor: Monitor, suffix: str) -> None:
    steps = asked(caller, monitor_path(monitor, suffix)).steps("")

    assert [step for step in steps if SCAN.search(step)] == []


def test_a_month_of_a_customer_is_summed_up_by_primary_key(caller: Caller, monitor: Monitor) -> None:
    customer = db.session.get_one(Customer, monitor.customer_id)
    plans = asked(caller, customer_path(customer) + "/sla.csv")

    steps = plans.steps("")

    assert [step for step in steps if SCAN.search(step)] == []
    assert_sought_by_time(steps)


def assert_sought_by_time(steps: list[str]) -> None:
    """Not the whole of a monitor's past: of each search the instant is part."""
    if db.engine.dialect.name == "sqlite":
        found = [match.groups() for step in steps if (match := SOUGHT.search(step))]
    else:
        keys = ("pk_check_rollups", "pk_health_transitions")
        found = [
            (name, condition)
            for step, condition in pairwise(steps)
            for name in keys
            if f"on {name} " in step or f"using {name} " in step
        ]
    assert {name.removeprefix("pk_") for name, _ in found} == {"check_rollups", "health_transitions"}
    assert [condition for _, condition in found if "started_at" not in condition] == []
