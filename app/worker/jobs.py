"""What a scheduler does besides checking. Each job gets its location and the time, and is committed."""

from datetime import datetime

from flask import current_app

from app.extensions import db
from app.services import (
    alerts,
    auth,
    locations,
    maintenance_periods,
    partitions,
    retention,
    schedules,
    self_watch,
    verdicts,
)
from app.worker.watch import Watch

WATCH = "pillarbox_watch"
"""Where among the application's extensions a scheduler process keeps what it knows of itself."""


def beat(location_id: int, now: datetime) -> None:
    locations.beat(location_id, now)


def repair(location_id: int, now: datetime) -> None:
    """Heal the schedule: rows nobody made, rows nobody wants, and rows planned while the clock was wrong."""
    schedules.add_missing(location_id, now)
    schedules.unplan_disabled(location_id)
    schedules.bring_back(location_id, now)


def recheck_after_maintenance(location_id: int, now: datetime) -> None:
    schedules.recheck_after_maintenance(location_id, now)


def reconsider(_location_id: int, now: datetime) -> None:
    last: int | None = 0
    while last is not None:
        last = verdicts.reconsider(now, last)
        db.session.commit()


def remind(_location_id: int, now: datetime) -> None:
    alerts.remind(now)


def note_maintenance(_location_id: int, now: datetime) -> None:
    while maintenance_periods.note_some(now):
        db.session.commit()


def look_at_references(location_id: int, now: datetime) -> None:
    self_watch.look_at_references(location_id, now, current_app.config["SETTINGS"].reference_targets)


def ping(location_id: int, now: datetime) -> None:
    _watch().ping(location_id, now)


def tell_operator(location_id: int, now: datetime) -> None:
    _watch().tell_operator(location_id, now)


def _watch() -> Watch:
    watch: Watch = current_app.extensions[WATCH]
    return watch


def take_back(location_id: int, now: datetime) -> None:
    schedules.take_back(location_id, now)


def forget_ended_sessions(_location_id: int, now: datetime) -> None:
    auth.forget_ended_sessions(now)


def make_days(_location_id: int, now: datetime) -> None:
    while partitions.is_used() and partitions.make_day(now):
        db.session.commit()


def forget_old_results(_location_id: int, now: datetime) -> None:
    while retention.forget_some(now, current_app.config["SETTINGS"].retention_days):
        db.session.commit()
