"""The whole process, with checks of our own making: it starts, drains, and does not wait for ever."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import make_url, select

from app import create_app
from app.clock import utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import MonitorSchedule
from app.services import schedules
from app.worker.process import Process
from tests.conftest import ENVIRON
from tests.factories import Factory
from tests.parts import postgres
from tests.worker.conftest import SUCCESS
from tests.worker.waiting import until

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


class Gate:
    """A check that ends when it is told to."""

    def __init__(self) -> None:
        self.started: list[ClaimedCheck] = []
        self.open = Event()

    def check(self, claim: ClaimedCheck) -> CheckOutcome:
        self.started.append(claim)
        self.open.wait(20)
        return SUCCESS


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


Start = Callable[..., Process]


@pytest.fixture
def start(make_app: Callable[..., Flask]) -> Iterator[Start]:
    processes: list[Process] = []

    def build(check: Any, drain_seconds: float = 10, threads: int = 4) -> Process:
        processes.append(Process(make_app(CHECK_THREADS=str(threads)), check, drain_seconds))
        processes[-1].start()
        return processes[-1]

    yield build
    for process in processes:
        if process._scheduler.running:
            process.stop()


def leases() -> set[Any]:
    return set(db.session.scalars(select(MonitorSchedule.lease_token)))


def monitors(make: Factory, count: int) -> None:
    customer = make.customer()
    for _ in range(count):
        make.monitor(customer)


def test_every_monitor_is_checked(make: Factory, start: Start, results: Callable[[], int]) -> None:
    monitors(make, 8)
    start(lambda _: SUCCESS)
    until(lambda: results() == 8)


def test_a_monitor_made_later_is_checked_within_two_seconds(
    make: Factory, start: Start, results: Callable[[], int]
) -> None:
    start(lambda _: SUCCESS)
    make.monitor()
    until(lambda: results() == 1, seconds=2)


def test_a_monitor_that_is_triggered_is_checked_within_two_seconds(
    make: Factory, start: Start, results: Callable[[], int]
) -> None:
    start(lambda _: SUCCESS)
    monitor = make.monitor()
    until(lambda: results() == 1)
    schedules.trigger([row.id for row in monitor.schedules], utcnow(), pause_ms=0)
    db.session.commit()
    until(lambda: results() == 2, seconds=2)


def test_no_more_checks_run_than_there_are_threads(make: Factory, start: Start, gate: Gate) -> None:
    monitors(make, 5)
    process = start(gate.check)
    until(lambda: len(gate.started) == 3)
    process._runner.tick()
    assert len(gate.started) == 3


def test_checks_hold_no_database_connection(make: Factory, start: Start, gate: Gate) -> None:
    monitors(make, 3)
    process = start(gate.check)
    until(lambda: len(gate.started) == 3)
    with process._app.app_context():
        until(lambda: db.engine.pool.checkedout() == 0)


def test_stopping_waits_for_the_checks_in_flight(
    make: Factory, start: Start, gate: Gate, results: Callable[[], int]
) -> None:
    monitors(make, 3)
    process = start(gate.check)
    until(lambda: len(gate.started) == 3)
    gate.open.set()
    assert process.stop()
    assert results() == 3
    assert leases() == {None}


def test_stopping_gives_back_what_hangs(
    make: Factory, start: Start, gate: Gate, results: Callable[[], int]
) -> None:
    monitors(make, 2)
    process = start(gate.check, drain_seconds=0.3)
    until(lambda: len(gate.started) == 2)
    begun = monotonic()
    assert not process.stop()
    assert monotonic() - begun < 2
    assert leases() == {None}
    assert results() == 0


def test_a_check_that_ends_after_its_release_changes_nothing(
    make: Factory, start: Start, gate: Gate, results: Callable[[], int]
) -> None:
    make.monitor()
    process = start(gate.check, drain_seconds=0.1)
    until(lambda: gate.started)
    process.stop()
    gate.open.set()
    start(gate.check)
    until(lambda: results() == 1)
    assert len(gate.started) == 2


def test_watching_the_clock_disturbs_nothing(make: Factory, start: Start, results: Callable[[], int]) -> None:
    process = start(lambda _: SUCCESS)
    process.watch_clock()
    make.monitor()
    until(lambda: results() == 1, seconds=2)


def test_an_outage_of_the_database_loses_no_result(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.worker.outage")
    with postgres.new_database() as url:
        app = create_app({**ENVIRON, "DATABASE_URL": url})
        with app.app_context():
            upgrade()
            Factory().monitor()
        process = Process(app, gate.check)
        process.start()
        until(lambda: gate.started)
        with outage(url):
            gate.open.set()
            until(lambda: "database_away during=record" in caplog.text)
        assert process._slots.wait_until_all_free(10)
        assert process.stop()
        assert "activity_recovered during=record" in caplog.text
        with app.app_context():
            assert leases() == {None}
            assert db.session.scalars(select(MonitorSchedule.last_status)).one() is SUCCESS.status
        with app.app_context():
            db.engine.dispose()


@contextmanager
def outage(url: str) -> Iterator[None]:
    """The server refuses the database to everybody."""
    name = make_url(url).database
    postgres._on_server(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgres._on_server(TERMINATE.format(name))
    yield
    postgres._on_server(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
