"""What Pillarbox is in trouble with, by its database."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import to_ms, utcnow
from app.domain.enums import AlertStatus, TroubleKind
from app.extensions import db
from app.models import Incident, Location
from app.services import troubles
from app.services.troubles import RECENT, UNDELIVERED_AFTER, failures_at_the_end
from tests.factories import Factory
from tests.outbox import alert_of, incident_of

NOW = utcnow()
MINUTE = timedelta(minutes=1)
ALL_WELL = dict.fromkeys((TroubleKind.LATE, TroubleKind.CUT_OFF, TroubleKind.UNDELIVERED))


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location(heartbeat_at=NOW)


@pytest.fixture
def incident(make: Factory, location: Location) -> Incident:
    monitor = make.monitor()
    [row] = monitor.schedules
    row.next_check_at_ms = to_ms(NOW + MINUTE)
    return incident_of(monitor, location)


def look(location: Location) -> dict[TroubleKind, datetime | None]:
    return troubles.look(location.id, NOW, checks_per_host=50)


def failed(incident: Incident, minutes_ago: int, **columns: Any) -> None:
    at = NOW - minutes_ago * MINUTE
    alert_of(incident, at, **{"status": AlertStatus.FAILED, "sent_at": at} | columns)


def sent(incident: Incident, minutes_ago: int) -> None:
    failed(incident, minutes_ago, status=AlertStatus.SENT)


def waiting_retry(incident: Incident) -> None:
    alert_of(incident, NOW + MINUTE, attempt=2)


def undelivered(location: Location) -> datetime | str | None:
    return look(location).get(TroubleKind.UNDELIVERED, "not known")


def test_a_quiet_service_is_in_no_trouble(location: Location) -> None:
    assert look(location) == ALL_WELL


def test_late_checks_are_trouble_after_a_minute(make: Factory, location: Location) -> None:
    monitor = make.monitor()
    [row] = monitor.schedules
    row.next_check_at_ms = to_ms(NOW) - 61_000
    db.session.commit()
    since = look(location)[TroubleKind.LATE]
    assert since is not None
    assert to_ms(since) == to_ms(NOW) - 61_000


def test_a_location_that_suspects_itself_is_trouble(location: Location) -> None:
    location.suspect_since = NOW - MINUTE
    db.session.commit()
    assert look(location)[TroubleKind.CUT_OFF] == NOW - MINUTE


class TestUndelivered:
    def test_attempts_that_arrive_are_no_trouble(self, location: Location, incident: Incident) -> None:
        failed(incident, 20)
        sent(incident, 10)
        assert undelivered(location) is None

    @pytest.mark.parametrize(("minutes", "expected"), [(14, "not known"), (15, NOW - 15 * MINUTE)])
    def test_failures_that_go_on_are_trouble_after_a_quarter_of_an_hour(
        self, location: Location, incident: Incident, minutes: int, expected: object
    ) -> None:
        sent(incident, 60)
        failed(incident, minutes)
        waiting_retry(incident)
        assert undelivered(location) == expected

    def test_one_refusal_that_nobody_tries_again_is_not_known_to_be_trouble_of_ours(
        self, location: Location, incident: Incident
    ) -> None:
        failed(incident, 30)
        assert undelivered(location) == "not known"

    def test_refusals_of_more_than_one_message_are_trouble_while_they_go_on(
        self, location: Location, incident: Incident
    ) -> None:
        failed(incident, 75)
        failed(incident, 59)
        assert undelivered(location) == NOW - 75 * MINUTE

    def test_nor_is_it_known_long_after_the_last_attempt(
        self, location: Location, incident: Incident
    ) -> None:
        failed(incident, 90)
        failed(incident, 60)
        assert undelivered(location) == "not known"

    @pytest.mark.parametrize("status", [AlertStatus.PENDING, AlertStatus.SENDING])
    def test_a_message_that_nobody_sends_is_trouble(
        self, location: Location, incident: Incident, status: AlertStatus
    ) -> None:
        sent(incident, 1)
        alert_of(incident, NOW - UNDELIVERED_AFTER, status=status)
        assert undelivered(location) == NOW - UNDELIVERED_AFTER

    def test_a_message_that_is_held_is_not(self, location: Location, incident: Incident) -> None:
        alert_of(incident, NOW - UNDELIVERED_AFTER)
        location.suspect_since = NOW - MINUTE
        db.session.commit()
        assert undelivered(location) is None

    @pytest.mark.parametrize("due_in", [-14, 60])
    def test_a_message_that_has_time_is_not(
        self, location: Location, incident: Incident, due_in: int
    ) -> None:
        alert_of(incident, NOW + due_in * MINUTE)
        assert undelivered(location) is None

    def test_one_location_speaks_for_all(self, make: Factory, location: Location, incident: Incident) -> None:
        failed(incident, 20)
        waiting_retry(incident)
        other = make.location(code="other", heartbeat_at=NOW)
        assert undelivered(other) == "not known"
        location.heartbeat_at = NOW - timedelta(hours=1)
        db.session.commit()
        assert undelivered(other) == NOW - 20 * MINUTE

    def test_of_many_failures_the_last_ones_are_looked_at(
        self, location: Location, incident: Incident
    ) -> None:
        for _ in range(RECENT):
            failed(incident, 20)
        waiting_retry(incident)
        assert undelivered(location) == NOW - 20 * MINUTE


@given(st.lists(st.tuples(st.sampled_from([AlertStatus.SENT, AlertStatus.FAILED]), st.integers(0, 20))))
def test_failures_at_the_end_are_those_after_the_last_success(
    attempts: list[tuple[AlertStatus, int]],
) -> None:
    timed = [(status, NOW + minutes * MINUTE) for status, minutes in attempts]
    found = failures_at_the_end(timed)
    arrived = [at for status, at in timed if status is AlertStatus.SENT]
    assert all(at > last for at in found for last in arrived)
    others = [at for status, at in timed if status is AlertStatus.FAILED and at not in found]
    assert all(any(at <= last for last in arrived) for at in others)
