"""The month of a customer as CSV: what an agreement is held against."""

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from flask import Flask

from app.clock import utcnow
from app.domain.enums import CheckStatus, Health
from app.extensions import db
from app.models import (
    Customer,
    Location,
    MaintenancePeriod,
    Monitor,
    Organization,
)
from app.services import rollups, sla
from tests.api.seen import note
from tests.api.test_exports import streamed
from tests.calling import Caller, assert_failure, customer_path
from tests.factories import Factory

MARCH = "month=2026-03&timeZone=Europe/Berlin"
"""From 23 o'clock in UTC on the last of February to 22 o'clock on the 31st: 743 hours."""
HOURS = 743


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def customer(make: Factory, house: Organization, location: Location) -> Customer:
    return make.customer(house)


@pytest.fixture
def ask(admin: Caller, customer: Customer) -> Callable[..., list[dict[str, str]]]:
    """The lines of the file, the one for all of them last."""

    def ask(query: str = MARCH) -> list[dict[str, str]]:
        response = admin.get(f"{customer_path(customer)}/sla.csv?{query}")
        assert response.status_code == 200, response.get_data(as_text=True)
        return list(csv.DictReader(StringIO(response.get_data(as_text=True), newline="")))

    return ask


def add_checks(monitor: Monitor, location: Location, *checks: tuple[str, CheckStatus, int]) -> None:
    """Summed up: when, what, and how many milliseconds it took."""
    rollups.add(
        {
            "monitor_id": monitor.id,
            "location_id": location.id,
            "checked_at": datetime.fromisoformat(at),
            "status": status,
            "timing_ms": spent,
            "diagnostics": {},
        }
        for at, status, spent in checks
    )
    db.session.commit()


def add_period(customer: Customer, start: str, end: str) -> None:
    """Maintenance of all monitors that has been."""
    times = {"started_at": datetime.fromisoformat(start), "ended_at": datetime.fromisoformat(end)}
    db.session.add(MaintenancePeriod(customer_id=customer.id, **times))
    db.session.commit()


def test_a_month_to_the_second(
    ask: Callable[..., Any], make: Factory, customer: Customer, location: Location
) -> None:
    monitor = make.monitor(customer, name="Orders", hostname="mail.example.com")
    note(
        monitor,
        location,
        ("2026-03-01T05:00:00Z", Health.UP),
        ("2026-03-10T10:00:00Z", Health.DOWN),
        ("2026-03-10T10:30:06Z", Health.UP),
        ("2026-03-20T00:00:00Z", Health.DOWN),
        ("2026-03-20T00:10:00Z", Health.UP),
        ("2026-03-25T00:00:00Z", Health.NO_DATA),
        ("2026-03-25T02:00:00Z", Health.UP),
        ("2026-03-31T22:00:00Z", Health.DOWN),
    )
    add_period(customer, "2026-03-15T22:00:00Z", "2026-03-15T23:30:00Z")
    add_checks(
        monitor,
        location,
        ("2026-02-28T22:59:59Z", CheckStatus.SUCCESS, 9_000),
        ("2026-02-28T23:00:00Z", CheckStatus.SUCCESS, 40),
        ("2026-03-31T21:59:59Z", CheckStatus.WARNING, 80),
        ("2026-03-10T10:00:00Z", CheckStatus.ERROR, 30_000),
        ("2026-03-31T22:00:00Z", CheckStatus.SUCCESS, 9_000),
    )

    line, total = ask()

    minutes = {
        "downtimeMinutes": "40.10",
        "maintenanceMinutes": "90.00",
        "noDataMinutes": "120.00",
        "notWatchedMinutes": "360.00",
        "upMinutes": f"{HOURS * 60 - 40.10 - 90 - 120 - 360:.2f}",
    }
    assert {name: line[name] for name in minutes} == minutes
    assert line["uptimePercent"] == "99.9088"
    assert line["longestOutageMinutes"] == "30.10"
    assert (line["checks"], line["avgResponseMs"], line["p95ResponseMs"]) == ("3", "60", "100")
    assert (line["publicId"], line["name"], line["hostname"]) == (
        str(monitor.public_id),
        "Orders",
        "mail.example.com",
    )
    assert {**total, "publicId": line["publicId"], "name": "Orders", "hostname": "mail.example.com"} == line
    assert (total["publicId"], total["name"], total["hostname"]) == ("", "TOTAL", "")


