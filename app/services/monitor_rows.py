"""One monitor with all that is shown of it, read as columns: as objects it would take four times as long."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, select

from app.extensions import reading
from app.models import Customer, Location, Monitor, MonitorHealth, MonitorSchedule

_MONITORS, _CUSTOMERS, _HEALTH, _SCHEDULES, _LOCATIONS = (
    cast(Table, model.__table__) for model in (Monitor, Customer, MonitorHealth, MonitorSchedule, Location)
)
_NOT_SHOWN = {"searched", "server", "mailbox_key"}
_OF_MONITOR = [column for column in _MONITORS.c if column.name not in _NOT_SHOWN]
_OF_CUSTOMER = list(_CUSTOMERS.c)
_OF_SCHEDULE = [
    _SCHEDULES.c.next_check_at_ms,
    _SCHEDULES.c.data_until_ms,
    _SCHEDULES.c.last_checked_at,
    _SCHEDULES.c.last_status,
    _SCHEDULES.c.last_error_message,
    _LOCATIONS.c.heartbeat_at,
]
"""What a monitor's state is told by."""

# Put together once, because this is asked more often than anything else.
_WHOLE = (
    select(*_OF_MONITOR, *_OF_CUSTOMER, _HEALTH.c.health, *_OF_SCHEDULE)
    .join_from(_MONITORS, _CUSTOMERS, _CUSTOMERS.c.id == _MONITORS.c.customer_id)
    .outerjoin(_HEALTH, _HEALTH.c.monitor_id == _MONITORS.c.id)
    .outerjoin(_SCHEDULES, _SCHEDULES.c.monitor_id == _MONITORS.c.id)
    .outerjoin(_LOCATIONS, _LOCATIONS.c.id == _SCHEDULES.c.location_id)
    .where(_MONITORS.c.public_id == bindparam("public_id"))
    .order_by(_SCHEDULES.c.location_id)
)


def find(public_id: UUID) -> Any:
    """What a Monitor has that is shown, under the same names, with its customer and schedules; or None."""
    with reading() as connection:
        rows = connection.execute(_WHOLE, {"public_id": public_id}).all()
    if not rows:
        return None
    customer_at = len(_OF_MONITOR)
    health_at = customer_at + len(_OF_CUSTOMER)
    schedule_at = health_at + 1
    monitor = _named(_OF_MONITOR, rows[0][:customer_at])
    monitor.customer = _named(_OF_CUSTOMER, rows[0][customer_at:health_at])
    health = rows[0][health_at]
    monitor.concluded = health and SimpleNamespace(health=health)
    schedules = [_named(_OF_SCHEDULE, row[schedule_at:]) for row in rows]
    # A monitor without any comes with one row all the same.
    monitor.schedules = [row for row in schedules if row.heartbeat_at is not None]
    return monitor


def _named(columns: list[Any], values: Any) -> SimpleNamespace:
    return SimpleNamespace(**{column.key: value for column, value in zip(columns, values, strict=True)})
