"""What is known of a monitor from its schedules: when it was and will be checked, and its health."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, not_, select

from app.clock import from_ms, to_ms
from app.domain.enums import CheckStatus, Health, MonitorStatus
from app.models import Monitor, MonitorHealth, MonitorSchedule
from app.services.locations import ACTIVE_FOR


@dataclass(frozen=True)
class MonitorState:
    """The latest result of all locations, and the next planned check."""

    health: Health
    last_status: CheckStatus | None
    last_error_message: str | None
    last_checked_at: datetime | None
    next_check_at: datetime | None


def state_of(monitor: Monitor, now: datetime) -> MonitorState:
    checked = [row for row in monitor.schedules if row.last_checked_at is not None]
    latest = max(checked, key=lambda row: row.last_checked_at or now, default=None)
    return MonitorState(
        health=_health(monitor, now),
        last_status=latest.last_status if latest else None,
        last_error_message=latest.last_error_message if latest else None,
        last_checked_at=latest.last_checked_at if latest else None,
        next_check_at=_next_check_at(monitor, now),
    )


def _health(monitor: Monitor, now: datetime) -> Health:
    """As it was concluded; looked at now, so that it shows when every scheduler is dead."""
    if _has_no_data(monitor, now):
        return Health.NO_DATA
    return monitor.concluded.health if monitor.concluded else Health.PENDING


def _next_check_at(monitor: Monitor, now: datetime) -> datetime | None:
    """The next at a location that is served; what a location without scheduler had planned is past."""
    planned = [row for row in monitor.schedules if row.next_check_at_ms is not None]
    served = [row for row in planned if row.heartbeat_at > now - ACTIVE_FOR]
    times = [row.next_check_at_ms or 0 for row in served or planned]
    return from_ms(min(times)) if times else None


def _has_no_data(monitor: Monitor, now: datetime) -> bool:
    """Nothing is known anywhere: results are missing wherever they were due, or none is due at all."""
    if monitor.status is MonitorStatus.DISABLED:
        return False
    now_ms = to_ms(now)
    return bool(monitor.schedules) and all((row.data_until_ms or 0) < now_ms for row in monitor.schedules)


def last_checked_at() -> ColumnElement[datetime | None]:
    """The same as `MonitorState.last_checked_at`, to sort by."""
    return (
        select(func.max(MonitorSchedule.last_checked_at))
        .where(MonitorSchedule.monitor_id == Monitor.id)
        .scalar_subquery()
    )


def matches_health(health: Health, now: datetime) -> ColumnElement[bool]:
    """The same as `MonitorState.health`, to filter by."""
    has_no_data = _no_data_condition(to_ms(now))
    if health is Health.NO_DATA:
        return has_no_data
    row = MonitorHealth
    of_monitor = row.monitor_id == Monitor.id
    if health is Health.PENDING:
        return and_(not_(has_no_data), not_(exists().where(of_monitor, row.health != Health.PENDING)))
    return and_(not_(has_no_data), exists().where(of_monitor, row.health == health))


def _no_data_condition(now_ms: int) -> ColumnElement[bool]:
    row = MonitorSchedule
    of_monitor = row.monitor_id == Monitor.id
    return and_(
        Monitor.status != MonitorStatus.DISABLED,
        exists().where(of_monitor),
        not_(exists().where(of_monitor, row.data_until_ms >= now_ms)),
    )
