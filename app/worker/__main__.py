"""`python -m app.worker`: the scheduler, until SIGTERM or SIGINT ends it; a second signal ends it at once."""

import logging
import os
import signal
import sys
from argparse import ArgumentParser
from queue import Empty, SimpleQueue
from threading import Timer
from types import FrameType

from app import create_app
from app.errors import PillarboxError
from app.metrics import database
from app.version import VERSION
from app.worker.process import DRAIN_SECONDS, FLUSH_SECONDS, Process

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LAST_RESORT_SECONDS = DRAIN_SECONDS + FLUSH_SECONDS + 15
WATCH_SECONDS = 1.0


def main() -> None:
    _read_arguments()
    signals = _note_signals()
    database.runs_in(database.SCHEDULER)
    try:
        process = Process(create_app())
        process.start()
    except PillarboxError as error:
        sys.exit(f"The scheduler does not start: {error}")
    _wait_for_signal(signals, process)
    _end(process)


def _read_arguments() -> None:
    """Settings come from the environment, so there is nothing but what every program tells of itself."""
    parser = ArgumentParser(prog="python -m app.worker", description="The scheduler; docs/settings.md.")
    parser.add_argument("--version", action="version", version=f"Pillarbox {VERSION}")
    parser.parse_args()


def _note_signals() -> SimpleQueue[int]:
    """Noted from here on, and heeded when all has started: checks may be in flight before that is said."""
    # A SimpleQueue, because nothing else may safely be told something by a signal handler.
    signals: SimpleQueue[int] = SimpleQueue()

    def note(number: int, _frame: FrameType | None) -> None:
        for other in SIGNALS:
            signal.signal(other, signal.SIG_DFL)
        signals.put(number)

    for number in SIGNALS:
        signal.signal(number, note)
    return signals


def _wait_for_signal(signals: SimpleQueue[int], process: Process) -> None:
    while True:
        try:
            signals.get(timeout=WATCH_SECONDS)
        except Empty:
            process.watch_clock()
        else:
            return


def _end(process: Process) -> None:
    watchdog = Timer(LAST_RESORT_SECONDS, os._exit, args=(1,))
    watchdog.daemon = True
    watchdog.start()
    if not process.stop():
        # Python would wait for the thread of a check that hangs.
        logging.shutdown()
        os._exit(0)


if __name__ == "__main__":
    main()
