"""Who is told what, and when; on its way it may fail, be lost, or come to nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import event, insert, inspect

from app.domain.enums import AlertEvent, AlertStatus, MonitorStatus
from app.extensions import db
from app.models import Alert, Customer, Incident, Location, Monitor
from app.services import alerts, delivery, schedules
from app.services.delivery import BACK_OFF
from tests.factories import Factory
from tests.incidents.telling import (
    BROKEN,
    SENT,
    channel,
    claim,
    deliver,
    recover,
    settle,
    statuses,
)
from tests.incidents.watching import alerts as alerts_of
from tests.incidents.watching import at, incidents, see_all


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


class TestOver:
    def test_of_a_mailbox_that_nobody_watches_it_is_not_said_that_it_works(
        self, monitor: Monitor, open_incident: Callable[[], Incident]
    ) -> None:
        open_incident()
        deliver(at(31))
        monitor.status = MonitorStatus.DISABLED
        schedules.sync(monitor, at(60))
        db.session.commit()
        (claimed,) = claim(at(61))
        assert (claimed.notice.event, claimed.notice.incident.is_watched) == (AlertEvent.RECOVERY, False)

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

    def test_an_address_that_was_removed_is_told_nothing_more(
        self, customer: Customer, open_incident: Callable[[], Incident]
    ) -> None:
        incident = open_incident()
        customer.notification_email = None
        db.session.commit()
        assert deliver(at(31)) == []
        assert statuses(incident) == [("alert", 1, "cancelled")]

    def test_who_hears_of_recoveries_alone_hears_of_them(
        self, customer: Customer, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "ticker", conditions={"events": ["recovery"]})
        channel(customer, "long", conditions={"events": ["recovery"], "minIncidentDuration": 3600})
        channel(customer, "others", conditions={"events": ["recovery"], "types": ["dns_failure"]})
        open_incident()
        assert deliver(at(31)) == [("alert", "ops@example.com")]
        recover(monitor, place, 60)
        assert sorted(deliver(at(91))) == [("recovery", "ops@example.com"), ("recovery", "ticker")]


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

    def test_a_year_of_them_makes_none_slow(
        self, monitor: Monitor, place: Location, open_incident: Callable[[], Incident]
    ) -> None:
        """None of them is read, and those that are older than is kept go, some at a time."""
        incident = open_incident()
        deliver(at(31))
        sent = alerts_of(incident)[0]
        columns = {c.key: getattr(sent, c.key) for c in inspect(Alert).mapper.column_attrs if c.key != "id"}
        old = columns | {"event": AlertEvent.REMINDER, "status": AlertStatus.SENT}
        rows = [old | {"message_id": uuid4(), "created_at": at(60 + number)} for number in range(2000)]
        db.session.execute(insert(Alert), rows)
        db.session.commit()
        db.session.expire_all()
        loaded: list[Alert] = []

        def note(row: Alert, _context: Any) -> None:
            loaded.append(row)

        event.listen(Alert, "load", note)
        try:
            now = incident.opened_at + timedelta(days=30)
            assert alerts.remind(now, keep=timedelta(days=29)) == 1
            db.session.commit()
        finally:
            event.remove(Alert, "load", note)
        assert len(loaded) < 5
        left = [row.event.value for row in alerts_of(incident)]
        assert left.count("reminder") == 2000 - alerts.FORGOTTEN_AT_ONCE + 1
        assert left.count("alert") == 1

    def test_of_a_warning_once_a_day(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "certificate_expiring", 60: "certificate_expiring"})
        (incident,) = incidents(monitor)
        assert incident.next_reminder_at == incident.opened_at + timedelta(days=1)
