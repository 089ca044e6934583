"""Uptime from what is stored: which transitions are read, and what is derived from them now."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.clock import to_ms
from app.domain.calendar import TimeRange
from app.domain.enums import Health
from app.domain.uptime import Segment, Span, TimeKind
from app.extensions import db
from app.models import HealthTransition, Location, Monitor, MonitorSchedule
from app.services import uptime
from tests.factories import Factory

UP, DOWN, NO_DATA, PENDING = Health.UP, Health.DOWN, Health.NO_DATA, Health.PENDING
MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
DAY = TimeRange(MIDNIGHT, MIDNIGHT + timedelta(days=1))
LATER = MIDNIGHT + timedelta(days=9)
Noted = Callable[..., None]


def at(hour: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hour)


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def monitor(make: Factory, location: Location) -> Monitor:
    return make.monitor()


def noting(monitor: Monitor, place: Location) -> Noted:
    """Stores transitions, given as hours after midnight and what was seen from then on."""

    def note(*changes: tuple[float, Health], data_until: float = 1000) -> None:
        for hour, health in changes:
            row = {"monitor_id": monitor.id, "location_id": place.id}
            db.session.add(HealthTransition(**row, started_at=at(hour), health=health))
        db.session.execute(
            update(MonitorSchedule)
            .where(MonitorSchedule.monitor_id == monitor.id, MonitorSchedule.location_id == place.id)
            .values(health=changes[-1][1], data_until_ms=to_ms(at(data_until)))
        )
        db.session.commit()

    return note


@pytest.fixture
def note(monitor: Monitor, location: Location) -> Noted:
    return noting(monitor, location)


def told(
    monitor: Monitor,
    within: TimeRange = DAY,
    now: datetime = LATER,
    maintenance: list[Span] | None = None,
) -> list[tuple[float, TimeKind]]:
    """The segments, as hours after midnight and what they are; the last one is the end."""
    found = uptime.timelines([monitor.id], {monitor.id: maintenance or []}, within, now)[monitor.id]
    hours = [((segment.from_ms - to_ms(MIDNIGHT)) / 3_600_000, segment.kind) for segment in found]
    return [*hours, ((found[-1].until_ms - to_ms(MIDNIGHT)) / 3_600_000, TimeKind.NOT_WATCHED)]


def test_the_last_change_before_the_range_counts(note: Noted, monitor: Monitor) -> None:
    note((-900, DOWN), (-500, UP), (6, DOWN), (7, UP), (30, DOWN))

    assert told(monitor) == [
        (0, TimeKind.UP),
        (6, TimeKind.DOWN),
        (7, TimeKind.UP),
        (24, TimeKind.NOT_WATCHED),
    ]


def test_a_change_with_which_the_range_begins_or_ends(note: Noted, monitor: Monitor) -> None:
    note((-1, UP), (0, DOWN), (24, UP))

    assert told(monitor) == [(0, TimeKind.DOWN), (24, TimeKind.NOT_WATCHED)]


def test_before_the_first_result_nobody_watched(note: Noted, monitor: Monitor) -> None:
    note((6, UP))

    assert told(monitor)[:2] == [(0, TimeKind.NOT_WATCHED), (6, TimeKind.UP)]


def test_a_monitor_without_any_change(monitor: Monitor) -> None:
    assert told(monitor) == [(0, TimeKind.NOT_WATCHED), (24, TimeKind.NOT_WATCHED)]


def test_time_while_it_is_disabled_is_not_watched(note: Noted, monitor: Monitor) -> None:
    note((-1, UP), (6, PENDING), (9, UP))

    assert told(monitor)[:3] == [(0, TimeKind.UP), (6, TimeKind.NOT_WATCHED), (9, TimeKind.UP)]


def test_a_range_that_is_not_over_ends_now(note: Noted, monitor: Monitor) -> None:
    note((-1, UP))

    assert told(monitor, now=at(13.5)) == [(0, TimeKind.UP), (13.5, TimeKind.NOT_WATCHED)]


def test_a_range_to_come_has_nothing(note: Noted, monitor: Monitor) -> None:
    note((-1, UP))

    assert uptime.timelines([monitor.id], {}, DAY, at(-1))[monitor.id] == []


@pytest.mark.parametrize("health", [UP, DOWN])
def test_results_that_are_overdue_are_no_data_although_nobody_writes_it(
    note: Noted, monitor: Monitor, health: Health
) -> None:
    note((-1, health), data_until=10)

    assert told(monitor, now=at(9))[1:] == [(9, TimeKind.NOT_WATCHED)]
    assert told(monitor, now=at(12))[1:] == [(10, TimeKind.NO_DATA), (12, TimeKind.NOT_WATCHED)]
    assert told(monitor)[1:] == [(10, TimeKind.NO_DATA), (24, TimeKind.NOT_WATCHED)]


def test_results_that_were_overdue_before_the_range(note: Noted, monitor: Monitor) -> None:
    note((-50, UP), data_until=-40)

    assert told(monitor)[0] == (0, TimeKind.NO_DATA)


def test_data_cannot_have_ended_before_it_came(note: Noted, monitor: Monitor) -> None:
    note((6, UP), (7, DOWN), data_until=-500)

    assert told(monitor)[:3] == [(0, TimeKind.NOT_WATCHED), (6, TimeKind.UP), (7, TimeKind.NO_DATA)]


def test_a_silence_that_is_over_is_as_it_was_written_down(note: Noted, monitor: Monitor) -> None:
    note((-1, UP), (10, NO_DATA), (12, UP))

    assert told(monitor)[1:3] == [(10, TimeKind.NO_DATA), (12, TimeKind.UP)]


def test_a_location_that_never_made_up_its_mind_owes_nothing(note: Noted, monitor: Monitor) -> None:
    note((-2, UP), (-1, PENDING), data_until=3)

    assert told(monitor)[0] == (0, TimeKind.NOT_WATCHED)


def test_a_silent_location_has_no_vote(make: Factory, location: Location) -> None:
    places = [location, make.location(code="b"), make.location(code="c")]
    monitor = make.monitor()
    noting(monitor, places[0])((-1, DOWN))
    noting(monitor, places[1])((-1, UP), data_until=10)
    noting(monitor, places[2])((-1, UP), (15, DOWN))

    assert told(monitor)[1:] == [(15, TimeKind.DOWN), (24, TimeKind.NOT_WATCHED)]


def test_each_monitor_has_its_own_time(make: Factory, location: Location) -> None:
    monitors = [make.monitor(), make.monitor(), make.monitor()]
    noting(monitors[0], location)((-1, UP))
    noting(monitors[2], location)((-1, DOWN))

    found = uptime.timelines(
        [monitor.id for monitor in monitors],
        {monitors[0].id: [Span(to_ms(at(3)), to_ms(at(4)))]},
        DAY,
        LATER,
    )

    assert [[segment.kind for segment in found[monitor.id]] for monitor in monitors] == [
        [TimeKind.UP, TimeKind.MAINTENANCE, TimeKind.UP],
        [TimeKind.NOT_WATCHED],
        [TimeKind.DOWN],
    ]


def test_instants_are_cut_off_at_their_millisecond(note: Noted, monitor: Monitor) -> None:
    just = timedelta(microseconds=999)
    note((-1, UP))
    note((1 + 999 / 3_600_000_000, DOWN))

    found = uptime.timelines([monitor.id], {}, TimeRange(at(0) + just, at(2) + just), LATER)[monitor.id]

    assert found == [
        Segment(to_ms(at(0)), to_ms(at(1)), TimeKind.UP),
        Segment(to_ms(at(1)), to_ms(at(2)), TimeKind.DOWN),
    ]
