"""What a scheduler does besides checking. Each job gets its location and the time, and is committed."""

from datetime import datetime

from app.services import auth, locations, schedules


def beat(location_id: int, now: datetime) -> None:
    locations.beat(location_id, now)


def repair(location_id: int, now: datetime) -> None:
    """Heal the schedule: rows nobody made, rows nobody wants, and rows planned while the clock was wrong."""
    schedules.add_missing(location_id, now)
    schedules.unplan_disabled(location_id)
    schedules.bring_back(location_id, now)


def forget_ended_sessions(_location_id: int, now: datetime) -> None:
    auth.forget_ended_sessions(now)
