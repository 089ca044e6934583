"""APScheduler as we use it: a table of jobs, and a lane of threads for the checks."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from flask import Flask

from app.clock import utcnow
from app.domain.claimed_check import ClaimedCheck
from app.extensions import db
from app.services import heartbeat, locations, self_watch
from app.services.delivery import ClaimedAlert
from app.worker import jobs, watch
from app.worker.outage import Outage

TICK_SECONDS = 0.2
DELIVER_SECONDS = 1.0
MESSAGES = "messages"
"""The executor's name: of messages on their way."""
LANES = {False: "checks", True: "slow_checks"}
"""The executors' names: of all checks, and of those whose target last timed out."""


@dataclass(frozen=True)
class Job:
    name: str
    run: Callable[[int, datetime], None]
    """Called with the location's id and the time, in an application context; committed afterwards."""
    seconds: float


JOBS = (
    Job("heartbeat", jobs.beat, locations.HEARTBEAT_SECONDS),
    Job("take_back", jobs.take_back, 5),
    Job("repair", jobs.repair, 60),
    Job("note_maintenance", jobs.note_maintenance, 10),
    Job("recheck_after_maintenance", jobs.recheck_after_maintenance, 10),
    Job("reconsider", jobs.reconsider, 30),
    Job("remind", jobs.remind, 10),
    Job("look_at_references", jobs.look_at_references, self_watch.LOOK_SECONDS),
    Job("ping", jobs.ping, heartbeat.PING_SECONDS),
    Job("tell_operator", jobs.tell_operator, watch.LOOK_SECONDS),
    Job("forget_ended_sessions", jobs.forget_ended_sessions, 3600),
    Job("make_days", jobs.make_days, 3600),
    Job("forget_old_results", jobs.forget_old_results, 3600),
)


class Every(BaseTrigger):  # type: ignore[misc] # APScheduler ships without types
    """So many seconds after it was added, and after each start.

    APScheduler's own interval visits every run that was missed, which takes for ever after a machine
    without a clock has been given the time.
    """

    def __init__(self, seconds: float) -> None:
        self.period = timedelta(seconds=seconds)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return now + self.period


def build(threads: int, slow_threads: int, message_threads: int) -> BackgroundScheduler:
    # It warns of each run that is skipped because the last one still waits for a slow database.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    return BackgroundScheduler(
        timezone=UTC,
        executors={
            "default": ThreadPoolExecutor(len(JOBS) + 2),
            MESSAGES: ThreadPoolExecutor(message_threads, {"thread_name_prefix": "message"}),
            LANES[False]: ThreadPoolExecutor(threads, {"thread_name_prefix": "check"}),
            LANES[True]: ThreadPoolExecutor(slow_threads, {"thread_name_prefix": "slow-check"}),
        },
        # Late is better than never, which is what APScheduler does after one second.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )


def add_jobs(scheduler: BackgroundScheduler, app: Flask, location_id: int) -> None:
    """None of them runs at once: the start itself has registered and repaired."""
    for job in JOBS:
        outage = Outage(job.name)
        scheduler.add_job(
            run_job, Every(job.seconds), args=[app, job, location_id, outage], id=job.name, name=job.name
        )


def add_tick(scheduler: BackgroundScheduler, tick: Callable[[], None]) -> None:
    scheduler.add_job(tick, Every(TICK_SECONDS), next_run_time=utcnow(), id="tick", name="tick")


def add_delivery(scheduler: BackgroundScheduler, tick: Callable[[], None]) -> None:
    scheduler.add_job(tick, Every(DELIVER_SECONDS), id="deliver", name="deliver")


def add_message(
    scheduler: BackgroundScheduler, deliver: Callable[[ClaimedAlert], None], claim: ClaimedAlert
) -> None:
    scheduler.add_job(deliver, args=[claim], executor=MESSAGES, misfire_grace_time=None)


def add_check(
    scheduler: BackgroundScheduler, check: Callable[[ClaimedCheck], None], claim: ClaimedCheck
) -> None:
    scheduler.add_job(check, args=[claim], executor=LANES[claim.is_slow], misfire_grace_time=None)


def run_job(app: Flask, job: Job, location_id: int, outage: Outage) -> None:
    try:
        with app.app_context():
            job.run(location_id, utcnow())
            db.session.commit()
    except Exception as error:  # noqa: BLE001 - its next run tries again
        outage.begin(error)
    else:
        outage.end()


def rearm(scheduler: BackgroundScheduler, now: datetime) -> None:
    """Run at once what waits for a time that the clock showed before it was set back."""
    for job in scheduler.get_jobs():
        period = job.trigger.period if isinstance(job.trigger, Every) else timedelta()
        if job.next_run_time > now + period + timedelta(seconds=1):
            with suppress(JobLookupError):  # a check that has just been started
                job.modify(next_run_time=now)
