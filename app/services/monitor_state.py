"""What is known of a monitor from its schedules: when it was and will be checked, and its health."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, select

from app.clock import from_ms, to_ms
from app.domain.enums import CheckStatus, Health, MonitorStatus
from app.domain.health import HEALTH_OF_STATUS, health_of
from app.domain.schedule import OVERDUE_GRACE_MS, overdue_after_ms
from app.models import Monitor, MonitorSchedule
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
    last_status = latest.last_status if latest else None
    return MonitorState(
        health=health_of(last_status, _is_overdue(monitor, now)),
        last_status=last_status,
        last_error_message=latest.last_error_message if latest else None,
        last_checked_at=latest.last_checked_at if latest else None,
        next_check_at=_next_check_at(monitor, now),
    )


def _next_check_at(monitor: Monitor, now: datetime) -> datetime | None:
    """The next at a location that is served; what a location without scheduler had planned is past."""
    planned = [row for row in monitor.schedules if row.next_check_at_ms is not None]
    served = [row for row in planned if row.heartbeat_at > now - ACTIVE_FOR]
    times = [row.next_check_at_ms or 0 for row in served or planned]
    return from_ms(min(times)) if times else None


def _is_overdue(monitor: Monitor, now: datetime) -> bool:
    """It should have been checked and was not, wherever that was planned, or it is planned nowhere."""
    if monitor.status is MonitorStatus.DISABLED:
        return False
    return bool(monitor.schedules) and all(_is_late(row, to_ms(now)) for row in monitor.schedules)


def _is_late(row: MonitorSchedule, now_ms: int) -> bool:
    return row.next_check_at_ms is None or row.next_check_at_ms + overdue_after_ms(row.timeout_ms) < now_ms


def last_checked_at() -> ColumnElement[datetime | None]:
    """The same as `MonitorState.last_checked_at`, to sort by."""
    return (
        select(func.max(MonitorSchedule.last_checked_at))
        .where(MonitorSchedule.monitor_id == Monitor.id)
        .scalar_subquery()
    )


def matches_health(health: Health, now: datetime) -> ColumnElement[bool]:
    """The same as `MonitorState.health`, to filter by."""
    overdue = _overdue_condition(to_ms(now))
    if health is Health.NO_DATA:
        return overdue
    status = next(status for status, value in HEALTH_OF_STATUS.items() if value is health)
    return and_(not_(overdue), _latest_status().is_not_distinct_from(status))


def _latest_status() -> Any:
    return (
        select(MonitorSchedule.last_status)
        .where(MonitorSchedule.monitor_id == Monitor.id, MonitorSchedule.last_checked_at.is_not(None))
        .order_by(MonitorSchedule.last_checked_at.desc(), MonitorSchedule.location_id)
        .limit(1)
        .scalar_subquery()
    )


def _overdue_condition(now_ms: int) -> ColumnElement[bool]:
    row = MonitorSchedule
    of_monitor = row.monitor_id == Monitor.id
    in_time = row.next_check_at_ms + row.timeout_ms + OVERDUE_GRACE_MS >= now_ms
    return and_(
        Monitor.status != MonitorStatus.DISABLED,
        exists().where(of_monitor),
        not_(exists().where(of_monitor, in_time)),
    )
