"""`python -m app.worker` as an operator runs it: another process, real signals, a real mail server.

The first test and one of the last start it from a shell, the others fork it.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.clock import to_ms, utcnow
from app.domain.enums import CheckStatus, Protocol, Security
from app.extensions import db
from app.models import CheckResult, Monitor, MonitorSchedule
from app.services import schedules
from tests.factories import Factory
from tests.parts.dovecot import Dovecot
from tests.worker.command import ForkedScheduler, Run, Scheduler, run, run_forked, starting
from tests.worker.waiting import until

__all__ = ["run", "run_forked"]

HASTY = """
import os, signal
from app.worker.process import Process

start = Process.start

def start_and_be_ended(process):
    start(process)
    signal.raise_signal(int(os.environ["HASTY_SIGNAL"]))

Process.start = start_and_be_ended

from app.worker.__main__ import main

main()
"""


class Hasty(ForkedScheduler):
    """Is told to end at the very moment at which it has started."""

    arguments = ("-c", HASTY)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


ONCE_A_DAY = {"check_interval": 1440}
"""Or the next check might come while a test looks on: planned times are spread over the interval."""


def watch_dovecot(make: Factory, dovecot: Dovecot, **columns: Any) -> Monitor:
    return make.monitor(
        hostname=dovecot.host,
        port=dovecot.ports[Protocol.IMAP, Security.PLAIN],
        config={"protocol": "imap", "user": dovecot.user, "password": dovecot.password},
        **ONCE_A_DAY | columns,
    )


def watch_silence(make: Factory, port: int, **columns: Any) -> Monitor:
    return make.monitor(hostname="127.0.0.1", port=port, config={"protocol": "pop3"}, **ONCE_A_DAY | columns)


def rows() -> list[MonitorSchedule]:
    db.session.rollback()
    return list(db.session.scalars(select(MonitorSchedule).execution_options(populate_existing=True)))


def has_lease() -> bool:
    return any(row.lease_token for row in rows())


def test_a_new_monitor_is_checked_at_once_and_again_when_triggered(
    make: Factory, run: Run, dovecot: Dovecot, results: Callable[[], int]
) -> None:
    scheduler = run(LOG_LEVEL="DEBUG").ready()
    watch_dovecot(make, dovecot)
    until(results)
    assert db.session.scalars(select(CheckResult.status)).one() is CheckStatus.SUCCESS
    schedules.trigger([row.id for row in rows()], utcnow(), pause_ms=0)
    db.session.commit()
    until(lambda: results() == 2)
    assert dovecot.password not in scheduler.log
    assert_ends_in_order(scheduler, signal.SIGTERM)


@pytest.mark.only_on("sqlite")  # with SIGTERM, above, on both
def test_a_signal_of_the_keyboard_ends_it_in_order(run_forked: Run) -> None:
    assert_ends_in_order(run_forked().ready(), signal.SIGINT)


@pytest.mark.only_on("sqlite")  # which plays no part in it
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_as_soon_as_it_has_started_ends_it_in_order(
    app: Flask, database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    with starting(Hasty, tmp_path, DATABASE_URL=database_url, HASTY_SIGNAL=str(int(number))) as run:
        scheduler = run()
        assert scheduler.process.wait(60) == 0
        assert "scheduler_stopped released=0" in scheduler.log


def assert_ends_in_order(scheduler: Scheduler, number: signal.Signals) -> None:
    assert scheduler.end(number) == 0
    assert "scheduler_stopping in_flight=0" in scheduler.log
    assert "scheduler_stopped released=0" in scheduler.log


def test_a_check_in_flight_is_finished_before_the_end(
    make: Factory, run_forked: Run, silent_port: int, results: Callable[[], int]
) -> None:
    scheduler = run_forked().ready()
    watch_silence(make, silent_port, timeout_seconds=1)
    until(has_lease)
    assert scheduler.end() == 0
    assert results() == 1
    assert not has_lease()


@pytest.mark.only_on("sqlite")  # which it leaves as it is
def test_a_second_signal_ends_it_at_once(make: Factory, run_forked: Run, silent_port: int) -> None:
    scheduler = run_forked().ready()
    watch_silence(make, silent_port, timeout_seconds=60)
    until(has_lease)
    scheduler.process.terminate()
    until(lambda: "scheduler_stopping in_flight=1" in scheduler.log)
    assert scheduler.end() == -signal.SIGTERM


def test_a_killed_scheduler_costs_no_monitor(
    make: Factory, run_forked: Run, dovecot: Dovecot, silent_port: int, results: Callable[[], int]
) -> None:
    scheduler = run_forked().ready()
    watch_silence(make, silent_port)
    until(has_lease)
    scheduler.end(signal.SIGKILL)
    watch_dovecot(make, dovecot)
    run_forked().ready()
    until(results)
    now_ms = to_ms(utcnow())
    assert all(row.next_check_at_ms is not None and row.next_check_at_ms > now_ms for row in rows())


def test_a_second_scheduler_needs_postgresql(
    make: Factory, run_forked: Run, dovecot: Dovecot, results: Callable[[], int], database_url: str
) -> None:
    first, second = run_forked().ready(), run_forked()
    if database_url.startswith("sqlite"):
        assert second.process.wait(60) == 1
        assert f"a scheduler (pid {first.process.pid}) runs on" in second.log
        return
    second.ready()
    for _ in range(3):
        watch_dovecot(make, dovecot)
    until(lambda: results() == 3)
    assert [first.end(), second.end()] == [0, 0]
    assert results() == 3


@pytest.mark.parametrize(
    ("kind", "name", "value", "line"),
    [
        (Scheduler, "CHECK_THREADS", "many", "CHECK_THREADS: 'many' is not a whole number from 1 to 5000"),
        (
            ForkedScheduler,
            "DATABASE_URL",
            "sqlite:////nowhere/test.db",
            "cannot reach the database sqlite:////nowhere/test.db",
        ),
    ],
)
def test_it_says_in_one_line_why_it_does_not_start(
    tmp_path: Path, kind: type[Scheduler], name: str, value: str, line: str
) -> None:
    scheduler = kind(tmp_path / "log", **{"DATABASE_URL": f"sqlite:///{tmp_path}/test.db", name: value})
    assert scheduler.process.wait(60) == 1
    assert scheduler.log.startswith(f"The scheduler does not start: {line}")
    assert scheduler.log.count("\n") == 1
