"""What maintenance windows do to results, incidents and messages."""

from typing import Any

import pytest
from flask import current_app
from sqlalchemy import select, update

from app.clock import to_iso, to_ms
from app.domain.enums import Health
from app.extensions import db
from app.models import CheckResult, Customer, Location, Monitor, MonitorSchedule, Organization
from app.services import alerts, delivery, schedules
from tests.calling import Caller, monitor_path
from tests.factories import Factory
from tests.incidents.watching import alerts as alerts_of
from tests.incidents.watching import at, health_of, incidents, see, see_all

WINDOWS = "/api/maintenance-windows"
BEGIN, END = 1_000, 5_000
"""Seconds after the start of the stories below."""


@pytest.fixture
def place(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house, notification_email="ops@example.com")


@pytest.fixture
def monitor(make: Factory, place: Location, customer: Customer) -> Monitor:
    return make.monitor(customer, check_interval=1, server="mail.example.com:993")


@pytest.fixture(params=["the monitor", "the whole customer", "every day"])
def window(
    request: pytest.FixtureRequest, admin: Caller, customer: Customer, monitor: Monitor
) -> dict[str, Any]:
    target: dict[str, Any] = {"imapPopMonitorId": monitor.id}
    if request.param == "the whole customer":
        target = {"customerId": customer.id}
    body = {"name": "Update", "startTime": to_iso(at(BEGIN)), "endTime": to_iso(at(END)), **target}
    if request.param == "every day":
        body |= {"isRecurring": True, "recurrencePattern": {"frequency": "daily", "interval": 1}}
    made: dict[str, Any] = admin.post(WINDOWS, body).get_json()
    assert made["id"]
    return made


@pytest.mark.usefixtures("window")
class TestWindow:
    def test_results_in_it_are_kept_and_marked(
        self, admin: Caller, monitor: Monitor, place: Location
    ) -> None:
        see_all(monitor, place, {BEGIN - 60: "ok", BEGIN + 60: "timeout", END + 60: "ok"})
        marks = select(CheckResult.in_maintenance).order_by(CheckResult.checked_at)
        assert list(db.session.scalars(marks)) == [False, True, False]
        shown = admin.get(monitor_path(monitor, "/check-history")).get_json()["data"]
        assert [result["inMaintenance"] for result in shown] == [False, True, False]

    def test_no_incident_begins_in_it(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {BEGIN - 60: "ok", BEGIN + 60: "timeout", BEGIN + 90: "timeout"})
        assert (incidents(monitor), health_of(monitor)) == ([], Health.DOWN)
        see_all(monitor, place, {END - 90: "ok", END - 60: "ok", END + 10: "ok"})
        assert (incidents(monitor), health_of(monitor)) == ([], Health.UP)

    def test_what_still_fails_at_its_end_is_told_at_once(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {BEGIN - 60: "ok", BEGIN + 60: "timeout", BEGIN + 90: "timeout"})
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(at(END + 50_000))))
        db.session.commit()
        assert schedules.recheck_after_maintenance(place.id, at(END - 1)) == 0
        assert schedules.recheck_after_maintenance(place.id, at(END + 1)) == 1
        db.session.commit()

        see(monitor, place, "dns_failure", at(END + 2))

        (incident,) = incidents(monitor)
        assert (incident.started_at, incident.type) == (at(END + 2), "dns_failure")
        assert [alert.event.value for alert in alerts_of(incident)] == ["alert"]

    def test_an_incident_from_before_stays_open_and_quiet(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "timeout", 30: "timeout", BEGIN + 60: "timeout"})
        (incident,) = incidents(monitor)
        assert incident.ended_at is None
        due = incident.next_reminder_at
        assert due is not None
        assert at(BEGIN) < due < at(END)
        vault = current_app.config["CONFIG_STORE"].vault
        assert delivery.claim(at(BEGIN + 70), vault, limit=5) == []
        assert alerts.remind(due) == 0
        db.session.commit()

        # Who was never told is told now, and not reminded.
        alerts.remind(at(END + 1))
        assert [one.notice.event.value for one in delivery.claim(at(END + 1), vault, limit=5)] == ["alert"]

    def test_a_recovery_in_it_ends_the_incident_and_is_told(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "timeout", 30: "timeout"})
        vault = current_app.config["CONFIG_STORE"].vault
        (claimed,) = delivery.claim(at(31), vault, limit=5)
        db.session.commit()

        see_all(monitor, place, {BEGIN + 60: "ok", BEGIN + 90: "ok"})

        (incident,) = incidents(monitor)
        assert incident.ended_at == at(BEGIN + 60)
        assert [alert.event.value for alert in alerts_of(incident)] == ["alert", "recovery"]
        assert claimed.incident_id == incident.id


def test_a_window_that_is_deleted_ends_at_once(
    admin: Caller, customer: Customer, monitor: Monitor, place: Location
) -> None:
    body = {"name": "Update", "customerId": customer.id}
    times = {"startTime": to_iso(at(BEGIN)), "endTime": to_iso(at(END))}
    made = admin.post(WINDOWS, body | times).get_json()
    see_all(monitor, place, {BEGIN + 60: "timeout", BEGIN + 90: "timeout"})
    assert admin.delete(f"{WINDOWS}/{made['id']}").status_code == 200
    see(monitor, place, "timeout", at(BEGIN + 150))
    assert len(incidents(monitor)) == 1
