"""Claims due checks for the slots that are free, and runs them."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from time import monotonic
from uuid import UUID

from flask import Flask

from app.clock import to_ms, utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.outcome import CheckOutcome
from app.domain.schedule import is_late, skipped_slots
from app.extensions import db
from app.log import about, get_logger
from app.metrics.scheduler import SchedulerFigures
from app.services import checks, claims, locations, organizations
from app.services.checks import CheckRecord
from app.services.claims import Choice
from app.worker.outage import Outage, reason
from app.worker.slots import Slots
from app.worker.writer import Writer

log = get_logger(__name__)

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
        figures: SchedulerFigures | None = None,
    ) -> None:
        self._app = app
        self._location_id = location_id
        self._slots = slots
        self._writer = writer
        self._submit = submit
        self._run_check = run_check
        self._figures = figures or SchedulerFigures()
        self._claiming = Lock()
        self._stopping = Event()
        self._outage = Outage("claim")
        self.ticked_at = monotonic()
        """When a tick last went through, by the monotonic clock; before the first one, when it was made."""

    def tick(self) -> None:
        """Start what is due, as far as slots are free. A failure is left to the next tick."""
        if self._writer.is_held_up:
            # After a long outage a new claim would take the row from the result that waits to be stored.
            return
        with self._claiming:
            try:
                self._start_due()
            except Exception as error:  # noqa: BLE001 - the loop goes on
                self._outage.begin(error)
            else:
                self._outage.end()
                self.ticked_at = monotonic()

    def _start_due(self) -> None:
        for is_slow in (False, True):
            while self._start_some(is_slow=is_slow):
                pass

    def _start_some(self, *, is_slow: bool) -> bool:
        """Start what is due in a lane, in a few claims at most; tell whether there may be more.

        Who has a fair share already comes behind the others, and leaves some slots to them. Servers that
        are close to their limit are claimed for by themselves, or most of what is claimed would have to be
        given back, again and again.
        """
        crowded = self._slots.crowded_servers()
        share, greedy = self._slots.fair_share(is_slow=is_slow)
        others = Choice(is_slow, other_servers_than=frozenset(crowded))
        if (plenty := self._slots.plenty(is_slow=is_slow)) > share:
            share, greedy = plenty, frozenset()
        if self._claim(replace(others, other_organizations_than=greedy), room=share):
            return True
        kept = self._kept_slots(is_slow=is_slow) if greedy or crowded else 0
        if greedy and self._claim(others, kept=kept):
            return True
        for server, room in crowded.items():
            self._claim(Choice(is_slow, server=server), kept=kept, room=room)
        return False

    def _kept_slots(self, *, is_slow: bool) -> int:
        """Slots for organizations that have few; none where there is but one."""
        with self._app.app_context():
            return self._slots.reserved(is_slow=is_slow) if organizations.are_many() else 0

    def _claim(self, choice: Choice, *, kept: int = 0, room: int = CLAIM_ROWS) -> bool:
        """Claim and start as many checks as there are free slots, but for those that are kept.

        Tells whether there may be more of them.
        """
        available = self._slots.available(is_slow=choice.is_slow) - kept
        limit = 0 if self._stopping.is_set() else min(available, room, CLAIM_ROWS)
        if limit <= 0:
            return False
        claimed, started = self._take(choice, limit)
        for claim in started:
            self._submit(self.check, claim)
        return claimed == limit

    def _take(self, choice: Choice, limit: int) -> tuple[int, list[ClaimedCheck]]:
        """How many checks were claimed, and those of them that may start now: the rest is given back."""
        now = utcnow()
        claimed: list[ClaimedCheck] = []
        try:
            with self._app.app_context():
                claimed = claims.claim(self._location_id, now, limit, choice)
                refused = self._slots.take(claimed)
                started = [claim for claim in claimed if claim not in refused]
                self._settle(started, refused, to_ms(now))
                db.session.commit()
        except BaseException:
            self._slots.free(claimed)
            raise
        return len(claimed), started

    def _settle(self, started: list[ClaimedCheck], refused: list[ClaimedCheck], now_ms: int) -> None:
        """Give back what may not start, and count what has to be seen."""
        if refused:
            claims.release(claim.token for claim in refused)
        if started or refused:
            locations.count(
                self._location_id,
                checks_begun=len(started),
                checks_late=sum(is_late(claim.due_at_ms, now_ms) for claim in started),
                checks_put_off=len(refused),
                checks_skipped=sum(map(_skipped, started)),
            )

    def check(self, claim: ClaimedCheck) -> None:
        """Run one check, without a database connection, and leave its result to the writer."""
        checked_at = utcnow()
        with about(monitor=claim.monitor_id, check=claim.token):
            outcome = self._outcome(claim)
        # First: whatever goes wrong with counting, a result is stored and its slot comes free.
        self._writer.put(CheckRecord(claim, outcome, checked_at))
        self._figures.checked(claim, outcome, checked_at)

    def _outcome(self, claim: ClaimedCheck) -> CheckOutcome:
        try:
            return self._run_check(claim)
        except Exception as error:  # noqa: BLE001 - a check has a result whatever happens
            log.error("check_crashed", monitor=claim.monitor_id, error=type(error).__name__, at=_place(error))  # noqa: TRY400 - the text might quote a secret
            return checks.internal_error(CRASHED)

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
                log.error("release_failed", checks=len(tokens), error=reason(error))  # noqa: TRY400 - reason() says it in one line
        return len(tokens)

    def _give_back(self, tokens: list[UUID]) -> None:
        with self._app.app_context():
            claims.release(tokens)
            db.session.commit()


def _skipped(claim: ClaimedCheck) -> int:
    return skipped_slots(claim.due_at_ms, claim.planned_at_ms, claim.interval_ms)


def _place(error: Exception) -> str:
    """Where an error was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
