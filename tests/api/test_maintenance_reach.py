"""Who sees and changes maintenance windows, and what becomes of them with monitors and customers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select

from app.clock import utcnow
from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, MaintenancePeriod, MaintenanceWindow, Monitor, Organization, User
from app.services import access, maintenance
from app.worker import jobs
from tests.api.windows import ONCE, target
from tests.calling import WINDOWS, Caller, assert_failure, customer_path, monitor_path, window_path
from tests.factories import Factory

MONITOR_NOT_FOUND = "IMAP/POP monitor not found"


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> Caller:
    """Somebody who may read, of that one customer alone."""
    return login(make.user(house, Role.READONLY, customers=[customer]))


# --- who may


def test_readers_write_windows_for_their_customers_and_no_others(
    restricted: Caller, make: Factory, house: Organization, customer: Customer, monitor: Monitor
) -> None:
    other = make.customer(house)
    path = window_path(restricted.post(WINDOWS, {**ONCE, "customerId": customer.id}).get_json())

    assert restricted.patch(path, {"targets": [target(monitor.id)]}).status_code == 200
    for body in (
        {"customerId": other.id},
        {"targets": [target(make.monitor(other).id)]},
        {"targets": [target(monitor.id), target(make.monitor(other).id)]},
        {"imapPopMonitorId": make.monitor(other).id},
    ):
        assert_failure(restricted.post(WINDOWS, ONCE | body), 403)
        assert_failure(restricted.patch(path, body), 403)
    assert_failure(restricted.get(window_path(make.window(other))), 403)
    assert_failure(restricted.delete(window_path(make.window(other))), 403)
    assert restricted.delete(path).get_json() == {"success": True}


def test_a_token_of_a_customer_writes_its_windows(
    app: Any, make: Factory, house: Organization, customer: Customer
) -> None:
    program = Caller(app, make.token(customer=customer))

    assert program.post(WINDOWS, {**ONCE, "customerId": customer.id}).status_code == 201
    assert_failure(program.post(WINDOWS, {**ONCE, "customerId": make.customer(house).id}), 403)


# --- lists


def test_a_list_comes_in_pages_by_customer_monitor_and_whether_it_is_open(
    admin: Caller, make: Factory, house: Organization, customer: Customer, monitor: Monitor
) -> None:
    other = make.customer(house)
    later = {"start_time": utcnow() + timedelta(days=1)}
    of_monitor, of_customer, of_sister, of_other = (
        make.window(customer, [monitor]),
        make.window(customer, None, **later),
        make.window(customer, [make.monitor(customer)], **later),
        make.window(other),
    )
    make.window(make.customer())

    def found(query: str) -> list[int]:
        page = admin.get(f"{WINDOWS}?{query}").get_json()
        assert page["total"] == len(page["items"])
        return [item["id"] for item in page["items"]]

    every = [of_monitor.id, of_customer.id, of_sister.id, of_other.id]
    assert found("") == every
    assert found(f"customerId={customer.public_id}") == every[:3]
    assert found(f"customerId={other.id}") == every[3:]
    for reference in (monitor.id, monitor.public_id):
        assert found(f"imapPopMonitorId={reference}") == every[:2]
    assert found("imapPopMonitorId=987654321") == []
    assert found("active=true") == [of_monitor.id, of_other.id]
    assert found("active=false") == [of_customer.id, of_sister.id]
    page = admin.get(f"{WINDOWS}?perPage=1&page=2").get_json()
    assert ([item["id"] for item in page["items"]], page["total"]) == ([of_customer.id], 4)


def test_restricted_callers_see_and_count_their_own_alone(
    restricted: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    own = make.window(customer)
    elsewhere = make.monitor(make.customer(house))
    make.window(db.session.get_one(Customer, elsewhere.customer_id))

    for query in ("", "?active=true"):
        page = restricted.get(WINDOWS + query).get_json()
        assert ([item["id"] for item in page["items"]], page["total"]) == ([own.id], 1)
    assert restricted.get(f"{WINDOWS}?imapPopMonitorId={elsewhere.id}").get_json()["total"] == 0


@pytest.mark.parametrize("query", ["active=1", "active=yes", "active=", "imapPopMonitorId=x", "page=0"])
def test_queries_are_strict(admin: Caller, query: str) -> None:
    assert_failure(admin.get(f"{WINDOWS}?{query}"), 400)


# --- what happens to monitors and customers


def written(monitor_id: int | None) -> list[tuple[int, bool]]:
    """Of each period whose customer it is, and whether it has ended."""
    rows = db.session.execute(
        select(MaintenancePeriod.customer_id, MaintenancePeriod.ended_at)
        .where(MaintenancePeriod.monitor_id == monitor_id)
        .order_by(MaintenancePeriod.started_at, MaintenancePeriod.id)
    )
    return [(customer_id, bool(ended_at and ended_at <= utcnow())) for customer_id, ended_at in rows]


def test_the_status_maintenance_is_a_period_of_its_own(
    admin: Caller, readonly: Caller, monitor: Monitor, customer: Customer
) -> None:
    assert readonly.patch(monitor_path(monitor), {"status": "maintenance"}).status_code == 200
    assert written(monitor.id) == [(customer.id, False)]
    assert admin.patch(monitor_path(monitor), {"name": "New"}).status_code == 200
    assert admin.patch(monitor_path(monitor), {"status": "disabled"}).status_code == 200
    assert written(monitor.id) == [(customer.id, True)]

    body = {"customerId": customer.id, "name": "New", "hostname": "a.example", "status": "maintenance"}
    made = admin.post("/api/imap-pop-monitors", body).get_json()
    assert written(made["id"]) == [(customer.id, False)]


def test_windows_for_a_removed_monitor_alone_go_with_it_and_others_go_on(
    admin: Caller, make: Factory, customer: Customer, monitor: Monitor
) -> None:
    other = make.monitor(customer)
    make.window(customer, [monitor])
    both, whole = make.window(customer, [monitor, other]), make.window(customer)

    assert admin.delete(monitor_path(monitor)).status_code == 200

    items = admin.get(WINDOWS).get_json()["items"]
    assert [(item["id"], item["targets"]) for item in items] == [
        (both.id, [target(other.id)]),
        (whole.id, []),
    ]
    assert deeds(admin) == ["maintenance.delete", "maintenance.update", "monitor.delete"]


def deeds(admin: Caller) -> list[str]:
    items = admin.get("/api/audit-log").get_json()["items"]
    return sorted(item["action"] for item in items if item["action"] != "session.start")


def test_a_moved_monitor_keeps_its_past_and_the_window_for_it_alone(
    admin: Caller, make: Factory, house: Organization, customer: Customer, monitor: Monitor
) -> None:
    other, sister = make.customer(house), make.monitor(customer)
    begun = utcnow() - timedelta(hours=4)
    monitor.created_at = begun
    db.session.commit()
    hours = [begun + timedelta(hours=hour) for hour in range(5)]
    # Before the move: of the former customer, and of the other one, which is none of its business.
    make.window(customer, None, begun, start_time=hours[0])
    make.window(other, None, begun, start_time=hours[1])
    own = make.window(customer, [monitor], begun, start_time=hours[2], end_time=utcnow() + timedelta(days=1))
    both = make.window(customer, [monitor, sister], begun, end_time=utcnow() + timedelta(days=1))
    whole = make.window(customer, None, utcnow())
    before = maintenance.periods(monitor, begun, utcnow(), utcnow())

    assert admin.patch(monitor_path(monitor), {"customerId": other.id}).status_code == 200

    db.session.expire_all()
    moved = db.session.get_one(Monitor, monitor.id)
    now = utcnow()
    after = maintenance.periods(moved, begun, now, now)
    assert [start for start, _ in after] == [start for start, _ in before]
    assert after[-1][1] == now
    assert {customer_id for customer_id, _ in written(monitor.id)} == {other.id}
    items = {item["id"]: item for item in admin.get(f"{WINDOWS}?perPage=200").get_json()["items"]}
    assert (items[own.id]["customerId"], items[own.id]["imapPopMonitorId"]) == (other.id, monitor.id)
    assert items[both.id]["targets"] == [target(sister.id)]
    assert items[whole.id]["customerId"] == customer.id
    assert deeds(admin) == ["maintenance.update", "maintenance.update", "monitor.update"]


def test_a_moved_monitor_takes_part_in_its_new_customers_maintenance_from_then_on(
    admin: Caller, make: Factory, house: Organization, monitor: Monitor
) -> None:
    other = make.customer(house)
    begun = utcnow() - timedelta(minutes=30)
    make.window(other, None, begun, start_time=begun)

    admin.patch(monitor_path(monitor), {"customerId": other.id})

    db.session.expire_all()
    moved = db.session.get_one(Monitor, monitor.id)
    now = utcnow()
    assert moved.customer_since is not None
    assert maintenance.periods(moved, begun, now, now) == [(moved.customer_since, now)]
    assert maintenance.covered(now, {moved.id: other.id}).covers(other.id, moved.id)


def test_a_removed_customer_takes_its_windows_with_it_and_the_trail_tells(
    admin: Caller, make: Factory, customer: Customer
) -> None:
    make.window(customer)
    make.window(customer, None, start_time=utcnow() + timedelta(days=1))

    assert admin.delete(customer_path(customer)).status_code == 200

    assert admin.get(WINDOWS).get_json()["total"] == 0
    assert db.session.scalars(select(MaintenancePeriod)).all() == []
    assert deeds(admin) == ["customer.delete", "maintenance.delete", "maintenance.delete"]


def test_a_customer_with_monitors_keeps_its_windows(
    admin: Caller, make: Factory, customer: Customer, monitor: Monitor
) -> None:
    make.window(customer)

    assert_failure(admin.delete(customer_path(customer)), 409, "Customer has monitors")
    assert admin.get(WINDOWS).get_json()["total"] == 1


# --- the trail


def test_the_trail_tells_what_was_changed(admin: Caller, customer: Customer, monitor: Monitor) -> None:
    path = window_path(admin.post(WINDOWS, {**ONCE, "customerId": customer.id}).get_json())
    admin.patch(path, {"targets": [target(monitor.id)], "endTime": "2030-07-07T05:00:00.000Z"})
    admin.patch(path, {"name": ONCE["name"]})
    admin.delete(path)

    entries = [
        entry
        for entry in admin.get("/api/audit-log").get_json()["items"]
        if entry["action"].startswith("maintenance")
    ]
    assert [entry["action"] for entry in entries] == [
        "maintenance.delete",
        "maintenance.update",
        "maintenance.create",
    ]
    assert entries[1]["target"]["name"] == ONCE["name"]
    assert entries[1]["changes"] == {
        "targets": {"before": [], "after": [monitor.id]},
        "endTime": {"before": ONCE["endTime"], "after": "2030-07-07T05:00:00.000Z"},
    }
    assert entries[2]["customerId"] == customer.id


# --- many at once


def test_edits_moves_removals_and_schedulers_at_once_neither_fail_nor_contradict_each_other(
    app: Flask, admin: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    owners = [customer.id, make.customer(house).id]
    monitors = [make.monitor(customer) for _ in range(12)]
    paths, ids = [monitor_path(it) for it in monitors], [it.id for it in monitors]
    begun = utcnow()
    soon = [begun + timedelta(seconds=number) for number in range(8)]
    windows = [
        window_path(make.window(customer, monitors[number : number + 3], start_time=at))
        for number, at in enumerate(soon)
    ]
    windows += [window_path(make.window(customer, None, start_time=at)) for at in soon[:3]]
    db.session.remove()

    def note() -> list[int]:
        with app.app_context():
            for tenth in range(60):
                jobs.note_maintenance(0, begun + timedelta(seconds=tenth / 10))
                db.session.commit()
        return []

    def move() -> list[int]:
        pairs = [(path, owners[at % 2]) for at, path in enumerate(paths[:6] * 2)]
        return [admin.patch(path, {"customerId": owner}).status_code for path, owner in pairs]

    def remove() -> list[int]:
        return [admin.delete(path).status_code for path in paths[6:]]

    def edit() -> list[int]:
        bodies: list[dict[str, Any]] = [
            {"targets": [target(ids[at]), target(ids[-at])]} for at in range(1, 6)
        ] + [{"customerId": owner} for owner in owners]
        return [
            admin.patch(windows[at % len(windows)], bodies[at % len(bodies)]).status_code for at in range(30)
        ]

    with ThreadPoolExecutor(6) as pool:
        started = [pool.submit(work) for work in (note, note, move, remove, edit, edit)]
        statuses = {status for each in started for status in each.result()}

    assert statuses <= {200, 400, 404}
    for window in db.session.scalars(select(MaintenanceWindow)):
        found = [db.session.get_one(Monitor, it.monitor_id).customer_id for it in window.targets]
        assert bool(found) is not window.covers_customer
        assert set(found) <= {window.customer_id}


# --- two at once


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "New"}), ("DELETE", None)])
def test_a_window_removed_meanwhile_is_404(
    *,
    admin: Caller,
    make: Factory,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    body: Any,
) -> None:
    path = window_path(make.window(customer))
    look = access.require_visible

    def look_and_remove(*args: Any, **kwargs: Any) -> None:
        look(*args, **kwargs)
        monkeypatch.undo()
        with db.engine.begin() as connection:
            connection.execute(delete(MaintenanceWindow))

    monkeypatch.setattr(access, "require_visible", look_and_remove)

    assert_failure(admin.send(method, path, json=body), 404, "Maintenance window not found")
