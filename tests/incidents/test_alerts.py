"""Who is told what, and when; on its way it may fail, be lost, or come to nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import update

from app.domain.enums import AlertEvent, AlertStatus, MonitorStatus
from app.domain.notification import Delivery
from app.extensions import db
from app.models import Customer, Incident, Location, Monitor, NotificationChannel
from app.services import alerts, delivery
from app.services.delivery import BACK_OFF, LEASE, ClaimedAlert
from tests.factories import Factory
from tests.incidents.watching import alerts as alerts_of
from tests.incidents.watching import at, incidents, see_all

SENT = Delivery(is_sent=True)
BROKEN = Delivery(is_sent=False, error="The target answered 503.")
REFUSED = Delivery(is_sent=False, error="The target answered 404.", is_final=True)


@pytest.fixture
def place(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def customer(make: Factory) -> Customer:
    return make.customer(notification_email="ops@example.com")


@pytest.fixture
def monitor(make: Factory, place: Location, customer: Customer) -> Monitor:
    return make.monitor(customer, check_interval=1, server="mail.example.com:993")


@pytest.fixture
def open_incident(monitor: Monitor, place: Location) -> Callable[[], Incident]:
    def build() -> Incident:
        see_all(monitor, place, {0: "timeout", 30: "timeout"})
        return incidents(monitor)[-1]

    return build


def recover(monitor: Monitor, place: Location, seconds: float) -> None:
    see_all(monitor, place, {seconds: "ok", seconds + 30: "ok"})


def claim(when: datetime, **how: Any) -> list[ClaimedAlert]:
    claimed = delivery.claim(when, current_app.config["CONFIG_STORE"].vault, **{"limit": 50, **how})
    db.session.commit()
    return claimed


def settle(claimed: ClaimedAlert, outcome: Delivery, when: datetime) -> bool:
    is_settled = delivery.settle(claimed, outcome, when)
    db.session.commit()
    return is_settled


def deliver(when: datetime, outcome: Delivery = SENT) -> list[tuple[str, str]]:
    """Send what is due then; tells event and channel of each."""
    claimed = claim(when)
    for one in claimed:
        assert settle(one, outcome, when)
    return [(one.notice.event.value, one.destination.name) for one in claimed]


def statuses(incident: Incident) -> list[tuple[str, int, str]]:
    return [(row.event.value, row.attempt, row.status.value) for row in alerts_of(incident)]


def test_each_address_is_told_once_of_the_failure_and_of_the_recovery(
    make: Factory, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
) -> None:
    monitor.notification_email, monitor.notification_phone_number = "OPS@example.com", "+4915112345678"
    db.session.commit()
    incident = open_incident()

    assert sorted(deliver(at(31))) == [("alert", "+4915112345678"), ("alert", "OPS@example.com")]
    assert deliver(at(32)) == []
    recover(monitor, place, 90)
    assert sorted(deliver(at(121))) == [("recovery", "+4915112345678"), ("recovery", "OPS@example.com")]
    assert deliver(at(10_000)) == []
    db.session.refresh(incident)
    assert incident.last_notified_at == at(121)


def test_a_message_says_what_it_is_about(
    monitor: Monitor, customer: Customer, place: Location, open_incident: Callable[[], Incident]
) -> None:
    incident = open_incident()
    (claimed,) = claim(at(31), public_url="https://pillarbox.example/")

    notice = claimed.notice
    assert (notice.event, notice.attempt, notice.sent_at) == (AlertEvent.ALERT, 1, at(31))
    assert (notice.monitor.hostname, notice.monitor.port) == ("mail.example.com", 993)
    assert (notice.incident.type, notice.incident.started_at) == ("timeout", at(0))
    assert notice.incident.transcript == ("S: timeout",)
    assert (notice.customer.public_id, notice.incident.location_name) == (customer.public_id, place.name)
    assert notice.url == f"https://pillarbox.example/api/incidents/{incident.public_id}"
    assert claimed.destination.config == {"email": "ops@example.com"}


class TestAttempts:
    def test_one_that_fails_is_made_again_later_with_the_same_id(
        self, open_incident: Callable[[], Incident]
    ) -> None:
        incident = open_incident()
        (first,) = claim(at(31))
        settle(first, BROKEN, at(32))
        assert claim(at(32) + BACK_OFF[0] - timedelta(seconds=1)) == []

        (second,) = claim(at(32) + BACK_OFF[0])

        assert (second.notice.id, second.notice.attempt) == (first.notice.id, 2)
        settle(second, SENT, at(50))
        assert statuses(incident) == [("alert", 1, "failed"), ("alert", 2, "sent")]
        failed, sent = alerts_of(incident)
        assert (failed.error_message, failed.sent_at) == (BROKEN.error, at(32))
        assert (sent.error_message, sent.sent_at) == (None, at(50))

    def test_nobody_tries_for_ever(self, open_incident: Callable[[], Incident]) -> None:
        incident, when, waits = open_incident(), at(31), 0
        db.session.execute(update(Incident).values(next_reminder_at=None))
        while claimed := claim(when):
            (one,) = claimed
            settle(one, BROKEN, when)
            waiting = alerts_of(incident)[-1]
            when = waiting.due_at
            waits += 1
            assert waits < 50
        assert statuses(incident)[-1] == ("alert", len(BACK_OFF) + 1, "failed")

    def test_what_is_refused_for_good_is_not_tried_again(self, open_incident: Callable[[], Incident]) -> None:
        incident = open_incident()
        deliver(at(31), REFUSED)
        assert statuses(incident) == [("alert", 1, "failed")]
        assert deliver(at(3000)) == []

    def test_one_whose_scheduler_died_is_made_again(self, open_incident: Callable[[], Incident]) -> None:
        """It may have arrived: the receiver knows by the id."""
        incident = open_incident()
        (lost,) = claim(at(31))
        assert claim(at(31) + LEASE) == []

        (again,) = claim(at(32) + LEASE)

        assert (again.notice.id, again.notice.attempt) == (lost.notice.id, 2)
        assert not settle(lost, SENT, at(33) + LEASE)
        assert settle(again, SENT, at(33) + LEASE)
        assert statuses(incident) == [("alert", 1, "failed"), ("alert", 2, "sent")]

    def test_one_that_is_removed_with_its_monitor_is_settled_quietly(
        self, monitor: Monitor, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        (claimed,) = claim(at(31))
        db.session.delete(db.session.get_one(Monitor, monitor.id))
        db.session.commit()
        assert not settle(claimed, SENT, at(32))

    def test_a_target_that_hangs_has_no_more_than_its_share(
        self, make: Factory, place: Location, customer: Customer
    ) -> None:
        monitors = [make.monitor(customer, server="mail.example.com:993") for _ in range(4)]
        last = make.monitor(make.customer(notification_email="x@example.com"), server="mail.example.com:993")
        for monitor in (*monitors, last):
            see_all(monitor, place, {0: "timeout", 30: "timeout"})

        claimed = claim(at(31), limit=10, per_target=2)
        busy = {one.target: 2 for one in claimed if one.target[1] == "ops@example.com"}

        assert sorted(one.destination.name for one in claimed) == ["ops@example.com"] * 2 + ["x@example.com"]
        assert claim(at(32), busy=busy, per_target=2) == []

    def test_urgent_channels_are_told_first(
        self, make: Factory, customer: Customer, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "second", priority=2)
        channel(customer, "first", priority=0)
        open_incident()
        assert [one.destination.name for one in claim(at(31))] == ["first", "ops@example.com", "second"]


class TestOver:
    def test_who_was_not_told_need_not_know(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        incident = open_incident()
        recover(monitor, place, 90)
        assert statuses(incident) == [("alert", 1, "cancelled")]
        assert deliver(at(200)) == []

    def test_who_may_have_been_told_is_told_that_it_is_over(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        """The answer may have been lost on the way back."""
        incident = open_incident()
        deliver(at(31), BROKEN)
        recover(monitor, place, 90)
        assert statuses(incident) == [
            ("alert", 1, "failed"),
            ("alert", 2, "cancelled"),
            ("recovery", 1, "pending"),
        ]

    def test_nobody_hears_that_it_is_over_before_that_it_began(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        (slow,) = claim(at(31))
        recover(monitor, place, 60)
        assert claim(at(91)) == []
        settle(slow, SENT, at(92))
        assert deliver(at(93)) == [("recovery", "ops@example.com")]

    def test_a_recovery_is_tried_again_although_all_is_over(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        deliver(at(31))
        recover(monitor, place, 60)
        deliver(at(91), BROKEN)
        assert deliver(at(91) + BACK_OFF[0]) == [("recovery", "ops@example.com")]

    def test_whose_channel_is_gone_is_not_told(
        self, customer: Customer, monitor: Monitor, open_incident: Callable[[], Incident]
    ) -> None:
        made = channel(customer, "gone")
        incident = open_incident()
        db.session.delete(made)
        db.session.commit()
        assert deliver(at(31)) == [("alert", "ops@example.com")]
        failed = next(row for row in alerts_of(incident) if row.channel_name == "gone")
        assert (failed.status, failed.error_message) == (AlertStatus.FAILED, delivery.GONE)


class TestWaiting:
    def test_a_delayed_channel_hears_only_of_what_lasts(
        self, customer: Customer, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "boss", delay_seconds=600)
        open_incident()
        assert deliver(at(599)) == [("alert", "ops@example.com")]
        assert deliver(at(600)) == [("alert", "boss")]

    def test_and_of_nothing_when_it_does_not(
        self, customer: Customer, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "boss", delay_seconds=600)
        open_incident()
        deliver(at(31))
        recover(monitor, place, 90)
        assert deliver(at(3600)) == [("recovery", "ops@example.com")]

    def test_alerts_wait_for_the_end_of_maintenance(
        self, monitor: Monitor, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        assert deliver(at(40)) == []
        monitor.status = MonitorStatus.ACTIVE
        db.session.commit()
        assert deliver(at(50)) == [("alert", "ops@example.com")]

    def test_what_a_location_sees_that_does_not_trust_itself_waits(
        self, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        assert claim(at(31), holding=[place.id]) == []
        assert len(claim(at(31))) == 1


class TestReminders:
    def remind(self, when: datetime) -> int:
        reminded = alerts.remind(when)
        db.session.commit()
        return reminded

    def test_they_come_as_long_as_nobody_cares(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        incident = open_incident()
        deliver(at(31))
        due = incident.opened_at + timedelta(minutes=60)
        assert self.remind(due - timedelta(seconds=1)) == 0
        assert self.remind(due) == 1
        assert self.remind(due) == 0
        assert deliver(due) == [("reminder", "ops@example.com")]
        assert self.remind(due + timedelta(minutes=60)) == 1

    def test_a_customer_says_how_often(
        self, customer: Customer, open_incident: Callable[[], Incident]
    ) -> None:
        customer.alert_reminder_minutes = 5
        db.session.commit()
        incident = open_incident()
        deliver(at(31))
        assert self.remind(incident.opened_at + timedelta(minutes=5)) == 1

    def test_not_to_whom_is_still_to_be_told(self, open_incident: Callable[[], Incident]) -> None:
        incident = open_incident()
        self.remind(incident.opened_at + timedelta(minutes=60))
        assert statuses(incident) == [("alert", 1, "pending")]

    def test_not_when_it_is_over(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        recover(monitor, place, 90)
        assert self.remind(at(100_000)) == 0

    def test_not_in_maintenance(self, monitor: Monitor, open_incident: Callable[[], Incident]) -> None:
        incident = open_incident()
        deliver(at(31))
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        due = incident.opened_at + timedelta(minutes=60)
        assert self.remind(due) == 0
        monitor.status = MonitorStatus.ACTIVE
        db.session.commit()
        assert self.remind(due + timedelta(minutes=1)) == 1

    def test_of_a_warning_once_a_day(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "certificate_expiring", 60: "certificate_expiring"})
        (incident,) = incidents(monitor)
        assert incident.next_reminder_at == incident.opened_at + timedelta(days=1)


def channel(customer: Customer, name: str, **columns: Any) -> NotificationChannel:
    made = NotificationChannel(
        organization_id=customer.organization_id,
        customer_id=customer.id,
        type="webhook",
        category="direct",
        name=name,
        config={"url": "https://hooks.example.com/x"},
        created_at=at(0),
        updated_at=at(0),
        **columns,
    )
    db.session.add(made)
    db.session.commit()
    return made
