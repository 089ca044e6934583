"""What the outbox does when a monitor has another customer, or the clock another time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from app.domain.enums import AlertEvent
from app.extensions import db
from app.models import Customer, Incident, Location, Monitor
from app.services import alerts
from app.services.alerts import LEASE
from app.worker import jobs
from tests.factories import Factory
from tests.incidents.telling import (
    channel,
    claim,
    deliver,
    house_of,
    recover,
    statuses,
)
from tests.incidents.watching import alerts as alerts_of
from tests.incidents.watching import at, incidents, see_all

DAY = 86_400


class TestMoved:
    """To another customer, while an incident is open."""

    @pytest.fixture
    def new(self, make: Factory, customer: Customer) -> Customer:
        return make.customer(house_of(customer), notification_email="new@example.com")

    def move(self, monitor: Monitor, new: Customer, when: datetime) -> None:
        monitor.customer_id, monitor.customer_since, monitor.updated_at = new.id, when, when
        db.session.commit()
        db.session.expire_all()

    def test_who_was_not_told_yet_is_told_nothing(
        self, customer: Customer, monitor: Monitor, new: Customer, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "boss", delay_seconds=600)
        incident = open_incident()
        self.move(monitor, new, at(40))
        assert deliver(at(700)) == []
        assert [status for *_, status in statuses(incident)] == ["cancelled", "cancelled"]

    def test_who_was_told_hears_that_it_is_over_and_not_of_the_new_customer(
        self,
        customer: Customer,
        monitor: Monitor,
        place: Location,
        new: Customer,
        open_incident: Callable[[], Incident],
    ) -> None:
        channel(customer, "pager")
        open_incident()
        assert sorted(deliver(at(31))) == [("alert", "ops@example.com"), ("alert", "pager")]
        self.move(monitor, new, at(40))
        recover(monitor, place, 90)

        claimed = claim(at(121))

        assert sorted(one.destination.name for one in claimed) == ["ops@example.com", "pager"]
        for one in claimed:
            assert one.notice.event is AlertEvent.RECOVERY
            assert one.notice.customer.name == customer.name
            assert one.notice.monitor.name == monitor.name

    def test_nor_of_what_the_new_customer_changed(
        self,
        customer: Customer,
        monitor: Monitor,
        place: Location,
        new: Customer,
        open_incident: Callable[[], Incident],
    ) -> None:
        open_incident()
        deliver(at(31))
        self.move(monitor, new, at(40))
        monitor.name, monitor.hostname, monitor.updated_at = "Secret", "secret.example.com", at(50)
        db.session.commit()
        recover(monitor, place, 90)
        (claimed,) = claim(at(121))
        assert "ecret" not in repr(claimed.notice.monitor)
        assert claimed.notice.monitor.public_id == monitor.public_id

    def test_whose_channel_is_off_by_then_is_not_told(
        self,
        customer: Customer,
        monitor: Monitor,
        place: Location,
        new: Customer,
        open_incident: Callable[[], Incident],
    ) -> None:
        customer.notification_email = None
        pager = channel(customer, "pager")
        incident = open_incident()
        deliver(at(31))
        self.move(monitor, new, at(40))
        pager.is_active = False
        db.session.commit()
        recover(monitor, place, 90)
        assert statuses(incident) == [("alert", 1, "sent")]


class TestClockSetBack:
    """What the outbox planned while it showed tomorrow comes when it should have come."""

    def bring_back(self, now: datetime) -> None:
        while alerts.bring_back(now):
            db.session.commit()
        db.session.commit()

    def test_what_waits_keeps_its_delay(self, customer: Customer, monitor: Monitor, place: Location) -> None:
        channel(customer, "boss", delay_seconds=600)
        see_all(monitor, place, {DAY: "timeout", DAY + 30: "timeout"})
        self.bring_back(at(100))
        assert deliver(at(100)) == [("alert", "ops@example.com")]
        assert deliver(at(100 + 569)) == []
        assert deliver(at(100 + 570)) == [("alert", "boss")]

    def test_what_is_being_sent_is_made_again_after_its_lease(
        self, monitor: Monitor, place: Location
    ) -> None:
        see_all(monitor, place, {DAY: "timeout", DAY + 30: "timeout"})
        (lost,) = claim(at(DAY + 31))
        self.bring_back(at(100))
        assert claim(at(100) + LEASE) == []
        (again,) = claim(at(101) + LEASE)
        assert again.notice.id == lost.notice.id

    def test_reminders_come_after_their_distance(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {DAY: "timeout", DAY + 30: "timeout"})
        jobs.repair(place.id, at(100))
        db.session.commit()
        (incident,) = incidents(monitor)
        assert incident.next_reminder_at == at(100) + timedelta(minutes=60)

    def test_what_is_right_stays(
        self, customer: Customer, monitor: Monitor, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "boss", delay_seconds=600)
        incident = open_incident()
        claim(at(31))
        before = [(row.due_at, row.lease_until) for row in alerts_of(incident)]
        assert alerts.bring_back(at(32)) == 0
        db.session.commit()
        assert [(row.due_at, row.lease_until) for row in alerts_of(incident)] == before
