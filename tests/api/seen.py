"""Makes the history of a monitor, as a location saw it."""

from datetime import datetime, timedelta

from sqlalchemy import update

from app.clock import to_ms, utcnow
from app.domain.enums import Health
from app.extensions import db
from app.models import HealthTransition, Location, Monitor, MonitorSchedule


def note(monitor: Monitor, location: Location, *changes: tuple[str, Health]) -> None:
    """What the location saw from these instants on."""
    for at, health in changes:
        row = {"monitor_id": monitor.id, "location_id": location.id, "health": health}
        db.session.add(HealthTransition(**row, started_at=datetime.fromisoformat(at)))
    known_for_long = {"health": changes[-1][1], "data_until_ms": to_ms(utcnow() + timedelta(days=9))}
    db.session.execute(
        update(MonitorSchedule).where(MonitorSchedule.monitor_id == monitor.id).values(known_for_long)
    )
    db.session.commit()
