"""A customer of the house, with a monitor."""

import pytest

from app.models import Customer, Monitor, Organization
from tests.factories import Factory


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house)


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    return make.monitor(customer)
