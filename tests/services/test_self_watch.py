"""A location that cannot reach its references holds its alerts, and looks again before it lets them go."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from app.clock import to_ms, utcnow
from app.domain.enums import AlertStatus, CheckStatus, Health
from app.domain.reference import Reference
from app.extensions import db
from app.models import Location, MonitorSchedule
from app.services import self_watch
from app.services.locations import ACTIVE_FOR
from app.services.self_watch import (
    FRESH_FOR,
    HOLDS_FOR,
    SETTLES_WITHIN,
    holding_locations,
    look_at_references,
    may_tell,
)
from tests.factories import Factory
from tests.outbox import alert_of, incident_of
from tests.parts.reference import ReferenceTarget

NOW = utcnow()
SECOND = timedelta(seconds=1)

References = tuple[Reference, ...]


@pytest.fixture(autouse=True)
def no_looks() -> Iterator[None]:
    """Each test looks for itself: two may have a location and a port in common."""
    self_watch._looks.clear()
    yield
    self_watch._looks.clear()


@pytest.fixture
def target() -> Iterator[ReferenceTarget]:
    with ReferenceTarget() as target:
        yield target


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location(has_references=True, heartbeat_at=NOW)


def suspect_since(location: Location) -> datetime | None:
    db.session.expire_all()
    return location.suspect_since


def down(make: Factory, location: Location, checked_at: datetime = NOW, **columns: object) -> MonitorSchedule:
    """A monitor that the location takes for down, to be checked in an hour."""
    monitor = make.monitor()
    make.result(monitor, location, CheckStatus.ERROR, checked_at=checked_at)
    row = next(row for row in monitor.schedules if row.location_id == location.id)
    row.health, row.next_check_at_ms = Health.DOWN, to_ms(NOW + timedelta(hours=1))
    for name, value in columns.items():
        setattr(row, name, value)
    db.session.commit()
    return row


class TestLooking:
    def test_without_references_a_location_never_suspects_itself(self, location: Location) -> None:
        assert look_at_references(location.id, NOW, ())
        assert may_tell(location.id, NOW, ())
        assert suspect_since(location) is None

    def test_a_reference_that_answers_changes_nothing(
        self, location: Location, target: ReferenceTarget
    ) -> None:
        target.open()
        assert look_at_references(location.id, NOW, (target.reference,))
        assert suspect_since(location) is None

    def test_a_suspicion_begins_with_the_first_look_and_is_said_once(
        self, location: Location, target: ReferenceTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        for look in range(3):
            assert not look_at_references(location.id, NOW + look * SECOND, (target.reference,))
        assert suspect_since(location) == NOW
        assert caplog.messages == ["location_suspects_itself location=local"]

    def test_it_ends_when_one_answers_and_is_said_once(
        self, location: Location, target: ReferenceTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "app.services.self_watch")
        references = (target.reference, Reference("127.0.0.1", 1))
        look_at_references(location.id, NOW, references)
        target.open()
        for look in (10, 20):
            assert look_at_references(location.id, NOW + look * SECOND, references)
        assert suspect_since(location) is None
        assert caplog.messages[1:] == ["location_trusts_itself location=local seconds=10.0"]

    def test_only_the_own_location_is_suspected(
        self, make: Factory, location: Location, target: ReferenceTarget
    ) -> None:
        other = make.location(code="other")
        look_at_references(location.id, NOW, (target.reference,))
        assert suspect_since(other) is None

    def test_a_suspicion_from_before_a_restart_ends_too(
        self, location: Location, target: ReferenceTarget
    ) -> None:
        location.suspect_since = NOW - timedelta(hours=2)
        db.session.commit()
        target.open()
        assert look_at_references(location.id, NOW, (target.reference,))
        assert suspect_since(location) is None


class TestSettling:
    """What failed while the location was cut off is looked at once more before anybody is told of it."""

    @pytest.fixture
    def references(self, location: Location, target: ReferenceTarget) -> References:
        """Cut off until now."""
        references = (target.reference,)
        look_at_references(location.id, NOW - 30 * SECOND, references)
        target.open()
        return references

    def test_what_is_down_is_due_at_once(
        self, make: Factory, location: Location, references: References
    ) -> None:
        row = down(make, location, NOW - SECOND)
        assert not look_at_references(location.id, NOW, references)
        db.session.refresh(row)
        assert row.next_check_at_ms == to_ms(NOW)
        assert suspect_since(location) is not None

    def test_what_is_still_down_then_is_told(
        self, make: Factory, location: Location, references: References
    ) -> None:
        row = down(make, location, NOW - SECOND)
        look_at_references(location.id, NOW, references)
        row.last_checked_at = NOW + SECOND
        db.session.commit()
        assert look_at_references(location.id, NOW + 10 * SECOND, references)
        assert suspect_since(location) is None

    def test_what_recovers_is_waited_for_until_that_is_confirmed(
        self, make: Factory, location: Location, references: References
    ) -> None:
        row = down(make, location, NOW - SECOND)
        look_at_references(location.id, NOW, references)
        row.last_checked_at, row.last_status = NOW + SECOND, CheckStatus.SUCCESS
        db.session.commit()
        assert not look_at_references(location.id, NOW + 10 * SECOND, references)
        row.health = Health.UP
        db.session.commit()
        assert look_at_references(location.id, NOW + 20 * SECOND, references)

    def test_a_check_in_flight_is_asked_for_again_when_it_has_ended(
        self, make: Factory, location: Location, references: References
    ) -> None:
        row = down(make, location, NOW - 40 * SECOND, lease_until_ms=to_ms(NOW + 5 * SECOND))
        later = row.next_check_at_ms
        look_at_references(location.id, NOW, references)
        db.session.refresh(row)
        assert row.next_check_at_ms == later
        row.lease_until_ms = None
        db.session.commit()
        look_at_references(location.id, NOW + 10 * SECOND, references)
        db.session.refresh(row)
        assert row.next_check_at_ms == to_ms(NOW + 10 * SECOND)

    @pytest.mark.parametrize("columns", [{"refusals": 2}, {"next_check_at_ms": None}, {"health": Health.UP}])
    def test_what_wants_to_be_left_alone_is_not_waited_for(
        self, make: Factory, location: Location, references: References, columns: dict[str, object]
    ) -> None:
        row = down(make, location, NOW - SECOND, **columns)
        planned = row.next_check_at_ms
        assert look_at_references(location.id, NOW, references)
        db.session.refresh(row)
        assert row.next_check_at_ms == planned

    def test_what_another_location_sees_is_not_waited_for(
        self, make: Factory, location: Location, references: References
    ) -> None:
        down(make, make.location(code="other"), NOW - SECOND)
        assert look_at_references(location.id, NOW, references)

    def test_it_does_not_take_for_ever(
        self, make: Factory, location: Location, references: References
    ) -> None:
        down(make, location, NOW - SECOND)
        assert not look_at_references(location.id, NOW, references)
        assert not look_at_references(location.id, NOW + SETTLES_WITHIN - SECOND, references)
        assert look_at_references(location.id, NOW + SETTLES_WITHIN, references)

    def test_cut_off_once_more_it_begins_anew(
        self, make: Factory, location: Location, references: References, target: ReferenceTarget
    ) -> None:
        row = down(make, location, NOW - SECOND)
        look_at_references(location.id, NOW, references)
        target.cut_off()
        look_at_references(location.id, NOW + 10 * SECOND, references)
        row.last_checked_at = NOW + 15 * SECOND
        db.session.commit()
        target.open()
        assert not look_at_references(location.id, NOW + 20 * SECOND, references)
        assert suspect_since(location) == NOW - 30 * SECOND


class TestAsking:
    def test_one_look_is_good_for_ten_seconds(self, location: Location, target: ReferenceTarget) -> None:
        references = (target.reference,)
        assert not may_tell(location.id, NOW, references)
        target.open()
        assert not may_tell(location.id, NOW + FRESH_FOR - SECOND, references)
        assert may_tell(location.id, NOW + FRESH_FOR, references)
        target.cut_off()
        assert may_tell(location.id, NOW + 2 * FRESH_FOR - SECOND, references)
        assert not may_tell(location.id, NOW + 2 * FRESH_FOR, references)

    def test_a_look_of_a_clock_that_was_set_back_is_not_good(
        self, location: Location, target: ReferenceTarget
    ) -> None:
        references = (target.reference,)
        assert not may_tell(location.id, NOW, references)
        target.open()
        assert may_tell(location.id, NOW - SECOND, references)

    def test_the_look_of_the_job_is_good_too(self, location: Location, target: ReferenceTarget) -> None:
        look_at_references(location.id, NOW, (target.reference,))
        target.open()
        assert not may_tell(location.id, NOW + SECOND, (target.reference,))


class TestHolding:
    """Who has to wait for whom, seen from one scheduler."""

    def test_nobody_waits_where_nobody_has_references(self, make: Factory) -> None:
        own = make.location(heartbeat_at=NOW)
        make.location(code="other", heartbeat_at=NOW)
        assert holding_locations(NOW, own.id, True) == set()

    def test_the_own_location_follows_its_own_look_and_not_its_row(
        self, make: Factory, location: Location
    ) -> None:
        assert holding_locations(NOW, location.id, False) == {location.id}
        location.suspect_since = NOW
        db.session.commit()
        assert holding_locations(NOW, location.id, True) == set()

    @pytest.mark.parametrize(
        ("columns", "holds"),
        [
            ({"has_references": True, "heartbeat_at": NOW}, True),
            ({"has_references": True, "heartbeat_at": NOW - ACTIVE_FOR}, False),
            ({"has_references": True, "heartbeat_at": NOW - ACTIVE_FOR, "suspect_since": NOW}, True),
            ({"has_references": True, "heartbeat_at": NOW - HOLDS_FOR + SECOND, "suspect_since": NOW}, True),
            ({"has_references": True, "heartbeat_at": NOW - HOLDS_FOR, "suspect_since": NOW}, False),
            ({"has_references": False, "heartbeat_at": NOW}, False),
        ],
    )
    def test_another_one_tells_itself_while_it_can(
        self, make: Factory, columns: dict[str, object], holds: bool
    ) -> None:
        own, other = make.location(heartbeat_at=NOW), make.location(code="other", **columns)
        assert holding_locations(NOW, own.id, True) == ({other.id} if holds else set())

    def test_what_is_due_from_a_suspect_location_is_counted(self, make: Factory, location: Location) -> None:
        other = make.location(code="other", heartbeat_at=NOW)
        monitor = make.monitor()
        here, elsewhere = (
            incident_of(monitor, location),
            incident_of(monitor, other, subject="slow_response"),
        )
        alert_of(here, NOW)
        alert_of(here, NOW + SECOND)
        alert_of(here, NOW, status=AlertStatus.SENT)
        alert_of(elsewhere, NOW)
        assert self_watch.count_held(NOW) == 0
        location.suspect_since = NOW
        db.session.commit()
        assert self_watch.count_held(NOW) == 1
        assert self_watch.suspects() == {"local": NOW, "other": None}
