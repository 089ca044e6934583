"""Checks that wait for us make us late; those that wait for something else do not."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import from_ms, to_ms, utcnow
from app.domain.enums import MonitorStatus
from app.extensions import db
from app.models import Location, MonitorSchedule
from app.services.lateness import BADLY_LATE_AFTER, LATE_AFTER, is_badly_late_everywhere, oldest_due
from tests.factories import Factory

NOW = utcnow()
SECOND = timedelta(seconds=1)
LONG_AGO = to_ms(NOW - timedelta(minutes=10))


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location(heartbeat_at=NOW)


def row_of(
    make: Factory, location: Location, next_check_at_ms: int | None = LONG_AGO, **columns: Any
) -> MonitorSchedule:
    """The schedule row of a new monitor there, which nobody is checking."""
    of_monitor = {name: columns.pop(name) for name in ("mailbox_key", "status") if name in columns}
    monitor = make.monitor(**of_monitor)
    row = next(row for row in monitor.schedules if row.location_id == location.id)
    row.next_check_at_ms = next_check_at_ms
    for name, value in columns.items():
        setattr(row, name, value)
    db.session.commit()
    return row


def oldest(location: Location, per_host: int = 50) -> int | None:
    found = oldest_due(location.id, NOW, waiting_for=LATE_AFTER, checks_per_host=per_host)
    return found and to_ms(found)


def test_nothing_due_is_nothing_late(make: Factory, location: Location) -> None:
    row_of(make, location, to_ms(NOW + SECOND))
    row_of(make, location, None, status=MonitorStatus.DISABLED)
    assert oldest(location) is None


@pytest.mark.parametrize(("waits", "is_late"), [(60, False), (61, True)])
def test_a_minute_may_pass(make: Factory, location: Location, waits: int, is_late: bool) -> None:
    due = to_ms(NOW - waits * SECOND)
    row_of(make, location, due)
    assert oldest(location) == (due if is_late else None)


def test_the_oldest_one_is_told(make: Factory, location: Location) -> None:
    row_of(make, location, LONG_AGO + 1000)
    row_of(make, location)
    assert oldest(location) == LONG_AGO


@pytest.mark.parametrize(
    "columns", [{"is_slow": True}, {"lease_until_ms": to_ms(NOW)}], ids=["slow lane", "being checked"]
)
def test_what_waits_as_it_is_meant_to_is_not_late(
    make: Factory, location: Location, columns: dict[str, Any]
) -> None:
    row_of(make, location, **columns)
    assert oldest(location) is None


def test_a_lease_that_ran_out_excuses_nobody(make: Factory, location: Location) -> None:
    row_of(make, location, lease_until_ms=to_ms(NOW) - 1)
    assert oldest(location) == LONG_AGO


@pytest.mark.parametrize(
    ("columns", "is_late"),
    [
        ({"lease_until_ms": to_ms(NOW)}, False),
        ({"last_checked_at": NOW - 59 * SECOND}, False),
        ({"last_checked_at": NOW - 61 * SECOND}, True),
    ],
)
def test_monitors_of_one_mailbox_wait_for_one_another(
    make: Factory, location: Location, columns: dict[str, Any], is_late: bool
) -> None:
    row_of(make, location, mailbox_key="m")
    row_of(make, location, to_ms(NOW + SECOND), mailbox_key="m", **columns)
    assert oldest(location) == (LONG_AGO if is_late else None)


def test_another_location_that_keeps_up_does_not_hide_one_that_does_not(
    make: Factory, location: Location
) -> None:
    other = make.location(code="other", heartbeat_at=NOW)
    row = row_of(make, location)
    there = next(each for each in siblings(row) if each.location_id == other.id)
    there.next_check_at_ms, there.last_checked_at = to_ms(NOW + SECOND), NOW - SECOND
    db.session.commit()
    assert oldest(location) == LONG_AGO
    assert oldest(other) is None


def siblings(row: MonitorSchedule) -> list[MonitorSchedule]:
    return db.session.query(MonitorSchedule).filter_by(monitor_id=row.monitor_id).all()


@pytest.mark.parametrize(("in_flight", "is_late"), [(1, True), (2, False)])
def test_a_server_that_has_its_share_is_not_to_be_hurried(
    make: Factory, location: Location, in_flight: int, is_late: bool
) -> None:
    row_of(make, location)
    for _ in range(in_flight):
        row_of(make, location, to_ms(NOW + SECOND), lease_until_ms=to_ms(NOW))
    assert oldest(location, per_host=4) == (LONG_AGO if is_late else None)


def test_the_service_is_badly_late_when_every_active_location_is(make: Factory, location: Location) -> None:
    make.location(code="gone", heartbeat_at=NOW - timedelta(hours=1))
    sound = make.location(code="sound", heartbeat_at=NOW)
    late = to_ms(NOW - BADLY_LATE_AFTER - SECOND)
    for row in siblings(row_of(make, location, late)):
        row.next_check_at_ms = late
    db.session.commit()
    assert is_badly_late_everywhere(NOW, checks_per_host=50)
    for row in db.session.query(MonitorSchedule).filter_by(location_id=sound.id):
        row.next_check_at_ms = to_ms(NOW - BADLY_LATE_AFTER + SECOND)
    db.session.commit()
    assert not is_badly_late_everywhere(NOW, checks_per_host=50)


def test_without_any_location_nobody_is_late(make: Factory) -> None:
    assert not is_badly_late_everywhere(NOW, checks_per_host=50)


def test_the_time_is_told_as_an_instant(make: Factory, location: Location) -> None:
    row_of(make, location)
    found = oldest_due(location.id, NOW, waiting_for=LATE_AFTER, checks_per_host=50)
    assert found == from_ms(LONG_AGO)
