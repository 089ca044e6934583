"""How many maintenance windows a customer may have that are open or to come."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from app.clock import to_iso, utcnow
from app.models import Customer, Monitor, Organization
from app.services import maintenance_room, maintenance_windows
from tests.api.windows import ONCE, WEEKLY, target
from tests.calling import WINDOWS, Caller, assert_failure, monitor_path, window_path
from tests.factories import Factory

TOO_MANY = (409, "Too many maintenance windows")


def test_a_customer_has_so_many_windows_ahead_and_no_more(
    admin: Caller, make: Factory, house: Organization, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_room, "MAX_WINDOWS", 1)
    customer, other = monitor.customer, make.customer(house)
    over = {**ONCE, "startTime": "2020-01-01T00:00:00.000Z", "endTime": "2020-01-01T01:00:00.000Z"}
    is_open = {"startTime": to_iso(utcnow()), "endTime": to_iso(utcnow() + timedelta(hours=1))}
    mine = {"customerId": customer.id}

    def made(body: dict[str, Any]) -> str:
        answer = admin.post(WINDOWS, body)
        assert answer.status_code == 201
        return window_path(answer.get_json())

    path = made({**ONCE, **is_open, **mine})
    failure = assert_failure(admin.post(WINDOWS, {**WEEKLY, "imapPopMonitorId": monitor.id}), *TOO_MANY)
    assert "has 1 already" in failure["message"]
    passive, past = made({**ONCE, **mine, "isActive": False}), made({**over, **mine})
    elsewhere = made({**ONCE, "customerId": other.id})
    changes = ((passive, {"isActive": True}), (past, is_open), (past, WEEKLY), (elsewhere, mine))
    for another, body in changes:
        before = admin.get(another).get_json()
        assert_failure(admin.patch(another, body), *TOO_MANY)
        assert admin.get(another).get_json() == before
    # One that has a place keeps it, be it that there are too many already.
    monkeypatch.setattr(maintenance_room, "MAX_WINDOWS", 0)
    assert (
        admin.patch(path, {"endTime": ONCE["endTime"]} | {"startTime": ONCE["startTime"]}).status_code == 200
    )
    monkeypatch.setattr(maintenance_room, "MAX_WINDOWS", 1)
    assert admin.delete(path).status_code == 200
    assert admin.patch(passive, {"isActive": True}).status_code == 200


def test_a_moved_monitor_brings_no_more_windows_than_there_may_be(
    admin: Caller, make: Factory, house: Organization, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_room, "MAX_WINDOWS", 1)
    other = make.customer(house)
    mine = admin.post(WINDOWS, {**ONCE, "targets": [target(monitor.id)]}).get_json()
    theirs = admin.post(WINDOWS, {**ONCE, "customerId": other.id}).get_json()
    move = {"customerId": other.id}

    assert_failure(admin.patch(monitor_path(monitor), move), *TOO_MANY)
    assert admin.get(window_path(mine)).get_json() == mine
    admin.delete(window_path(theirs))
    assert admin.patch(monitor_path(monitor), move).status_code == 200
    assert admin.get(window_path(mine)).get_json()["customerId"] == other.id


def test_the_last_place_goes_to_one_of_two_at_once(
    admin: Caller, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, settle = Barrier(2), maintenance_windows.settle

    def wait_for_the_other(*args: Any) -> None:
        settle(*args)
        with suppress(BrokenBarrierError):
            both.wait(0.5)

    monkeypatch.setattr(maintenance_room, "MAX_WINDOWS", 1)
    monkeypatch.setattr(maintenance_windows, "settle", wait_for_the_other)
    body = {**ONCE, "customerId": customer.id}
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(admin.post, WINDOWS, body) for _ in range(2)]

    assert sorted(answer.result().status_code for answer in answers) == [201, 409]
