"""How many there are of what, for figures.py: counted in indexes, whatever the size of the tables."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, not_, or_, select

from app.clock import to_ms
from app.domain.enums import Health, MonitorStatus
from app.extensions import db
from app.models import Alert, Incident, Location, Monitor, MonitorHealth, MonitorSchedule
from app.models.alert import MAY_BE_UNSETTLED


@dataclass(frozen=True)
class Waiting:
    """What is due to be sent and has not been."""

    count: int
    oldest_seconds: float


def by_status() -> dict[MonitorStatus, int]:
    rows = db.session.execute(select(Monitor.status, func.count()).group_by(Monitor.status))
    return {row[0]: row[1] for row in rows}


def by_health(now: datetime, watched: int) -> dict[Health, int]:
    """How the `watched` monitors that are not disabled are, as `monitor_state.state_of` tells of each.

    But for those being checked at this moment for the first time after a long silence: they have data soon.
    """
    concluded = db.session.execute(select(MonitorHealth.health, func.count()).group_by(MonitorHealth.health))
    counts = {row[0]: row[1] for row in concluded}
    silent = _silent(now)
    known = {
        health: counts.get(health, 0) - silent.get(health, 0)
        for health in (Health.UP, Health.DEGRADED, Health.DOWN)
    }
    no_data = sum(silent.values())
    return {
        **known,
        Health.NO_DATA: no_data,
        Health.PENDING: max(watched - no_data - sum(known.values()), 0),
    }


def _silent(now: datetime) -> dict[Health, int]:
    """Monitors without data, by what was concluded of them before.

    What holds no more was due long ago, so the index of what is due has all of them; it is asked for each
    lane of each location, as it is laid out. What is planned nowhere is in an index of its own.
    """
    row, other, now_ms = MonitorSchedule, MonitorSchedule.__table__.alias(), to_ms(now)
    is_overdue = and_(
        row.location_id.in_(_locations()),
        row.is_slow.in_((False, True)),
        row.next_check_at_ms <= now_ms,
        or_(row.data_until_ms.is_(None), row.data_until_ms < now_ms),
    )
    overdue = select(row.monitor_id).where(is_overdue)
    unplanned = select(row.monitor_id).where(row.next_check_at_ms.is_(None))
    candidates = overdue.union(unplanned).subquery()
    knows = exists().where(other.c.monitor_id == Monitor.id, other.c.data_until_ms >= now_ms)
    health = func.coalesce(MonitorHealth.health, Health.PENDING.value)
    found = db.session.execute(
        select(health, func.count())
        .select_from(candidates)
        .join(Monitor, Monitor.id == candidates.c.monitor_id)
        .outerjoin(MonitorHealth, MonitorHealth.monitor_id == Monitor.id)
        .where(Monitor.status != MonitorStatus.DISABLED, not_(knows))
        .group_by(health)
    )
    return {Health(value): count for value, count in found}


def _locations() -> list[int]:
    return list(db.session.scalars(select(Location.id)))


def unplanned() -> int:
    """Monitors that should be checked and are planned at no location that knows them."""
    row, other = MonitorSchedule, MonitorSchedule.__table__.alias()
    is_planned = exists().where(other.c.monitor_id == Monitor.id, other.c.next_check_at_ms.is_not(None))
    return (
        db.session.scalar(
            select(func.count(Monitor.id.distinct()))
            .select_from(row)
            .join(Monitor, Monitor.id == row.monitor_id)
            .where(row.next_check_at_ms.is_(None), Monitor.status != MonitorStatus.DISABLED)
            .where(not_(is_planned))
        )
        or 0
    )


def open_incidents() -> dict[str, int]:
    rows = db.session.execute(
        select(Incident.type, func.count()).where(Incident.ended_at.is_(None)).group_by(Incident.type)
    )
    return {row[0]: row[1] for row in rows}


def waiting(now: datetime) -> Waiting:
    """Of the outbox: due and neither sent nor given up, those that are held included."""
    count, oldest = db.session.execute(
        select(func.count(), func.min(Alert.due_at)).where(MAY_BE_UNSETTLED, Alert.due_at <= now)
    ).one()
    return Waiting(count, (now - oldest).total_seconds() if count else 0.0)
