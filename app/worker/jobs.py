"""What a scheduler does besides checking. Each job gets its location and the time, and is committed."""

from datetime import datetime, timedelta

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

SLICE = 200
"""Monitors that are concluded of again in one transaction."""
WATCH = "pillarbox_watch"
"""Where among the application's extensions a scheduler process keeps what it knows of itself."""


def beat(location_id: int, now: datetime) -> None:
    locations.beat(location_id, now)


def repair(location_id: int, now: datetime) -> None:
    """Heal the schedule: rows nobody made, rows nobody wants, and rows planned while the clock was wrong.

    The outbox too, of which the clock may have made the same.
    """
    schedules.add_missing(location_id, now)
    schedules.unplan_disabled(location_id)
    schedules.bring_back(location_id, now)
    db.session.commit()
    while alerts.bring_back(now):
        db.session.commit()


def recheck_after_maintenance(location_id: int, now: datetime) -> None:
    schedules.recheck_after_maintenance(location_id, now)


def reconsider(_location_id: int, now: datetime) -> None:
    monitor_ids = verdicts.doubtful()
    for start in range(0, len(monitor_ids), SLICE):
        verdicts.reconsider(monitor_ids[start : start + SLICE], now)
        db.session.commit()


def remind(_location_id: int, now: datetime) -> None:
    keep = timedelta(days=current_app.config["SETTINGS"].retention_days)
    while alerts.remind(now, keep=keep):
        db.session.commit()


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
