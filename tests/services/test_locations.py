"""Locations register, beat, and are active while they do."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.clock import utcnow
from app.extensions import db
from app.models import Location
from app.services import locations
from app.services.locations import ACTIVE_FOR
from tests.factories import Factory

NOW = utcnow()


def register(name: str = "Local", country: str | None = None) -> Location:
    return locations.register(code="local", name=name, country=country, now=NOW)


def test_a_location_registers_once(make: Factory) -> None:
    first = register()
    assert register().id == first.id
    assert db.session.scalars(select(Location.code)).all() == ["local"]


def test_registering_again_follows_the_settings(make: Factory) -> None:
    register()
    location = register(name="Nuremberg", country="DE")
    assert (location.name, location.country) == ("Nuremberg", "DE")


def test_registering_tells_whether_there_are_references(make: Factory) -> None:
    location = register()
    assert not location.has_references
    again = locations.register(code="local", name="Local", country=None, has_references=True, now=NOW)
    assert (again.id, again.has_references) == (location.id, True)


@pytest.mark.parametrize("has_references", [True, False])
def test_a_suspicion_outlives_a_restart_while_there_are_references(
    make: Factory, has_references: bool
) -> None:
    make.location(suspect_since=NOW)
    location = locations.register(
        code="local", name="Local", country=None, has_references=has_references, now=NOW
    )
    assert (location.suspect_since is not None) is has_references


def test_registering_counts_as_a_heartbeat(make: Factory) -> None:
    make.location(code="local", heartbeat_at=NOW - timedelta(days=1))
    register()
    assert [location.code for location in locations.active(NOW)] == ["local"]


def test_a_location_is_active_for_a_minute_after_each_beat(make: Factory) -> None:
    location = make.location(heartbeat_at=NOW - timedelta(hours=1))
    assert locations.active(NOW) == []
    locations.beat(location.id, NOW)
    assert locations.active(NOW + ACTIVE_FOR - timedelta(milliseconds=1)) == [location]
    assert locations.active(NOW + ACTIVE_FOR) == []


def test_a_beat_is_of_one_location(make: Factory) -> None:
    silent = make.location(code="silent", heartbeat_at=NOW - timedelta(hours=1))
    locations.beat(make.location(code="other").id, NOW)
    db.session.refresh(silent)
    assert silent.heartbeat_at == NOW - timedelta(hours=1)


def test_each_location_has_a_heartbeat_of_its_own(make: Factory) -> None:
    make.location(code="one", heartbeat_at=NOW)
    make.location(code="two", heartbeat_at=NOW - timedelta(hours=1))
    assert locations.heartbeats() == {"one": NOW, "two": NOW - timedelta(hours=1)}
