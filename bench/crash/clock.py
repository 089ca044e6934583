"""`python -m bench.crash.clock`: the scheduler under a clock that a file sets, as the machine's may be set.

The file that CRASH_CLOCK names has the seconds by which the time is off. Without the file it is right.
"""

import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import apscheduler.schedulers.base

import app.clock

OFFSET_FILE = Path(os.environ.get("CRASH_CLOCK", "/nonexistent"))
right_now = app.clock.utcnow


def offset() -> timedelta:
    try:
        return timedelta(seconds=float(OFFSET_FILE.read_text()))
    except FileNotFoundError:
        return timedelta()


class Clock(datetime):
    """For APScheduler, which asks for the time by itself."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a plain datetime will do
        return datetime.now(tz) + offset()


def main() -> None:
    # Before anything else takes over the function by its name.
    app.clock.utcnow = lambda: right_now() + offset()
    apscheduler.schedulers.base.datetime = Clock
    from app.worker.__main__ import main as scheduler  # noqa: PLC0415 - see above

    scheduler()


if __name__ == "__main__":
    main()
