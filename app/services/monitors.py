"""Monitors: found, listed, made, changed, removed, triggered."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.domain.enums import AuditAction, Health, MonitorStatus, Protocol
from app.domain.target import CheckTarget, target_from_config
from app.errors import InvalidError, NotFoundError, TooManyError, UnavailableError
from app.extensions import db
from app.models import Customer, Monitor
from app.services import (
    access,
    audit,
    customers,
    locations,
    maintenance_moves,
    monitor_changes,
    monitor_rows,
    schedules,
)
from app.services.access import Actor
from app.services.identifiers import parse_uuid
from app.services.locking import locked
from app.services.monitor_config import ConfigStore, chosen_config
from app.services.monitor_state import last_checked_at, matches_health
from app.services.pages import Page, contains, fetch_page

ID_REQUIRED = "IMAP/POP monitor public ID (UUID) required"
NOT_FOUND = "IMAP/POP monitor not found"
NOTHING_ELIGIBLE = "No eligible monitoring locations for the selected allowed countries"
NOTHING_ACTIVE = "No active monitoring locations available"
TRIGGER_PAUSE = timedelta(seconds=10)

LAST_CHECKED_AT = last_checked_at()
SORT_COLUMNS: dict[str, Any] = {
    "name": Monitor.name,
    "hostname": Monitor.hostname,
    "status": Monitor.status,
    "createdAt": Monitor.created_at,
    "updatedAt": Monitor.updated_at,
    "lastCheckedAt": LAST_CHECKED_AT,
}


def get(actor: Actor, identifier: str) -> Monitor:
    """The monitor that a path names, by its public id alone.

    Raises InvalidError for what is no UUID, NotFoundError, ForbiddenError.
    """
    public_id = _public_id(identifier)
    return _visible(actor, db.session.scalar(select(Monitor).where(Monitor.public_id == public_id)))


def find(actor: Actor, reference: UUID | int, organization_id: int) -> Monitor:
    """The monitor of that organization with that public or numeric id, as bodies and queries name it.

    Raises NotFoundError, ForbiddenError.
    """
    wanted = (Monitor.is_named(reference), Monitor.organization_id == organization_id)
    return _visible(actor, db.session.scalar(select(Monitor).where(*wanted)))


def shown(actor: Actor, identifier: str) -> Any:
    """The same with its customer and schedules, to be read only (app/services/monitor_rows.py)."""
    return _visible(actor, monitor_rows.find(_public_id(identifier)))


def _public_id(identifier: str) -> UUID:
    public_id = parse_uuid(identifier)
    if public_id is None:
        raise InvalidError(ID_REQUIRED)
    return public_id


def _held(actor: Actor, identifier: str, *, for_removal: bool = False) -> Monitor:
    """The same, locked. Looked at again: the change before may have moved it to another customer."""
    return _visible(actor, locked(get(actor, identifier), NOT_FOUND, for_removal=for_removal))


def _visible(actor: Actor, monitor: Monitor | None) -> Monitor:
    if monitor is None:
        raise NotFoundError(NOT_FOUND)
    access.require_visible(
        actor,
        organization_id=monitor.organization_id,
        customer_id=monitor.customer_id,
        title=NOT_FOUND,
    )
    return monitor


def list_page(
    actor: Actor,
    *,
    now: datetime,
    page: int,
    per_page: int,
    sort: str | None = None,
    organization_id: int | None = None,
    **filters: Any,
) -> Page[Monitor]:
    """One page of the monitors that the actor may see. `sort`: a key of SORT_COLUMNS, `-` reverses."""
    organization = access.organization_in_question(actor, organization_id)
    return fetch_page(
        Monitor,
        [access.visible_monitors(actor), *_conditions(organization, now, **filters)],
        page=page,
        per_page=per_page,
        order_by=_order(sort),
        options=[
            joinedload(Monitor.customer, innerjoin=True),
            joinedload(Monitor.concluded),
            selectinload(Monitor.schedules),
        ],
    )


def _conditions(
    organization: int,
    now: datetime,
    *,
    customer_id: Any = None,
    search: str | None = None,
    status: MonitorStatus | None = None,
    health: Health | None = None,
    protocol: Protocol | None = None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Monitor.organization_id == organization]
    if customer_id is not None:
        customer = select(Customer.id).where(Customer.is_named(customer_id))
        conditions.append(Monitor.customer_id == customer.scalar_subquery())
    if search:
        pattern = contains(search)
        named = select(Customer.id).where(
            Customer.organization_id == organization, Customer.name.ilike(pattern, escape="\\")
        )
        # Not joined, so that the index on monitors has all that is looked at for each of them.
        in_customer = Monitor.customer_id.in_(named)
        conditions.append(or_(Monitor.searched.like(func.lower(pattern), escape="\\"), in_customer))
    if status is not None:
        conditions.append(Monitor.status == status)
    if protocol is not None:
        conditions.append(Monitor.protocol == protocol)
    if health is not None:
        conditions.append(matches_health(health, now))
    return conditions


def _order(sort: str | None) -> list[Any]:
    if sort is None:
        return [Monitor.id]
    column = SORT_COLUMNS[sort.removeprefix("-")]
    ordered = column.desc() if sort.startswith("-") else column.asc()
    # Databases disagree on where NULL belongs; monitors never checked come last either way.
    return [ordered.nulls_last() if column is LAST_CHECKED_AT else ordered, Monitor.id]


def create(
    actor: Actor,
    store: ConfigStore,
    *,
    now: datetime,
    customer_id: Any,
    organization_id: int | None = None,
    is_spread: bool = False,
    **fields: Any,
) -> Monitor:
    """Add a monitor, due at once. `fields` are columns, and the config under either of its names.

    With `is_spread` its first check comes at its own slot within one interval, for many that are made at
    once: they would all be due together.
    """
    customer = _customer(actor, customer_id, organization_id)
    draft = monitor_changes.draft(store, customer, now=now, **fields)
    monitor_changes.add(actor, [draft], now=now, is_spread=is_spread)
    return draft.monitor


def update(actor: Actor, store: ConfigStore, identifier: str, *, now: datetime, **fields: Any) -> Monitor:
    """Set the keys that are given; a monitor that is to be checked differently is due at once."""
    access.require_update_keys(actor, fields)
    if "customer_id" in fields:
        found = get(actor, identifier)
        wanted_customer = customers.find(actor, fields["customer_id"], found.organization_id)
        maintenance_moves.hold_for(found, wanted_customer)
    monitor = _held(actor, identifier)
    if "customer_id" in fields:
        wanted_customer = customers.find(actor, fields["customer_id"], monitor.organization_id)
        fields["customer_id"] = wanted_customer.id
    monitor_changes.write(actor, [monitor_changes.revise(store, monitor, fields)], now=now)
    return monitor


def delete(actor: Actor, identifier: str, *, now: datetime) -> None:
    """Remove a monitor; its schedules, results and channels go with it, and windows for it alone."""
    maintenance_moves.hold_for(get(actor, identifier))
    monitor = _held(actor, identifier, for_removal=True)
    monitor_changes.remove(actor, [monitor], now=now)


def trigger(actor: Actor, identifier: str, *, now: datetime) -> tuple[Monitor, list[str]]:
    """Make a monitor due at once everywhere it may be checked. Returns it and the locations' codes.

    Raises InvalidError for a disabled one or when no location is allowed, UnavailableError when none
    is active, TooManyError within 10 s of the last time.
    """
    # Held, or somebody disabling it meanwhile would find it planned again.
    monitor = _held(actor, identifier)
    if monitor.status is MonitorStatus.DISABLED:
        raise InvalidError("Monitor is disabled")
    active = locations.active(now)
    if not active:
        raise UnavailableError(NOTHING_ACTIVE, retry_after=locations.HEARTBEAT_SECONDS)
    countries = schedules.allowed_countries(monitor)
    codes = {place.id: place.code for place in active if schedules.is_eligible(place, countries)}
    rows = {row.id: codes[row.location_id] for row in monitor.schedules if row.location_id in codes}
    if not rows:
        raise InvalidError(NOTHING_ELIGIBLE)
    pause = int(TRIGGER_PAUSE.total_seconds())
    if not schedules.trigger(list(rows), now, pause_ms=pause * 1000):
        raise TooManyError(message=f"A monitor can be triggered once in {pause} seconds.", retry_after=pause)
    audit.record(actor, AuditAction.MONITOR_TRIGGER, monitor, now=now)
    return monitor, list(rows.values())


def target_of(
    actor: Actor, *, now: datetime, customer_id: Any, organization_id: int | None = None, **fields: Any
) -> CheckTarget:
    """What a create body would be checked as, without making the monitor."""
    access.require_standing(actor, now)
    _customer(actor, customer_id, organization_id)
    return target_from_config(fields["hostname"], fields.get("port"), chosen_config(fields, {}) or {})


def _customer(actor: Actor, reference: Any, organization_id: int | None) -> Customer:
    return customers.find(actor, reference, access.organization_in_question(actor, organization_id))
