"""A scheduler that looks at itself: what it says, whom it tells, and when it pings."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.clock import to_ms, utcnow
from app.config import Settings
from app.domain.enums import TroubleKind
from app.domain.notification import Delivery
from app.extensions import db
from app.models import Location
from app.services import troubles
from app.worker.pulse import STALLED_AFTER_SECONDS, Pulse
from app.worker.watch import LOOK_SECONDS, Watch
from tests.factories import Factory
from tests.parts.http_receiver import HttpReceiver, redirect, reply

NOW = utcnow()
HOUR = timedelta(hours=1)
SENT = Delivery(is_sent=True)
REFUSED = Delivery(is_sent=False, error="The server did not take it.")


class Parts:
    """A scheduler's state, as a test likes it, and the mail that its operator got."""

    def __init__(self) -> None:
        self.is_held_up = False
        self.ticked_at = monotonic()
        self.outcome = SENT
        self.mails: list[str] = []
        """The subjects."""
        self.pulse = Pulse(lambda: self.ticked_at, lambda: self.is_held_up)

    def mail(self, subject: str, _text: str) -> Delivery:
        if self.outcome.is_sent:
            self.mails.append(subject)
        return self.outcome


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def settings(make_app: Callable[..., Flask], receiver: HttpReceiver) -> Settings:
    found: Settings = make_app(HEARTBEAT_URL=f"{receiver.url}/ping/s3cret-key").config["SETTINGS"]
    return found


@pytest.fixture
def watch(settings: Settings, parts: Parts) -> Watch:
    return Watch(settings, parts.pulse, parts.mail)


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location(heartbeat_at=NOW + timedelta(days=1))


def make_late(make: Factory) -> Any:
    [row] = make.monitor().schedules
    row.next_check_at_ms = to_ms(NOW - timedelta(minutes=2))
    db.session.commit()
    return row


Look = Callable[..., None]


@pytest.fixture
def look(watch: Watch, location: Location) -> Look:
    """Lets the watch look at itself for so many minutes, from that minute on."""

    def look(count: int = 2, minute: int = 0) -> None:
        for at in range(minute, minute + count):
            watch.tell_operator(location.id, NOW + timedelta(minutes=at))

    return look


class TestPulse:
    def test_a_process_at_work_has_no_fault(self, parts: Parts) -> None:
        assert parts.pulse.fault() is None

    def test_a_tick_that_did_not_go_through_for_long_is_a_fault(self, parts: Parts) -> None:
        parts.ticked_at -= STALLED_AFTER_SECONDS + 1
        assert parts.pulse.fault() == "stalled"

    def test_results_that_wait_are_a_fault(self, parts: Parts) -> None:
        parts.is_held_up = True
        assert parts.pulse.fault() == "held_up"