def test_the_last_line_has_all_of_them(
    ask: Callable[..., Any],
    make: Factory,
    customer: Customer,
    location: Location,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sla, "BATCH", 2)
    monitors = [make.monitor(customer) for _ in range(5)]
    make.monitor(make.customer())
    for hours, monitor in enumerate(monitors[:4]):
        note(
            monitor,
            location,
            ("2026-01-01T00:00:00Z", Health.UP),
            ("2026-03-10T00:00:00Z", Health.DOWN),
            (f"2026-03-10T{hours:02}:30:00Z", Health.UP),
        )
        add_checks(monitor, location, ("2026-03-10T00:00:00Z", CheckStatus.SUCCESS, 100 * hours))
        make.incident(
            monitor,
            started_at=datetime.fromisoformat("2026-03-10T00:00:00Z"),
            ended_at=datetime.fromisoformat(f"2026-03-10T{hours:02}:30:00Z"),
        )

    *lines, total = ask()

    assert [line["name"] for line in lines] == [monitor.name for monitor in monitors]
    assert [line["downtimeMinutes"] for line in lines] == ["30.00", "90.00", "150.00", "210.00", "0.00"]
    assert (lines[4]["uptimePercent"], lines[4]["notWatchedMinutes"]) == ("", f"{HOURS * 60}.00")
    assert total["downtimeMinutes"] == "480.00"
    assert total["uptimePercent"] == f"{int((1 - 8 / (4 * HOURS)) * 1_000_000) / 10_000}"
    assert (total["longestOutageMinutes"], total["incidents"], total["checks"]) == ("210.00", "4", "4")
    assert (total["avgResponseMs"], total["p95ResponseMs"]) == ("150", "300")


@pytest.mark.parametrize(
    ("ends", "count"),
    [
        (("2026-02-20T00:00:00Z", "2026-02-28T23:00:00Z"), 0),
        (("2026-02-20T00:00:00Z", "2026-02-28T23:00:00.001Z"), 1),
        (("2026-02-20T00:00:00Z", None), 1),
        (("2026-03-31T21:59:59Z", "2026-04-02T00:00:00Z"), 1),
        (("2026-03-31T22:00:00Z", None), 0),
    ],
)
def test_an_incident_counts_in_each_month_that_it_went_on_in(
    ask: Callable[..., Any], make: Factory, customer: Customer, ends: tuple[str, str | None], count: int
) -> None:
    monitor = make.monitor(customer)
    started_at, ended_at = (at and datetime.fromisoformat(at) for at in ends)
    make.incident(monitor, started_at=started_at, ended_at=ended_at)
    make.incident(monitor, started_at=started_at, subject="slow_response", type="slow_response")

    assert ask()[0]["incidents"] == str(count)


def test_a_customer_without_monitors_has_the_last_line_alone(ask: Callable[..., Any]) -> None:
    (total,) = ask()

    assert (total["name"], total["uptimePercent"], total["checks"]) == ("TOTAL", "", "0")


def test_names_are_no_formulas(ask: Callable[..., Any], make: Factory, customer: Customer) -> None:
    make.monitor(customer, name='=HYPERLINK("http://evil.example","Orders, all")')

    assert ask()[0]["name"] == '\'=HYPERLINK("http://evil.example","Orders, all")'


def test_without_a_month_it_is_this_one_so_far(
    admin: Caller, make: Factory, customer: Customer, location: Location
) -> None:
    note(make.monitor(customer), location, ("2026-01-01T00:00:00Z", Health.UP))

    response = admin.get(f"{customer_path(customer)}/sla.csv")

    now = utcnow()
    so_far = (now - now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)) / timedelta(minutes=1)
    line = next(csv.DictReader(StringIO(response.get_data(as_text=True))))
    assert abs(float(line["upMinutes"]) - so_far) < 1
    name = f"sla-{now:%Y-%m}-{customer.public_id}.csv"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_a_month_to_come_is_empty(ask: Callable[..., Any], make: Factory, customer: Customer) -> None:
    make.incident(make.monitor(customer))

    line, total = ask("month=2099-12")

    assert (line["upMinutes"], line["notWatchedMinutes"], line["uptimePercent"]) == ("0.00", "0.00", "")
    assert (line["incidents"], total["incidents"]) == ("0", "0")


