"""Attempts that fail, are lost or hang, and who waits for whom."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import insert, inspect, select, update

from app.extensions import db
from app.models import Alert, Customer, Incident, Location, Monitor, NotificationChannel
from app.services import delivery
from app.services.alerts import LEASE
from app.services.delivery import BACK_OFF
from tests.factories import Factory
from tests.incidents.telling import (
    BROKEN,
    REFUSED,
    SENT,
    channel,
    claim,
    deliver,
    house_of,
    settle,
    statuses,
)
from tests.incidents.watching import alerts as alerts_of
from tests.incidents.watching import at, incidents, see_all
from tests.outbox import alert_of, incident_of

OTHER_KEY = "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


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
        in_flight = [one.errand for one in claimed if one.destination.name == "ops@example.com"]

        assert sorted(one.destination.name for one in claimed) == ["ops@example.com"] * 2 + ["x@example.com"]
        assert claim(at(32), limit=10, in_flight=in_flight, per_target=2) == []

    def test_urgent_channels_are_told_first(
        self, make: Factory, customer: Customer, open_incident: Callable[[], Incident]
    ) -> None:
        channel(customer, "second", priority=2)
        channel(customer, "first", priority=0)
        open_incident()
        assert [one.destination.name for one in claim(at(31))] == ["first", "ops@example.com", "second"]

    def test_many_to_one_target_hold_up_nobody_else(
        self, make: Factory, place: Location, customer: Customer
    ) -> None:
        monitor = make.monitor(customer, server="mail.example.com:993")
        incident = incident_of(monitor, place)
        big = alert_of(incident, at(0), address="ops@example.com")
        columns = {c.key: getattr(big, c.key) for c in inspect(Alert).mapper.column_attrs if c.key != "id"}
        rows = [columns | {"message_id": uuid4()} for _ in range(600)]
        db.session.execute(insert(Alert), rows)
        other = make.customer(house_of(customer), notification_email="small@example.com")
        small = make.monitor(other, server="mail.example.com:993")
        alert_of(incident_of(small, place), at(1), address="small@example.com", priority=100)

        targets = [one.errand.target[1] for one in claim(at(2), limit=16)]

        assert targets == ["ops@example.com", "ops@example.com", "small@example.com"]

    def test_targets_that_fail_have_half_of_the_room_and_one_place_each(
        self, make: Factory, place: Location, customer: Customer
    ) -> None:
        monitor = make.monitor(customer, server="mail.example.com:993")
        incident = incident_of(monitor, place)
        for number in range(20):
            channel(customer, f"dead{number}")
        for made in db.session.scalars(select(NotificationChannel)).all():
            for attempt in (1, 2):
                whose = {"channel_id": made.id, "address": None, "channel_type": "webhook"}
                alert_of(incident, at(0), attempt=attempt, channel_name=made.name, **whose)
        alert_of(incident, at(1), address="ops@example.com")

        claimed = claim(at(2), limit=16)

        doubtful = Counter(one.errand.target for one in claimed if one.errand.is_doubtful)
        assert 0 < len(doubtful) <= 8
        assert set(doubtful.values()) == {1}
        assert "ops@example.com" in [one.errand.target[1] for one in claimed]
        again = claim(at(3), limit=16, in_flight=[one.errand for one in claimed])
        assert not [one for one in again if one.errand.target in doubtful]

    def test_one_that_cannot_be_put_together_stops_no_other(
        self, make: Factory, place: Location, customer: Customer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken, sound = (make.monitor(customer, server="mail.example.com:993") for _ in range(2))
        for monitor in (broken, sound):
            see_all(monitor, place, {0: "timeout", 30: "timeout"})
        monitor_id = broken.id
        db.session.execute(update(Monitor).where(Monitor.id == monitor_id).values(server="mail:imap"))
        db.session.commit()

        assert [one.monitor_id for one in claim(at(31))] == [sound.id]

        rows = statuses(incidents(broken)[0])
        assert rows == [("alert", 1, "failed"), ("alert", 2, "pending")]
        db.session.execute(update(Monitor).where(Monitor.id == monitor_id).values(server=""))
        db.session.commit()
        (again,) = claim(at(31) + BACK_OFF[0])
        assert again.notice.monitor.port == (broken.port or 993)

    def test_a_key_that_comes_later_loses_no_alarm(
        self,
        make: Factory,
        make_app: Callable[..., Flask],
        customer: Customer,
        open_incident: Callable[[], Incident],
    ) -> None:
        """A scheduler that is yet to be restarted with the newest key."""
        customer.notification_email = None
        config, secrets = {"url": "https://hooks.example.com/x"}, {"secret": "12345678"}
        make.channel(customer, "webhook", config, secrets)
        incident = open_incident()
        store = make_app(CREDENTIALS_KEYS=OTHER_KEY).config["CONFIG_STORE"]
        assert delivery.claim(at(31), store.vault, limit=16) == []
        db.session.commit()

        assert statuses(incident) == [("alert", 1, "failed"), ("alert", 2, "pending")]
        assert alerts_of(incident)[0].error_message == delivery.UNREADABLE
        assert deliver(at(31) + BACK_OFF[0]) == [("alert", alerts_of(incident)[0].channel_name)]
