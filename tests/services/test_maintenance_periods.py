"""Writing maintenance down: once, exactly, however late, and never changed afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.domain.enums import MonitorStatus
from app.extensions import db
from app.models import (
    Customer,
    MaintenancePeriod,
    MaintenanceTarget,
    MaintenanceWindow,
    Monitor,
    Organization,
)
from app.services import maintenance_periods, maintenance_windows
from app.services.access import Actor
from app.services.maintenance_periods import note_some, status_changed
from app.services.operators import operator
from app.worker import jobs
from tests.factories import Factory

NOW = datetime(2026, 7, 7, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = {"frequency": "daily", "interval": 1}

Row = tuple[int | None, datetime, datetime | None]


@pytest.fixture
def customer(make: Factory) -> Customer:
    return make.customer()


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    return make.monitor(customer)


@pytest.fixture
def actor(customer: Customer) -> Actor:
    return operator(customer.organization_id)


def written() -> list[Row]:
    """Monitor, start and end of all periods there are."""
    period = MaintenancePeriod
    columns = select(period.monitor_id, period.started_at, period.ended_at)
    rows = db.session.execute(columns.order_by(period.started_at, period.monitor_id, period.id))
    return [tuple(row) for row in rows]


def next_start_of(window: MaintenanceWindow) -> datetime | None:
    return db.session.scalar(select(MaintenanceWindow.next_start_at).where(MaintenanceWindow.id == window.id))


# --- noting


def test_an_occurrence_is_written_once_with_its_exact_start_and_end(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    window = make.window(customer, [monitor], NOW, start_time=NOW + HOUR, recurrence_pattern=DAILY)
    start = NOW + HOUR

    for now, expected in (
        (start - MINUTE, []),
        (start, [start]),
        (start + 7 * MINUTE, [start]),
        (start + DAY - MINUTE, [start]),
        (start + DAY + 7 * MINUTE, [start, start + DAY]),
    ):
        jobs.note_maintenance(0, now)
        assert written() == [(monitor.id, at, at + HOUR) for at in expected]
    assert next_start_of(window) == start + 2 * DAY


def test_one_row_for_each_monitor_or_one_for_the_whole_customer(make: Factory, customer: Customer) -> None:
    ids = [make.monitor(customer).id for _ in range(3)]
    monitors = [db.session.get_one(Monitor, number) for number in ids]
    make.window(customer, monitors, NOW, start_time=NOW + HOUR)
    make.window(customer, None, NOW, start_time=NOW + 2 * HOUR)

    jobs.note_maintenance(0, NOW + DAY)

    assert written() == [
        *((number, NOW + HOUR, NOW + 2 * HOUR) for number in ids),
        (None, NOW + 2 * HOUR, NOW + 3 * HOUR),
    ]


def test_days_without_a_scheduler_are_caught_up_in_bounded_steps(
    make: Factory, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors = [make.monitor(customer) for _ in range(2)]
    make.window(customer, monitors, NOW, start_time=NOW + HOUR, recurrence_pattern=DAILY)
    monkeypatch.setattr(maintenance_periods, "ROWS", 6)
    sizes = [0]
    while note_some(NOW + 10 * DAY):
        db.session.commit()
        sizes.append(len(written()))

    assert sizes == [0, 6, 12, 18, 20]
    assert {start for _, start, _ in written()} == {NOW + HOUR + day * DAY for day in range(10)}


def test_few_windows_are_noted_in_one_transaction(
    make: Factory, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        make.window(customer, None, NOW, start_time=NOW + HOUR)
    monkeypatch.setattr(maintenance_periods, "WINDOWS", 2)
    sizes = []
    while note_some(NOW + HOUR):
        db.session.commit()
        sizes.append(len(written()))

    assert sizes == [2, 4, 5]


def test_a_step_that_is_lost_is_done_again(make: Factory, customer: Customer, monitor: Monitor) -> None:
    make.window(customer, [monitor], NOW, start_time=NOW + HOUR)

    assert note_some(NOW + HOUR)
    db.session.rollback()
    assert written() == []
    jobs.note_maintenance(0, NOW + HOUR)
    db.session.commit()
    assert len(written()) == 1


def test_a_clock_that_is_set_back_writes_nothing_twice(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    make.window(customer, [monitor], NOW, start_time=NOW + HOUR, recurrence_pattern=DAILY)
    for now in (NOW + DAY, NOW, NOW + 2 * HOUR, NOW + DAY):
        jobs.note_maintenance(0, now)

    assert written() == [(monitor.id, NOW + HOUR, NOW + 2 * HOUR)]


def test_a_start_that_comes_earlier_than_was_thought_is_not_missed(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    """As when a new database of time zones moves it: what counts is how far it is noted."""
    window = make.window(customer, [monitor], NOW, start_time=NOW + HOUR)
    db.session.execute(update(MaintenanceWindow).values(next_start_at=NOW + 90 * MINUTE))
    db.session.commit()

    jobs.note_maintenance(0, NOW + 90 * MINUTE)

    assert written() == [(monitor.id, NOW + HOUR, NOW + 2 * HOUR)]
    assert next_start_of(window) is None


def test_schedulers_that_note_at_once_write_nothing_twice(
    app: Flask, make: Factory, customer: Customer
) -> None:
    windows = [
        make.window(customer, None, NOW, start_time=NOW + number * MINUTE, recurrence_pattern=DAILY)
        for number in range(1, 9)
    ]
    gate = Barrier(4)

    def scheduler(_: int) -> None:
        with app.app_context():
            gate.wait()
            for hours in range(0, 10 * 24, 12):
                jobs.note_maintenance(0, NOW + hours * HOUR)
                db.session.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(scheduler, range(4)))

    jobs.note_maintenance(0, NOW + 10 * DAY)
    db.session.commit()
    starts = [start for _, start, _ in written()]
    assert len(starts) == len(set(starts)) == 10 * len(windows)


# SQLite has one writer.
@pytest.mark.only_on("postgresql")
def test_a_window_that_somebody_else_holds_is_left_to_them(make: Factory, customer: Customer) -> None:
    held, free = (make.window(customer, None, NOW, start_time=NOW + HOUR) for _ in range(2))
    with db.engine.connect() as other:
        window = MaintenanceWindow.__table__
        other.execute(select(window.c.id).where(window.c.id == held.id).with_for_update())
        jobs.note_maintenance(0, NOW + HOUR)
        db.session.commit()
        assert [next_start_of(it) for it in (held, free)] == [NOW + HOUR, None]
    jobs.note_maintenance(0, NOW + HOUR)

    assert len(written()) == 2


# --- making


def test_a_window_that_has_begun_counts_from_when_it_is_made(
    make: Factory, customer: Customer, monitor: Monitor
) -> None:
    make.window(customer, [monitor], NOW, start_time=NOW - DAY, end_time=NOW + HOUR)

    assert written() == [(monitor.id, NOW, NOW + HOUR)]


def test_a_window_that_is_over_never_counts(make: Factory, customer: Customer) -> None:
    window = make.window(customer, None, NOW, start_time=NOW - DAY, end_time=NOW)

    assert next_start_of(window) is None
    jobs.note_maintenance(0, NOW + DAY)
    assert written() == []


# --- changing while it is open

Change = Callable[..., MaintenanceWindow]


@pytest.fixture
def change(actor: Actor) -> Change:
    """Changes a window at a time."""

    def do(window: MaintenanceWindow, now: datetime, **fields: Any) -> MaintenanceWindow:
        changed = maintenance_windows.update(actor, str(window.id), now=now, **fields)
        db.session.commit()
        return changed

    return do


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"end_time": NOW + 3 * HOUR}, NOW + 3 * HOUR),
        ({"end_time": NOW + 40 * MINUTE}, NOW + 40 * MINUTE),
        ({"end_time": NOW + 20 * MINUTE}, NOW + 30 * MINUTE),
        ({"start_time": NOW - DAY}, NOW + HOUR),
        ({"start_time": NOW + 50 * MINUTE}, NOW + 30 * MINUTE),
        ({"is_active": False}, NOW + 30 * MINUTE),
        ({"name": "Other"}, NOW + HOUR),
        ({"time_zone": "Europe/Berlin"}, NOW + HOUR),
    ],
    ids=str,
)
def test_what_is_open_ends_at_its_new_end_and_not_before_now(
    *,
    make: Factory,
    customer: Customer,
    monitor: Monitor,
    change: Change,
    fields: dict[str, Any],
    end: datetime,
) -> None:
    window = make.window(customer, [monitor], NOW)

    change(window, NOW + 30 * MINUTE, **fields)

    assert written() == [(monitor.id, NOW, end)]


def test_what_has_been_stays_whatever_is_changed(
    make: Factory, customer: Customer, monitor: Monitor, change: Change
) -> None:
    """Also what nobody has written down yet."""
    window = make.window(customer, [monitor], NOW, recurrence_pattern=DAILY)
    before = [(monitor.id, NOW + day * DAY, NOW + day * DAY + HOUR) for day in range(3)]
    now = NOW + 2 * DAY + 2 * HOUR

    change(window, now, start_time=NOW + 3 * HOUR, end_time=NOW + 5 * HOUR)
    assert written() == before
    jobs.note_maintenance(0, NOW + 3 * DAY)
    assert written() == [*before, (monitor.id, NOW + 2 * DAY + 3 * HOUR, NOW + 2 * DAY + 5 * HOUR)]


def test_a_window_that_is_opened_again_has_a_gap(
    make: Factory, customer: Customer, monitor: Monitor, change: Change
) -> None:
    window = make.window(customer, [monitor], NOW)

    change(window, NOW + 10 * MINUTE, is_active=False)
    change(window, NOW + 20 * MINUTE, is_active=True)

    assert written() == [
        (monitor.id, NOW, NOW + 10 * MINUTE),
        (monitor.id, NOW + 20 * MINUTE, NOW + HOUR),
    ]


def test_a_change_in_the_moment_of_its_making_leaves_no_empty_period(
    make: Factory, customer: Customer, monitor: Monitor, change: Change
) -> None:
    window = make.window(customer, [monitor], NOW)

    change(window, NOW, is_active=False)

    assert written() == []


def test_monitors_that_are_taken_out_or_put_in_while_it_is_open(
    make: Factory, customer: Customer, change: Change
) -> None:
    out, stays, comes = (make.monitor(customer) for _ in range(3))
    window = make.window(customer, [out, stays], NOW)

    change(window, NOW + 10 * MINUTE, targets=[stays.id, comes.id])

    assert written() == [
        (out.id, NOW, NOW + 10 * MINUTE),
        (stays.id, NOW, NOW + HOUR),
        (comes.id, NOW + 10 * MINUTE, NOW + HOUR),
    ]


def test_from_some_monitors_to_the_whole_customer_and_to_another_one(
    make: Factory, customer: Customer, monitor: Monitor, change: Change
) -> None:
    other = make.customer(db.session.get_one(Organization, customer.organization_id))
    window = make.window(customer, [monitor], NOW)

    change(window, NOW + 10 * MINUTE, customer_id=customer.id, targets=[])
    change(window, NOW + 20 * MINUTE, customer_id=other.id, targets=[])

    assert set(written()) == {
        (monitor.id, NOW, NOW + 10 * MINUTE),
        (None, NOW + 10 * MINUTE, NOW + 20 * MINUTE),
        (None, NOW + 20 * MINUTE, NOW + HOUR),
    }
    period = MaintenancePeriod
    owners = db.session.scalars(select(period.customer_id).order_by(period.started_at))
    assert list(owners) == [customer.id, customer.id, other.id]


def test_a_window_that_is_removed_ends_and_what_has_been_stays(
    make: Factory, customer: Customer, monitor: Monitor, actor: Actor
) -> None:
    window = make.window(customer, [monitor], NOW, recurrence_pattern=DAILY)

    maintenance_windows.delete(actor, str(window.id), now=NOW + 2 * DAY + 30 * MINUTE)
    db.session.commit()

    assert written() == [
        (monitor.id, NOW, NOW + HOUR),
        (monitor.id, NOW + DAY, NOW + DAY + HOUR),
        (monitor.id, NOW + 2 * DAY, NOW + 2 * DAY + 30 * MINUTE),
    ]
    assert set(db.session.scalars(select(MaintenancePeriod.window_id))) == {None}
    assert db.session.scalars(select(MaintenanceTarget)).all() == []
    assert db.session.scalars(select(MaintenanceWindow)).all() == []


# --- the monitor's own status


def test_an_own_period_is_open_at_most_once(monitor: Monitor) -> None:
    monitor.status = MonitorStatus.MAINTENANCE
    status_changed(monitor, MonitorStatus.ACTIVE, NOW)
    db.session.commit()
    status_changed(monitor, MonitorStatus.ACTIVE, NOW + HOUR)

    with pytest.raises(IntegrityError):
        db.session.commit()
    db.session.rollback()
