"""One monitor, whose customer has one address to tell."""

from collections.abc import Callable

import pytest

from app.models import Customer, Incident, Location, Monitor
from tests.factories import Factory
from tests.incidents.watching import incidents, see_all


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
