"""The scheduler process put together: what starts, in which order, and how it ends."""

from collections.abc import Collection
from datetime import datetime
from functools import partial
from time import monotonic

from flask import Flask

from app import notifiers
from app.clock import utcnow
from app.config import Settings
from app.log import get_logger
from app.metrics.scheduler import LANES, SchedulerFigures
from app.services import checks, self_watch
from app.services.transport import transport_of
from app.worker import jobs, messenger, startup
from app.worker import scheduler as lanes
from app.worker.exposition import Exposition
from app.worker.messenger import Messenger, SendFunction
from app.worker.pulse import Pulse
from app.worker.runner import CheckFunction, Runner
from app.worker.slots import Slots
from app.worker.watch import Watch
from app.worker.writer import Writer

log = get_logger(__name__)

DRAIN_SECONDS = 25.0
FLUSH_SECONDS = 5.0
SLOW_SHARE = 4
"""One check thread in so many is for targets whose last check timed out, and for no others."""


class Process:
    """`run_check` and `send` may be given instead of the real ones, which talk to servers."""

    def __init__(
        self,
        app: Flask,
        run_check: CheckFunction | None = None,
        drain_seconds: float = DRAIN_SECONDS,
        send: SendFunction | None = None,
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
        self._figures = SchedulerFigures(self._settings.location_code)
        self._writer = Writer(app, self._slots, figures=self._figures)
        self._scheduler = lanes.build(threads, slow_threads, messenger.THREADS)
        self._transport = transport_of(self._settings)
        notifiers.load_services()
        self._send = send or partial(notifiers.send, transport=self._transport)

    def start(self) -> None:
        """Raises StartError or LockError; nothing is running then."""
        startup.require_database(self._app)
        self._lock = startup.lock_database(self._app)
        location_id = startup.open_location(self._app)
        startup.tell_of_missing_keys(self._app)
        self._runner = Runner(
            self._app,
            location_id,
            slots=self._slots,
            writer=self._writer,
            submit=partial(lanes.add_check, self._scheduler),
            run_check=self._run_check,
            figures=self._figures,
        )
        self._app.extensions[jobs.WATCH] = self._watch()
        self._messenger = Messenger(
            self._app,
            submit=partial(lanes.add_message, self._scheduler),
            send=self._send,
            holding=partial(self._holding, location_id),
            figures=self._figures,
        )
        self._exposition = self._expose()
        self._writer.start()
        lanes.add_jobs(self._scheduler, self._app, location_id)
        lanes.add_tick(self._scheduler, self._runner.tick)
        lanes.add_delivery(self._scheduler, self._messenger.tick)
        self._scheduler.start()
        if self._exposition:
            self._exposition.start()
        log.info(
            "scheduler_started",
            location=self._settings.location_code,
            threads=self._settings.check_threads,
            database="sqlite" if self._settings.is_sqlite else "postgresql",
        )

    def _expose(self) -> Exposition | None:
        """Raises StartError when the port cannot be used."""
        sizes, lanes = self._slots.sizes(), LANES.items()
        read = self._figures.read
        read(
            "pillarbox_slots",
            "Checks that may be in flight at once.",
            lambda: {lane: sizes[slow] for slow, lane in lanes},
        )
        read(
            "pillarbox_slots_taken",
            "Checks claimed and not stored yet.",
            lambda: {lane: sizes[slow] - self._slots.available(is_slow=slow) for slow, lane in lanes},
        )
        read(
            "pillarbox_results_waiting",
            "Results that wait for the writer.",
            lambda: {"": self._writer.waiting},
        )
        read(
            "pillarbox_tick_age_seconds",
            "How long ago claims of checks last went through.",
            lambda: {"": monotonic() - self._runner.ticked_at},
        )
        port = self._settings.metrics_port
        return Exposition(self._settings, self._figures, port) if port else None

    def _watch(self) -> Watch:
        pulse = Pulse(lambda: self._runner.ticked_at, lambda: self._writer.is_held_up)
        operator = self._settings.operator_email
        if operator is None:
            return Watch(self._settings, pulse, None)
        if self._transport.smtp_url is None:
            log.warning("operator_cannot_be_mailed", reason="OPERATOR_EMAIL is set and SMTP_URL is not")
        return Watch(self._settings, pulse, partial(notifiers.mail, operator, transport=self._transport))

    def _holding(self, location_id: int, now: datetime) -> Collection[int]:
        """Locations whose incidents may not be told of now, because they may be the location's own fault."""
        is_trusted = self_watch.may_tell(location_id, now, self._settings.reference_targets)
        return self_watch.holding_locations(now, location_id, is_trusted)

    def watch_clock(self) -> None:
        """To be called every second or so."""
        lanes.rearm(self._scheduler, utcnow())

    def stop(self) -> bool:
        """Finish what is in flight, within the time for it, and give the rest back.

        False when something would keep the process from ending by itself.
        """
        deadline = monotonic() + self._drain_seconds
        log.info("scheduler_stopping", in_flight=len(self._slots.taken))
        self._runner.stop_claiming(self._drain_seconds)
        self._slots.wait_until_all_free(max(0, deadline - monotonic()))
        is_flushed = self._writer.stop(FLUSH_SECONDS)
        is_quiet = self._messenger.stop(max(FLUSH_SECONDS, deadline - monotonic()))
        released = self._runner.release()
        self._scheduler.shutdown(wait=False)
        if self._exposition:
            self._exposition.stop()
        if self._lock:
            self._lock.give_back()
        log.info("scheduler_stopped", released=released)
        return is_flushed and is_quiet and not released
