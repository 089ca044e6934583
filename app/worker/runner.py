"""Claims due checks for the slots that are free, and runs them."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock
from uuid import UUID

from flask import Flask

from app.clock import utcnow
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.services import checks, claims
from app.services.checks import CheckRecord
from app.services.claims import ClaimedCheck
from app.worker.outage import Outage, reason
from app.worker.slots import Slots
from app.worker.writer import Writer

logger = logging.getLogger(__name__)

CLAIM_ROWS = 200
"""At most so many in one statement, so that no transaction is long."""

CRASHED = "The check itself failed; the log of the scheduler names the error."

CheckFunction = Callable[[ClaimedCheck], CheckOutcome]


class Runner:
    """`submit` hands a claimed check to a thread, which calls `check` with it."""

    def __init__(
        self,
        app: Flask,
        location_id: int,
        *,
        slots: Slots,
        writer: Writer,
        submit: Callable[[Callable[[ClaimedCheck], None], ClaimedCheck], object],
        run_check: CheckFunction,
    ) -> None:
        self._app = app
        self._location_id = location_id
        self._slots = slots
        self._writer = writer
        self._submit = submit
        self._run_check = run_check
        self._claiming = Lock()
        self._stopping = Event()
        self._outage = Outage("claim")

    def tick(self) -> None:
        """Start what is due, as far as slots are free. A failure is left to the next tick."""
        with self._claiming:
            try:
                self._start_due()
            except Exception as error:  # noqa: BLE001 - the loop goes on
                self._outage.begin(error)
            else:
                self._outage.end()

    def _start_due(self) -> None:
        while limit := self._limit():
            taken = self._claim(limit)
            for claim in taken:
                self._submit(self.check, claim)
            if len(taken) < limit:
                return

    def _limit(self) -> int:
        return 0 if self._stopping.is_set() else min(self._slots.available, CLAIM_ROWS)

    def _claim(self, limit: int) -> list[ClaimedCheck]:
        with self._app.app_context():
            taken = claims.claim(self._location_id, utcnow(), limit)
            db.session.commit()
        self._slots.take(taken)
        return taken

    def check(self, claim: ClaimedCheck) -> None:
        """Run one check, without a database connection, and leave its result to the writer."""
        checked_at = utcnow()
        try:
            outcome = self._run_check(claim)
        except Exception as error:  # noqa: BLE001 - a check has a result whatever happens
            outcome = checks.internal_error(CRASHED)
            logger.error("check_crashed monitor=%s error=%s", claim.monitor_id, _place(error))  # noqa: TRY400 - the text might quote a secret
        self._writer.put(CheckRecord(claim, outcome, checked_at))

    def stop_claiming(self, seconds: float) -> None:
        """Let the tick that is running end, unless the database keeps it waiting."""
        self._stopping.set()
        if self._claiming.acquire(timeout=seconds):
            self._claiming.release()

    def release(self) -> int:
        """Give back the checks that did not finish, or leave them to the end of their leases.

        Returns how many there are.
        """
        tokens = self._slots.taken
        if tokens:
            try:
                self._give_back(tokens)
            except Exception as error:  # noqa: BLE001 - the process ends all the same
                logger.error("release_failed checks=%d error=%s", len(tokens), reason(error))  # noqa: TRY400 - reason() says it in one line
        return len(tokens)

    def _give_back(self, tokens: list[UUID]) -> None:
        with self._app.app_context():
            claims.release(tokens, utcnow())
            db.session.commit()


def _place(error: Exception) -> str:
    """Type and place of an error without its text."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at={Path(frame.filename).name}:{frame.lineno}"
