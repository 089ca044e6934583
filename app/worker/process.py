"""The scheduler process put together: what starts, in which order, and how it ends."""

import logging
from functools import partial
from time import monotonic

from flask import Flask

from app.clock import utcnow
from app.config import Settings
from app.services import checks
from app.worker import jobs, startup
from app.worker import scheduler as lanes
from app.worker.pulse import Pulse
from app.worker.runner import CheckFunction, Runner
from app.worker.slots import Slots
from app.worker.watch import Watch
from app.worker.writer import Writer

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 25.0
FLUSH_SECONDS = 5.0
SLOW_SHARE = 4
"""One check thread in so many is for targets whose last check timed out, and for no others."""


class Process:
    """`run_check` may be given instead of the real one, which talks to mail servers."""

    def __init__(
        self, app: Flask, run_check: CheckFunction | None = None, drain_seconds: float = DRAIN_SECONDS
    ) -> None:
        self._app = app
        self._settings: Settings = app.config["SETTINGS"]
        self._run_check = run_check or partial(
            checks.run_claimed, store=app.config["CONFIG_STORE"], guard=self._settings.target_guard
        )
        self._drain_seconds = drain_seconds
        slow_threads = max(self._settings.check_threads // SLOW_SHARE, 1)
        threads = max(self._settings.check_threads - slow_threads, 1)
        self._slots = Slots(threads, slow_threads, self._settings.checks_per_host)
        self._writer = Writer(app, self._slots)
        self._scheduler = lanes.build(threads, slow_threads, 16)

    def start(self) -> None:
        """Raises StartError; nothing is running then."""
        startup.require_database(self._app)
        self._lock = startup.lock_database(self._app)
        location_id = startup.open_location(self._app)
        self._runner = Runner(
            self._app,
            location_id,
            slots=self._slots,
            writer=self._writer,
            submit=partial(lanes.add_check, self._scheduler),
            run_check=self._run_check,
        )
        self._app.extensions[jobs.WATCH] = Watch(self._settings, self._pulse(), None)
        self._writer.start()
        lanes.add_jobs(self._scheduler, self._app, location_id)
        lanes.add_tick(self._scheduler, self._runner.tick)
        self._scheduler.start()
        logger.info(
            "scheduler_started location=%s threads=%d database=%s",
            self._settings.location_code,
            self._settings.check_threads,
            "sqlite" if self._settings.is_sqlite else "postgresql",
        )

    def _pulse(self) -> Pulse:
        return Pulse(lambda: self._runner.ticked_at, lambda: self._writer.is_held_up)

    def watch_clock(self) -> None:
        """To be called every second or so."""
        lanes.rearm(self._scheduler, utcnow())

    def stop(self) -> bool:
        """Finish what is in flight, within the time for it, and give the rest back.

        False when something would keep the process from ending by itself.
        """
        deadline = monotonic() + self._drain_seconds
        logger.info("scheduler_stopping in_flight=%d", len(self._slots.taken))
        self._runner.stop_claiming(self._drain_seconds)
        self._slots.wait_until_all_free(max(0, deadline - monotonic()))
        is_flushed = self._writer.stop(FLUSH_SECONDS)
        released = self._runner.release()
        self._scheduler.shutdown(wait=False)
        if self._lock:
            self._lock.give_back()
        logger.info("scheduler_stopped released=%d", released)
        return is_flushed and not released
