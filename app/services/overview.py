"""What is not well at this moment, and how many are: for operators who ask at night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, Subquery, case, func, or_, select, type_coerce

from app.clock import from_ms, to_ms
from app.domain.enums import Health, MonitorStatus
from app.extensions import db
from app.models import Customer, Incident, Monitor, MonitorHealth, MonitorSchedule

TROUBLES = (Health.DOWN, Health.NO_DATA, Health.DEGRADED)
"""In the order in which they are told."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A monitor that is not well."""

    public_id: UUID
    name: str
    organization_id: int
    customer: str
    server: str
    """Host name and port as they are dialled."""
    health: Health
    since: datetime | None
    codes: Sequence[str]
    """What its open incidents are about."""
    acknowledged_by: str | None
    is_in_maintenance: bool


@dataclass(frozen=True)
class Overview:
    counts: Mapping[Health, int]
    """Of all monitors that are not disabled."""
    disabled: int
    silenced: Mapping[Health, int]
    """Those of `counts` that are in maintenance."""
    troubles: Sequence[Trouble]


def overview(
    now: datetime, *, limit: int, organization_id: int | None = None, customer_id: int | None = None
) -> Overview:
    """Of an organization, of a customer, or of everything. At most `limit` troubles, the gravest first."""
    state = _states(now, organization_id, customer_id)
    grouped = db.session.execute(
        select(state.c.health, state.c.is_silenced, func.count()).group_by(
            state.c.health, state.c.is_silenced
        )
    ).all()
    counts = dict.fromkeys(Health, 0)
    silenced = dict.fromkeys(Health, 0)
    disabled = 0
    for health, is_silenced, number in grouped:
        if health is None:
            disabled += number
            continue
        counts[Health(health)] += number
        silenced[Health(health)] += number if is_silenced else 0
    return Overview(counts, disabled, silenced, _troubles(state, limit))


def _states(now: datetime, organization_id: int | None, customer_id: int | None) -> Subquery:
    """Each monitor's health as `monitor_state` has it, in one pass; NULL of a disabled one."""
    row = MonitorSchedule
    planned = (
        select(
            row.monitor_id,
            func.max(func.coalesce(row.data_until_ms, 0)).label("until_ms"),
            func.max(case((row.in_maintenance, 1), else_=0)).label("in_maintenance"),
        )
        .group_by(row.monitor_id)
        .subquery()
    )
    conditions: list[ColumnElement[bool]] = []
    if organization_id is not None:
        conditions.append(Monitor.organization_id == organization_id)
    if customer_id is not None:
        conditions.append(Monitor.customer_id == customer_id)
    is_disabled = Monitor.status == MonitorStatus.DISABLED
    is_silenced = or_(Monitor.status == MonitorStatus.MAINTENANCE, planned.c.in_maintenance == 1)
    # As the text that it is stored as, to be one of a kind with the others.
    stored = type_coerce(MonitorHealth.health, String)
    concluded = func.coalesce(stored, Health.PENDING.value)
    health = case(
        (is_disabled, None), (planned.c.until_ms < to_ms(now), Health.NO_DATA.value), else_=concluded
    )
    return (
        select(
            Monitor.id,
            health.label("health"),
            case((is_silenced, 1), else_=0).label("is_silenced"),
            MonitorHealth.since,
            planned.c.until_ms,
        )
        .outerjoin(MonitorHealth, MonitorHealth.monitor_id == Monitor.id)
        .outerjoin(planned, planned.c.monitor_id == Monitor.id)
        .where(*conditions)
        .subquery()
    )


def _troubles(state: Subquery, limit: int) -> list[Trouble]:
    gravity = case({health.value: at for at, health in enumerate(TROUBLES)}, value=state.c.health)
    rows = db.session.execute(
        select(
            Monitor.id,
            Monitor.public_id,
            Monitor.name,
            Monitor.organization_id,
            Customer.name.label("customer"),
            Monitor.server,
            state.c.health,
            state.c.is_silenced,
            state.c.since,
            state.c.until_ms,
        )
        .join_from(state, Monitor, Monitor.id == state.c.id)
        .join(Customer, Customer.id == Monitor.customer_id)
        .where(state.c.health.in_([health.value for health in TROUBLES]))
        .order_by(gravity, Monitor.id)
        .limit(limit)
    ).all()
    incidents = _open_incidents([row.id for row in rows])
    return [_trouble(row, incidents.get(row.id, [])) for row in rows]


def _open_incidents(monitor_ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    if not monitor_ids:
        return found
    columns = (Incident.monitor_id, Incident.type, Incident.started_at, Incident.acknowledged_by)
    query = select(*columns).where(Incident.ended_at.is_(None), Incident.monitor_id.in_(monitor_ids))
    for incident in db.session.execute(query.order_by(Incident.id)):
        found.setdefault(incident.monitor_id, []).append(incident)
    return found


def _trouble(row: Any, incidents: Sequence[Any]) -> Trouble:
    health = Health(row.health)
    since = from_ms(row.until_ms) if health is Health.NO_DATA and row.until_ms else row.since
    if health is not Health.NO_DATA and incidents:
        since = min(incident.started_at for incident in incidents)
    acknowledged = [incident.acknowledged_by for incident in incidents]
    return Trouble(
        public_id=row.public_id,
        name=row.name,
        organization_id=row.organization_id,
        customer=row.customer,
        server=row.server,
        health=health,
        since=since,
        codes=[incident.type for incident in incidents],
        acknowledged_by=acknowledged[0] if acknowledged and all(acknowledged) else None,
        is_in_maintenance=bool(row.is_silenced),
    )
