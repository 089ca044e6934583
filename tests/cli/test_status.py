"""`flask status`: what is told of, what it is counted as, and what it ends with."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import update

from app import create_app
from app.clock import to_iso, to_ms, utcnow
from app.domain.enums import Health, MonitorStatus
from app.extensions import db
from app.models import Customer, Monitor, MonitorHealth, MonitorSchedule, Organization
from app.services import overview
from app.services.monitor_state import state_of
from tests.conftest import ENVIRON
from tests.factories import Factory

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments: app.test_cli_runner().invoke(args=["status", *map(str, arguments)])


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    make.location()
    return make.customer(house, name="Example Customer")


@pytest.fixture
def watched(make: Factory, customer: Customer) -> Callable[..., Monitor]:
    """A monitor of that health."""

    def add(health: Health | None = None, of: Customer | None = None, **columns: Any) -> Monitor:
        monitor = make.monitor(of or customer, server="mail.example.com:993", **columns)
        until = utcnow() + timedelta(hours=-1 if health is Health.NO_DATA else 1)
        rows = update(MonitorSchedule).where(MonitorSchedule.monitor_id == monitor.id)
        db.session.execute(rows.values(data_until_ms=to_ms(until)))
        if health not in {None, Health.NO_DATA}:
            db.session.add(MonitorHealth(monitor_id=monitor.id, health=health, since=utcnow()))
        db.session.commit()
        return monitor

    return add


def test_all_well_is_0(run: Run, watched: Callable[..., Monitor]) -> None:
    watched(Health.UP)
    watched(None)
    watched(Health.DOWN, status=MonitorStatus.DISABLED)
    result = run()
    assert result.output == (
        "1 up, 0 degraded, 0 down, 0 no data, 1 pending, 1 disabled\nPillarbox itself: ready\n"
    )
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("healths", "code"),
    [
        ([Health.DEGRADED], 1),
        ([Health.DEGRADED, Health.DOWN], 2),
        ([Health.NO_DATA, Health.DEGRADED], 3),
        ([Health.NO_DATA, Health.DOWN], 2),
    ],
)
def test_the_gravest_decides(
    run: Run, watched: Callable[..., Monitor], healths: list[Health], code: int
) -> None:
    for health in (Health.UP, *healths):
        watched(health)
    assert run().exit_code == code


def test_what_is_down_is_told_with_its_incident(
    run: Run, make: Factory, watched: Callable[..., Monitor]
) -> None:
    since = utcnow() - timedelta(hours=2)
    watched(Health.DEGRADED, name="Slow")
    down = watched(Health.DOWN, name="Sales")
    make.incident(down, started_at=since, acknowledged_at=utcnow(), acknowledged_by="ada@example.com")
    lines = run().output.splitlines()
    assert lines[0].split() == ["HEALTH", "SINCE", "NAME", "MAILBOX", "CUSTOMER", "WHY", "NOTE"]
    assert re.split(r"\s{2,}", lines[1]) == [
        *("down", to_iso(since), "Sales", "mail.example.com:993", "Example Customer", "connection_refused"),
        "acknowledged by ada@example.com",
    ]
    assert "Slow" in lines[2]


def test_what_is_in_maintenance_is_told_and_does_not_count(run: Run, watched: Callable[..., Monitor]) -> None:
    watched(Health.DOWN, status=MonitorStatus.MAINTENANCE)
    moved = watched(Health.DOWN)
    rows = update(MonitorSchedule).where(MonitorSchedule.monitor_id == moved.id)
    db.session.execute(rows.values(in_maintenance=True))
    db.session.commit()
    result = run()
    assert result.exit_code == 0
    assert result.output.count("in maintenance") == 3
    assert "2 down, 0 no data, 0 pending, 0 disabled; 2 of them in maintenance\n" in result.output


def test_json_has_the_same(run: Run, make: Factory, watched: Callable[..., Monitor]) -> None:
    down = watched(Health.DOWN, name="Sales")
    make.incident(down)
    result = run("--json")
    assert result.exit_code == 2
    printed = json.loads(result.output)
    assert printed["ready"] is True
    assert printed["counts"]["down"] == 1
    (told,) = printed["monitors"]
    assert (told["publicId"], told["health"], told["types"]) == (
        str(down.public_id),
        "down",
        ["connection_refused"],
    )


def test_organizations_and_customers_are_told_apart(
    run: Run, make: Factory, house: Organization, watched: Callable[..., Monitor]
) -> None:
    other = make.customer()
    spared = make.customer(house)
    watched(Health.DOWN)
    watched(Health.UP, spared)
    watched(Health.DEGRADED, other)
    assert run().exit_code == 2
    assert run("--customer", spared.public_id).exit_code == 0
    assert run("--organization", other.organization_id).exit_code == 1
    assert "1 up, 1 degraded, 1 down" in run("--all").output


def test_without_a_scheduler_it_is_not_known(run: Run, make: Factory, house: Organization) -> None:
    make.location(heartbeat_at=utcnow() - timedelta(minutes=5))
    result = run()
    assert result.exit_code == 3
    assert "scheduler: no scheduler has been heard of" in result.output


@pytest.mark.parametrize(
    "arguments",
    [("--all", "--customer", 1), ("--unknown",), ("--organization", 9_999_999), ("--customer", 9_999_999)],
)
def test_what_cannot_be_asked_is_3(run: Run, customer: Customer, arguments: tuple[object, ...]) -> None:
    assert run(*arguments).exit_code == 3


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_its_tables_it_is_not_known(tmp_path: Path, options: tuple[str, ...]) -> None:
    app = create_app({**ENVIRON, "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"})
    result = app.test_cli_runner().invoke(args=["status", *options])
    with app.app_context():
        db.engine.dispose()
    assert result.exit_code == 3
    assert "db upgrade" in result.output


def test_health_is_counted_as_the_api_has_it(
    make: Factory, customer: Customer, watched: Callable[..., Monitor]
) -> None:
    for health in (None, *Health):
        if health is not Health.PENDING:
            watched(health)
    now: datetime = utcnow()
    monitors = db.session.query(Monitor).all()
    counts = overview.overview(now, limit=10).counts
    told = [state_of(monitor, now).health for monitor in monitors]
    assert {health: told.count(health) for health in Health} == counts