def test_what_was_before_the_monitor_came_is_not_the_customers(
    ask: Callable[..., Any], make: Factory, customer: Customer, location: Location
) -> None:
    """It came at 12:30 on the 10th, amid an outage, of which the half before is another's."""
    came = datetime.fromisoformat("2026-03-10T12:30:00Z")
    monitor, stayed = make.monitor(customer, customer_since=came), make.monitor(customer)
    for one in (monitor, stayed):
        note(
            one,
            location,
            ("2026-02-01T00:00:00Z", Health.UP),
            ("2026-03-05T00:00:00Z", Health.DOWN),
            ("2026-03-05T10:00:00Z", Health.UP),
            ("2026-03-10T12:00:00Z", Health.DOWN),
            ("2026-03-10T13:00:00Z", Health.UP),
        )
        add_checks(
            one,
            location,
            ("2026-03-05T00:00:00Z", CheckStatus.ERROR, 9_000),
            ("2026-03-10T12:59:00Z", CheckStatus.SUCCESS, 9_000),
            ("2026-03-10T13:00:00Z", CheckStatus.SUCCESS, 40),
        )
        for start, end in (("05T00:00", "05T10:00"), ("10T12:00", "10T12:30"), ("10T12:00", "10T13:00")):
            ends = (datetime.fromisoformat(f"2026-03-{at}:00Z") for at in (start, end))
            make.incident(one, **dict(zip(("started_at", "ended_at"), ends, strict=True)))
    before = (came - datetime.fromisoformat("2026-02-28T23:00:00Z")) / timedelta(minutes=1)

    line, other, total = ask()

    assert (line["notWatchedMinutes"], line["downtimeMinutes"]) == (f"{before:.2f}", "30.00")
    assert line["upMinutes"] == f"{HOURS * 60 - before - 30:.2f}"
    assert (line["incidents"], line["checks"], line["avgResponseMs"]) == ("1", "1", "40")
    assert (other["downtimeMinutes"], other["incidents"], other["checks"]) == ("660.00", "3", "3")
    assert (total["downtimeMinutes"], total["incidents"], total["checks"]) == ("690.00", "4", "4")


def test_of_a_month_before_it_came_nothing_is_the_customers(
    ask: Callable[..., Any], make: Factory, customer: Customer, location: Location
) -> None:
    monitor = make.monitor(customer, customer_since=datetime.fromisoformat("2026-04-10T00:00:00Z"))
    note(monitor, location, ("2026-02-01T00:00:00Z", Health.DOWN))
    add_checks(monitor, location, ("2026-03-05T00:00:00Z", CheckStatus.ERROR, 9_000))
    make.incident(monitor, started_at=datetime.fromisoformat("2026-02-01T00:00:00Z"))

    line, _ = ask()

    assert (line["notWatchedMinutes"], line["downtimeMinutes"]) == (f"{HOURS * 60}.00", "0.00")
    assert (line["incidents"], line["checks"]) == ("0", "0")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("month=2026-13", "month"),
        ("month=2026-3", "month"),
        ("month=2026-03-01", "month"),
        ("month=", "month"),
        ("month=1969-12", "month"),
        ("month=2026-03&timeZone=Berlin", "timeZone"),
    ],
)
def test_a_wrong_query_is_400_by_name(admin: Caller, customer: Customer, query: str, name: str) -> None:
    response = admin.get(f"{customer_path(customer)}/sla.csv?{query}")

    assert list(assert_failure(response, 400, "Invalid query parameters")["errors"]) == [name]


def test_no_connection_is_held_while_a_caller_takes_its_time(
    app: Flask,
    admin: Caller,
    make: Factory,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sla, "BATCH", 1)
    for _ in range(3):
        make.monitor(customer)
    path = f"{customer_path(customer)}/sla.csv"
    db.session.remove()

    with streamed(app, admin, path) as pieces:
        held = [db.engine.pool.checkedout() for _ in pieces]  # type: ignore[attr-defined] # a QueuePool

    assert held == [0] * 4
