"""The one thread that writes results: in batches, and again and again while the database is away."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic

from flask import Flask

from app.extensions import DATABASE_AWAY, db
from app.log import about, get_logger
from app.metrics.scheduler import SchedulerFigures
from app.services import checks
from app.services.checks import CheckRecord
from app.worker.outage import Outage
from app.worker.slots import Slots

log = get_logger(__name__)

BATCH_SECONDS = 0.1
BATCH_ROWS = 200
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

NOT_STORABLE = checks.internal_error(
    "The result of this check could not be stored; the log of the scheduler names the error."
)


class Writer:
    """Takes results from the check threads, stores them, frees their slots.

    The queue needs no bound of its own: each result in it holds a slot.
    """

    def __init__(
        self,
        app: Flask,
        slots: Slots,
        record: Callable[[Iterable[CheckRecord]], int] = checks.record,
        figures: SchedulerFigures | None = None,
    ) -> None:
        self._app = app
        self._slots = slots
        self._record = record
        self._figures = figures or SchedulerFigures()
        self._queue: SimpleQueue[CheckRecord | None] = SimpleQueue()
        self._stopping = Event()
        self._outage = Outage("record")
        # A daemon, so that a database that never answers cannot hold up the end of the process.
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self.is_held_up = False
        """Results wait because the database was away, and until the last of them is stored."""
        self.lost = 0
        """Results that could not be stored although the database was there."""

    def start(self) -> None:
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Results that nobody is storing yet, about."""
        return self._queue.qsize()

    def put(self, record: CheckRecord) -> None:
        self._queue.put(record)

    def stop(self, seconds: float) -> bool:
        """Store what is queued, with one attempt each, and end. False when that takes longer."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._collect()
            if batch:
                self._keep(batch)

    def _collect(self) -> tuple[list[CheckRecord], bool]:
        """What comes in within a moment, and whether it is the last."""
        batch: list[CheckRecord] = []
        end = None
        while len(batch) < BATCH_ROWS:
            try:
                item = self._queue.get(timeout=None if end is None else max(0, end - monotonic()))
            except Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
            end = end or monotonic() + BATCH_SECONDS
        return batch, False

    def _keep(self, batch: list[CheckRecord]) -> None:
        """Until the batch is stored, or the process has to end without it."""
        pause = FIRST_PAUSE_SECONDS
        while not self._is_settled(batch) and not self._stopping.wait(pause):
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _is_settled(self, batch: list[CheckRecord]) -> bool:
        try:
            self._store(batch)
        except DATABASE_AWAY as error:
            self._outage.begin(error)
            self._figures.not_stored()
            self.is_held_up = True
            return False
        except Exception as error:  # noqa: BLE001 - whatever a result does, the loop goes on
            self._isolate(batch, error)
            return True
        self._outage.end()
        self.is_held_up = self.is_held_up and not self._queue.empty()
        self._slots.free(record.claim for record in batch)
        return True

    def _store(self, batch: list[CheckRecord]) -> None:
        began = monotonic()
        with self._app.app_context():  # its end gives the connection back, after a failure too
            self._record(batch)
            db.session.commit()
        self._figures.stored(len(batch), monotonic() - began)

    def _isolate(self, batch: list[CheckRecord], error: Exception) -> None:
        """One result spoils its batch: store the others one by one, and say so of that one."""
        if len(batch) > 1:
            for record in batch:
                self._keep([record])
        else:
            claim = batch[0].claim
            with about(monitor=claim.monitor_id, check=claim.token):
                self._lose(batch[0], error)

    def _lose(self, record: CheckRecord, error: Exception) -> None:
        """Store in its place that it could not be stored: a monitor without results would look healthy."""
        # The error's type only: its text quotes values.
        log.error("result_not_storable", monitor=record.claim.monitor_id, error=type(error).__name__)
        if record.outcome is NOT_STORABLE:
            self._slots.free([record.claim])
        else:
            self.lost += 1
            self._figures.lost()
            self._keep([replace(record, outcome=NOT_STORABLE)])
