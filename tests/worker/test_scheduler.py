"""APScheduler as we use it: jobs at once and then regularly, whatever the clock does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.clock import utcnow
from app.extensions import db
from app.models import Location, MonitorSchedule, Session
from app.worker import jobs, scheduler
from app.worker.outage import Outage
from app.worker.scheduler import JOBS, Every, Job
from tests.factories import Factory
from tests.worker.conftest import CLAIM
from tests.worker.waiting import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def paused() -> Iterator[Any]:
    """A scheduler that plans and does not run."""
    built = scheduler.build(2, 1, 1)
    built.start(paused=True)
    yield built
    built.shutdown(wait=True)


def planned(paused: Any) -> dict[str, datetime]:
    return {job.id: job.next_run_time for job in paused.get_jobs()}


def test_a_job_runs_after_each_period() -> None:
    every = Every(10)
    assert every.get_next_fire_time(None, NOW) == NOW + timedelta(seconds=10)
    assert every.get_next_fire_time(NOW, NOW) == NOW + timedelta(seconds=10)


def test_years_that_a_wrong_clock_missed_count_once() -> None:
    assert Every(0.5).get_next_fire_time(datetime(1970, 1, 1, tzinfo=UTC), NOW) > NOW


def test_every_job_of_the_table_and_the_tick_are_planned(app: Flask, paused: Any) -> None:
    scheduler.add_jobs(paused, app, location_id=1)
    scheduler.add_tick(paused, lambda: None)
    assert set(planned(paused)) == {"tick", *(job.name for job in JOBS)}


def test_the_tick_comes_at_once_and_more_than_once_a_second(paused: Any) -> None:
    scheduler.add_tick(paused, lambda: None)
    tick = paused.get_job("tick")
    assert tick.next_run_time <= utcnow()
    assert tick.trigger.period <= timedelta(seconds=1)


@pytest.mark.parametrize(("is_slow", "lane"), [(False, "checks"), (True, "slow_checks")])
def test_checks_run_in_lanes_of_their_own_however_late(paused: Any, is_slow: bool, lane: str) -> None:
    scheduler.add_check(paused, lambda _: None, replace(CLAIM, is_slow=is_slow))
    [job] = paused.get_jobs()
    assert (job.executor, job.misfire_grace_time) == (lane, None)


def test_a_clock_that_is_set_back_stops_nothing(app: Flask, paused: Any) -> None:
    scheduler.add_jobs(paused, app, location_id=1)
    scheduler.add_check(paused, lambda _: None, CLAIM)
    then = utcnow() - timedelta(days=1)
    scheduler.rearm(paused, then)
    assert set(planned(paused).values()) == {then}


def test_a_clock_that_runs_on_changes_nothing(app: Flask, paused: Any) -> None:
    scheduler.add_jobs(paused, app, location_id=1)
    before = planned(paused)
    scheduler.rearm(paused, utcnow())
    assert planned(paused) == before


def test_a_job_is_committed(app: Flask, make: Factory) -> None:
    location = make.location(heartbeat_at=NOW)
    scheduler.run_job(app, JOBS[0], location.id, Outage("heartbeat"))
    db.session.refresh(location)
    assert location.heartbeat_at > NOW


def test_a_job_that_fails_is_logged_once_until_it_works_again(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.worker.outage")
    outage = Outage("odd")
    for runs in (_raise, _raise, lambda *_: None, lambda *_: None):
        scheduler.run_job(app, Job("odd", runs, 1), 1, outage)
    assert [message.split()[0] for message in caplog.messages] == ["activity_failing", "activity_recovered"]


def _raise(*_: object) -> None:
    raise ValueError


def test_a_running_scheduler_starts_checks_without_delay() -> None:
    started, running = Event(), scheduler.build(1, 1, 1)
    running.start()
    scheduler.add_check(running, lambda _: started.set(), CLAIM)
    assert started.wait(2)
    until(lambda: not running.get_jobs())
    running.shutdown(wait=True)


def test_repair_adds_missing_rows_and_brings_back_far_ones(make: Factory) -> None:
    monitor, location = make.monitor(), make.location()
    far = make.monitor()
    [row] = far.schedules
    row.next_check_at_ms = 10**14
    db.session.commit()
    jobs.repair(location.id, utcnow())
    assert set(db.session.scalars(select(MonitorSchedule.monitor_id))) == {far.id, monitor.id}
    db.session.refresh(row)
    assert (row.next_check_at_ms or 0) < 10**14


def test_sessions_that_ended_are_forgotten(make: Factory) -> None:
    make.session(expires_at=utcnow() - timedelta(seconds=1))
    kept = make.session()
    jobs.forget_ended_sessions(0, utcnow())
    assert db.session.scalars(select(Session.id)).all() == [kept.id]


def test_a_beat_is_of_its_location(make: Factory) -> None:
    location: Location = make.location(heartbeat_at=NOW)
    jobs.beat(location.id, NOW + timedelta(seconds=10))
    db.session.refresh(location)
    assert location.heartbeat_at == NOW + timedelta(seconds=10)