class TestPing:
    def test_a_scheduler_that_is_well_pings(
        self, watch: Watch, location: Location, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        watch.ping(location.id, NOW)
        assert [request.target for request in receiver.requests] == ["/ping/s3cret-key"]
        assert caplog.messages == []

    def test_without_a_url_nobody_is_asked(
        self, app: Flask, parts: Parts, location: Location, receiver: HttpReceiver
    ) -> None:
        Watch(app.config["SETTINGS"], parts.pulse, None).ping(location.id, NOW)
        assert receiver.requests == []

    def test_a_scheduler_that_is_not_well_does_not(
        self,
        watch: Watch,
        location: Location,
        parts: Parts,
        receiver: HttpReceiver,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level("INFO")
        parts.is_held_up = True
        watch.ping(location.id, NOW)
        watch.ping(location.id, NOW)
        location.suspect_since = NOW
        db.session.commit()
        parts.is_held_up = False
        watch.ping(location.id, NOW)
        assert receiver.requests == []
        location.suspect_since = None
        db.session.commit()
        watch.ping(location.id, NOW)
        assert len(receiver.requests) == 1
        assert caplog.messages == [
            "heartbeat_withheld reason=held_up",
            "heartbeat_withheld reason=cut_off",
            "heartbeat_sent_again",
        ]

    def test_a_failure_is_said_once_and_without_the_url(
        self, watch: Watch, location: Location, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        for answer in (reply(503), reply(503), redirect("http://127.0.0.1:1/"), reply(200), reply(200)):
            receiver.answer = answer
            watch.ping(location.id, NOW)
        assert caplog.messages == [
            "heartbeat_failed status=503",
            "heartbeat_failed status=307",
            "heartbeat_sent_again",
        ]
        assert "s3cret-key" not in caplog.text

    def test_no_connection_is_held_meanwhile(
        self, watch: Watch, location: Location, receiver: HttpReceiver
    ) -> None:
        seen, in_use = [], db.engine.pool.checkedout

        def answer(conversation: Any) -> None:
            seen.append(in_use())
            reply(200)(conversation)

        receiver.answer = answer
        location_id = location.id
        db.session.commit()
        watch.ping(location_id, NOW)
        assert seen == [0]


class TestOperator:
    def test_a_quiet_service_tells_nothing(
        self, look: Look, parts: Parts, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        look(5)
        assert parts.mails == []
        assert caplog.messages == []

    def test_lateness_is_told_when_it_lasts_and_when_it_is_over(
        self, make: Factory, look: Look, parts: Parts, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "app.worker.watch")
        row = make_late(make)
        look(1)
        assert parts.mails == []
        look(5, minute=1)
        assert parts.mails == ["Pillarbox (local): checks are late"]
        row.next_check_at_ms = to_ms(NOW + HOUR)
        db.session.commit()
        look(1, minute=6)
        assert len(parts.mails) == 1
        look(5, minute=7)
        assert parts.mails[1:] == ["Pillarbox (local): checks are on time again"]
        assert [line.split()[0] for line in caplog.messages] == [
            "trouble_begun",
            "operator_mailed",
            "trouble_over",
            "operator_mailed",
        ]

    def test_trouble_that_lasts_is_told_every_hour(self, make: Factory, look: Look, parts: Parts) -> None:
        make_late(make)
        look(125)
        assert len(parts.mails) == 3

    def test_a_restart_tells_nothing_twice(
        self, make: Factory, look: Look, settings: Settings, parts: Parts, location: Location
    ) -> None:
        row = make_late(make)
        look(2)
        again = Watch(settings, parts.pulse, parts.mail)
        for minute in range(2, 6):
            again.tell_operator(location.id, NOW + timedelta(minutes=minute))
        assert len(parts.mails) == 1
        row.next_check_at_ms = to_ms(NOW + HOUR)
        db.session.commit()
        once_more = Watch(settings, parts.pulse, parts.mail)
        for minute in range(6, 10):
            once_more.tell_operator(location.id, NOW + timedelta(minutes=minute))
        assert parts.mails[1:] == ["Pillarbox (local): checks are on time again"]

    def test_mail_that_fails_is_tried_again_and_said_once(
        self, make: Factory, look: Look, parts: Parts, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_late(make)
        parts.outcome = REFUSED
        look(5)
        parts.outcome = SENT
        look(1, minute=5)
        assert parts.mails == ["Pillarbox (local): checks are late"]
        failures = [line for line in caplog.messages if line.startswith("operator_mail_failed")]
        assert failures == ["operator_mail_failed kind=late error=The server did not take it."]

    def test_mail_that_is_refused_for_good_is_tried_again_after_an_hour(
        self, make: Factory, look: Look, parts: Parts
    ) -> None:
        make_late(make)
        parts.outcome = Delivery(is_sent=False, error="No such user.", is_final=True)
        look(2)
        parts.outcome = SENT
        look(55, minute=2)
        assert parts.mails == []
        look(10, minute=57)
        assert len(parts.mails) == 1

    def test_without_an_operator_trouble_is_in_the_log(
        self,
        make: Factory,
        settings: Settings,
        parts: Parts,
        location: Location,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        make_late(make)
        watch = Watch(settings, parts.pulse, None)
        for minute in range(3):
            watch.tell_operator(location.id, NOW + timedelta(minutes=minute))
        assert [line.split(" since")[0] for line in caplog.messages] == ["trouble_begun kind=late"]

    def test_results_that_wait_are_told_once_though_nothing_can_be_stored(
        self, look: Look, parts: Parts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object, **__: object) -> dict[TroubleKind, datetime | None]:
            raise OperationalError("SELECT 1", {}, Exception("gone"))

        with monkeypatch.context() as patched:
            patched.setattr(troubles, "look", away)
            look(30)
        assert parts.mails == ["Pillarbox (local): the database is away"]
        parts.is_held_up = True
        look(5, minute=30)
        parts.is_held_up = False
        look(5, minute=35)
        assert parts.mails[1:] == ["Pillarbox (local): the database is back"]

    def test_an_outage_says_nothing_of_other_trouble(
        self, make: Factory, look: Look, parts: Parts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_late(make)
        look(2)

        def away(*_: object, **__: object) -> dict[TroubleKind, datetime | None]:
            raise OperationalError("SELECT 1", {}, Exception("gone"))

        with monkeypatch.context() as patched:
            patched.setattr(troubles, "look", away)
            look(5, minute=2)
        assert "Pillarbox (local): checks are on time again" not in parts.mails


def test_it_looks_every_minute() -> None:
    assert LOOK_SECONDS == 60
