"""Sends what waits in the outbox: many at once, and no target that hangs holds up the others."""

from collections.abc import Callable, Collection
from datetime import datetime
from threading import Condition, Event, Lock

from flask import Flask

from app.clock import utcnow
from app.config import Settings
from app.domain.notification import Delivery, Destination, Notice
from app.extensions import DATABASE_AWAY, db
from app.log import about, get_logger
from app.metrics.scheduler import SchedulerFigures
from app.services import delivery
from app.services.delivery import ClaimedAlert
from app.worker.outage import Outage

log = get_logger(__name__)

THREADS = 16
PER_TARGET = 2
"""Attempts in flight at once to one channel or address."""
SETTLE_ATTEMPTS = 5
SETTLE_PAUSE_SECONDS = 1.0

SendFunction = Callable[[Notice, Destination], Delivery]


class Messenger:
    """`submit` hands a claimed attempt to one of THREADS threads, which calls `send` with it.

    `holding` names the locations whose incidents are not to be told of at that time.
    What the database cannot be told of is claimed anew when the lease ends: at least once.
    """

    def __init__(
        self,
        app: Flask,
        *,
        submit: Callable[[Callable[[ClaimedAlert], None], ClaimedAlert], None],
        send: SendFunction,
        holding: Callable[[datetime], Collection[int]],
        figures: SchedulerFigures | None = None,
    ) -> None:
        self._app = app
        self._settings: Settings = app.config["SETTINGS"]
        self._submit = submit
        self._send = send
        self._holding = holding
        self._figures = figures or SchedulerFigures()
        self._outage = Outage("deliver")
        self._in_flight: dict[int, ClaimedAlert] = {}
        self._changed = Condition()
        self._is_stopping = False
        self._is_wanted = Event()
        self._claiming = Lock()

    def tick(self) -> None:
        """Claim what is due and hand it on: every second, and when there is room again."""
        self._is_wanted.set()
        # One at a time; whoever comes meanwhile has it done once more by the one that is at it.
        while self._is_wanted.is_set() and self._claiming.acquire(blocking=False):
            try:
                self._is_wanted.clear()
                self._hand_on()
            finally:
                self._claiming.release()

    def _hand_on(self) -> None:
        try:
            claims = self._claim()
        except Exception as error:  # noqa: BLE001 - the next tick tries again
            self._outage.begin(error)
            return
        self._outage.end()
        for claim in claims:
            with self._changed:
                self._in_flight[claim.id] = claim
            self._submit(self._deliver, claim)

    def stop(self, seconds: float) -> bool:
        """Claim no more, and wait for what is being sent. False when that takes longer."""
        with self._changed:
            self._is_stopping = True
            return self._changed.wait_for(lambda: not self._in_flight, timeout=seconds)

    def _claim(self) -> list[ClaimedAlert]:
        with self._changed:
            in_flight = [claim.errand for claim in self._in_flight.values()]
        if self._is_stopping or len(in_flight) >= THREADS:
            return []
        with self._app.app_context():
            now = utcnow()
            if not delivery.is_any_due(now):
                return []
            db.session.rollback()  # the look at the references may take seconds
            claims = delivery.claim(
                now,
                self._app.config["CONFIG_STORE"].vault,
                limit=THREADS,
                public_url=self._settings.public_url,
                holding=self._holding(now),
                in_flight=in_flight,
                per_target=PER_TARGET,
            )
            db.session.commit()
            return claims

    def _deliver(self, claim: ClaimedAlert) -> None:
        try:
            with about(alert=claim.id, monitor=claim.monitor_id):
                self._send_and_settle(claim)
        finally:
            with self._changed:
                self._in_flight.pop(claim.id, None)
                self._changed.notify_all()
            self.tick()

    def _send_and_settle(self, claim: ClaimedAlert) -> None:
        waited = (utcnow() - claim.due_at).total_seconds()
        try:
            outcome = self._send(claim.notice, claim.destination)
            self._figures.told(claim.destination.type, outcome, waited)
            self._settle(claim, outcome)
        except Exception:  # the lease ends, and somebody tries again
            log.exception("alert_not_settled", alert=claim.id)

    def _settle(self, claim: ClaimedAlert, outcome: Delivery) -> None:
        log.info(
            "alert_sent",
            alert=claim.id,
            channel=claim.destination.type,
            notice=claim.notice.event,
            attempt=claim.notice.attempt,
            ok=outcome.is_sent,
            ms=outcome.duration_ms,
        )
        for _ in range(SETTLE_ATTEMPTS):
            try:
                with self._app.app_context():
                    delivery.settle(claim, outcome, utcnow())
                    db.session.commit()
            except DATABASE_AWAY as error:
                self._outage.begin(error)
            else:
                return
            with self._changed:
                self._changed.wait(SETTLE_PAUSE_SECONDS)
