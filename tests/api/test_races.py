"""Two requests at once: what the other one does between our look and our change."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, update

from app.extensions import db
from app.models import Customer, Monitor, NotificationChannel, Organization
from app.services import access, customers
from tests.calling import CHANNELS, MONITORS, Caller, assert_failure, customer_path, monitor_path
from tests.factories import Factory

Meanwhile = Callable[[Callable[[Any], None]], None]
EMAIL = {"type": "email", "name": "New", "config": {"email": "ops@example.com"}}


@pytest.fixture
def monitor(make: Factory, house: Organization) -> Monitor:
    return make.monitor(make.customer(house))


@pytest.fixture
def channel(make: Factory, house: Organization) -> NotificationChannel:
    return make.channel(house)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done, over a connection of its own, as soon as the request has found its row."""

    def arrange(act: Callable[[Any], None]) -> None:
        look = access.require_visible

        def look_and_act(*args: Any, **kwargs: Any) -> None:
            look(*args, **kwargs)
            monkeypatch.undo()
            with db.engine.begin() as connection:
                act(connection)

        monkeypatch.setattr(access, "require_visible", look_and_act)

    return arrange


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "New"}), ("DELETE", None)])
def test_a_monitor_removed_meanwhile_is_404(
    admin: Caller, monitor: Monitor, meanwhile: Meanwhile, method: str, body: Any
) -> None:
    path = monitor_path(monitor)
    meanwhile(lambda connection: connection.execute(delete(Monitor)))

    assert_failure(admin.send(method, path, json=body), 404, "IMAP/POP monitor not found")


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "New"}), ("DELETE", None)])
def test_a_customer_removed_meanwhile_is_404(
    admin: Caller, customer: Customer, meanwhile: Meanwhile, method: str, body: Any
) -> None:
    path = customer_path(customer)
    meanwhile(lambda connection: connection.execute(delete(Customer)))

    assert_failure(admin.send(method, path, json=body), 404, "Customer not found")


def test_no_monitor_is_made_for_a_customer_removed_meanwhile(
    admin: Caller, customer: Customer, meanwhile: Meanwhile
) -> None:
    body = {"customerId": customer.id, "name": "New", "hostname": "a.example"}
    meanwhile(lambda connection: connection.execute(delete(Customer)))

    assert_failure(admin.post(MONITORS, body), 404, "Customer not found")


# SQLite makes the other request wait.
@pytest.mark.only_on("postgresql")
def test_no_monitor_moves_to_a_customer_removed_meanwhile(
    admin: Caller, monitor: Monitor, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body, find = monitor_path(monitor), {"customerId": customer.id}, customers.find

    def find_and_remove(*args: Any) -> Customer:
        found = find(*args)
        with db.engine.begin() as connection:
            connection.execute(delete(Customer).where(Customer.id == body["customerId"]))
        return found

    monkeypatch.setattr(customers, "find", find_and_remove)

    assert_failure(admin.patch(path, body), 404, "Customer not found")


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "New"}), ("DELETE", None)])
def test_a_channel_removed_meanwhile_is_404(
    admin: Caller, channel: NotificationChannel, meanwhile: Meanwhile, method: str, body: Any
) -> None:
    path = f"{CHANNELS}/{channel.id}"
    meanwhile(lambda connection: connection.execute(delete(NotificationChannel)))

    assert_failure(admin.send(method, path, json=body), 404, "Notification channel not found")


@pytest.mark.parametrize("model", [Customer, Monitor])
def test_no_channel_is_made_for_what_was_removed_meanwhile(
    admin: Caller, customer: Customer, monitor: Monitor, meanwhile: Meanwhile, model: Any
) -> None:
    level, owner, title = {
        Customer: ("customerId", customer.id, "Customer not found"),
        Monitor: ("imapPopMonitorId", monitor.id, "IMAP/POP monitor not found"),
    }[model]
    meanwhile(lambda connection: connection.execute(delete(model).where(model.id == owner)))

    assert_failure(admin.post(CHANNELS, {**EMAIL, level: owner}), 404, title)


def test_a_channel_follows_a_monitor_that_was_moved_meanwhile(
    admin: Caller, make: Factory, house: Organization, monitor: Monitor, meanwhile: Meanwhile
) -> None:
    other = make.customer(house)
    moved = update(Monitor).where(Monitor.id == monitor.id).values(customer_id=other.id)
    meanwhile(lambda connection: connection.execute(moved))

    answer = admin.post(CHANNELS, {**EMAIL, "imapPopMonitorId": monitor.id}).get_json()
    assert (answer["customerId"], answer["imapPopMonitorId"]) == (other.id, monitor.id)
