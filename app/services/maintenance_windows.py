"""Maintenance windows: found, listed, made, changed, removed. None of it reaches into the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from app.domain.enums import AuditAction
from app.domain.maintenance import faults
from app.errors import InvalidError, NotFoundError
from app.extensions import db
from app.models import Customer, MaintenanceTarget, MaintenanceWindow, Monitor
from app.services import access, audit, customers, maintenance, monitors, organizations
from app.services.access import Actor
from app.services.identifiers import parse_reference
from app.services.locking import locked
from app.services.maintenance_periods import catch_up, concerns, hold_customers, plan_of, settle
from app.services.maintenance_room import counts, require_room
from app.services.pages import Page, fetch_page

NOT_FOUND = "Maintenance window not found"
INVALID_WINDOW = "Invalid Maintenance window identifier"
MAX_TARGETS = 1000

MIXED = "must be monitors of one customer"
OTHER_CUSTOMER = "must be the customer of the targets, or be left out"
OTHER_TARGET = "must be the one target, or be left out"
NO_TARGETS = "must not be empty: send [] and customerId for all monitors of the customer"
NOT_BESIDE_NO_TARGETS = "must be null or left out when targets is empty"
NOTHING_CHOSEN = "is required, or imapPopMonitorId, or customerId for all monitors of a customer"
NO_PATTERN = "is required when isRecurring is true"
NOT_RECURRING = "must be null unless isRecurring is true"

PLAN = ("start_time", "end_time", "time_zone", "is_recurring", "recurrence_pattern", "is_active")
"""Columns that say when it is open."""
COLUMNS = ("name", "description", *PLAN)


@dataclass(frozen=True)
class Selection:
    """What a window covers."""

    customer_id: int
    monitor_ids: frozenset[int] | None
    """None: all of the customer."""


def get(actor: Actor, identifier: str) -> MaintenanceWindow:
    """The window that a path names. Raises InvalidError for what is neither UUID nor number."""
    reference = parse_reference(identifier)
    if reference is None:
        raise InvalidError(INVALID_WINDOW)
    return _visible(
        actor, db.session.scalar(select(MaintenanceWindow).where(MaintenanceWindow.is_named(reference)))
    )


def _visible(actor: Actor, window: MaintenanceWindow | None) -> MaintenanceWindow:
    if window is None:
        raise NotFoundError(NOT_FOUND)
    access.require_visible(
        actor, organization_id=window.organization_id, customer_id=window.customer_id, title=NOT_FOUND
    )
    return window


def _held(
    actor: Actor, identifier: str, now: datetime, fields: Mapping[str, Any] | None = None
) -> MaintenanceWindow:
    """The same, locked, with all written down that it has been until now.

    `fields`: what is to be changed, be it to another customer.
    """
    window = get(actor, identifier)
    chosen = _selection(actor, window.organization_id, fields or {}, window)
    hold_customers(window.customer_id, *([chosen.customer_id] if chosen else []))
    window = _visible(actor, locked(window, NOT_FOUND))
    catch_up(window, now)
    return window


def list_page(
    actor: Actor,
    *,
    now: datetime,
    page: int,
    per_page: int,
    organization_id: int | None = None,
    customer_id: UUID | int | None = None,
    imap_pop_monitor_id: UUID | int | None = None,
    active: bool | None = None,
) -> Page[MaintenanceWindow]:
    """One page of the windows that the actor may see.

    Of a customer; that concern a monitor, by name or as one of its customer's; `active`: that are open now,
    or are not.
    """
    organization = access.organization_in_question(actor, organization_id)
    conditions = [MaintenanceWindow.organization_id == organization, access.visible_windows(actor)]
    if customer_id is not None:
        customer = select(Customer.id).where(Customer.is_named(customer_id))
        conditions.append(MaintenanceWindow.customer_id == customer.scalar_subquery())
    if imap_pop_monitor_id is not None:
        conditions.append(_concerns(imap_pop_monitor_id))
    if active is not None:
        is_open = MaintenanceWindow.id.in_(maintenance.open_windows(organization, now))
        conditions.append(is_open if active else ~is_open)
    return fetch_page(
        MaintenanceWindow,
        conditions,
        page=page,
        per_page=per_page,
        order_by=[MaintenanceWindow.id],
        options=[selectinload(MaintenanceWindow.targets)],
    )


def _concerns(reference: UUID | int) -> ColumnElement[bool]:
    monitor = select(Monitor.id, Monitor.customer_id).where(Monitor.is_named(reference)).subquery()
    return concerns(select(monitor.c.id).scalar_subquery(), select(monitor.c.customer_id).scalar_subquery())


def create(
    actor: Actor, *, now: datetime, organization_id: int | None = None, **fields: Any
) -> MaintenanceWindow:
    """Add a window. One that has begun already counts from now on.

    Raises InvalidError, NotFoundError for an unknown customer or monitor, ForbiddenError, ConflictError when
    the customer has too many.
    """
    columns = {name: fields.get(name) for name in COLUMNS}
    window = MaintenanceWindow(noted_until=now, created_at=now, updated_at=now, **columns)
    # What is wrong is told before what is not there.
    _require_sound(window)
    organization = organizations.get(actor, organization_id)
    window.organization_id = organization.id
    if window.time_zone is None:
        window.time_zone = organization.time_zone
        _require_sound(window)
    hold_customers(_first_selection(actor, organization.id, fields).customer_id)
    # Asked again: until now a monitor may have been moved.
    chosen = _first_selection(actor, organization.id, fields)
    _choose(window, chosen)
    db.session.add(window)
    _flush()  # the id, which is part of the answer
    settle(window, now)
    if counts(window, now):
        require_room(window.customer_id, now)
    audit.record(
        actor, AuditAction.MAINTENANCE_CREATE, window, now=now, changes=audit.changes_of({}, _told(window))
    )
    return window


def update(actor: Actor, identifier: str, *, now: datetime, **fields: Any) -> MaintenanceWindow:
    """Set the keys that are given; targets, if need be with the customer, replace the whole selection.

    What is open now ends, or ends at another time, from now on. Raises what `create` does.
    """
    window = _held(actor, identifier, now, fields)
    before, had_place = _told(window), counts(window, now)
    chosen = _selection(actor, window.organization_id, fields, window)
    values = {name: fields[name] for name in COLUMNS if name in fields}
    if values.get("is_recurring") is False:
        values.setdefault("recurrence_pattern", None)
    for name, value in values.items():
        if getattr(window, name) != value:
            setattr(window, name, value)
    if chosen is not None:
        _choose(window, chosen)
    after = _told(window)
    changes = audit.changes_of(before, after)
    if not changes:
        return window
    _require_sound(window)
    window.updated_at = now
    _flush()
    if any(before[name] != after[name] for name in ("customer_id", "targets", *PLAN)):
        settle(window, now)
    is_new_there = not had_place or window.customer_id != before["customer_id"]
    if is_new_there and counts(window, now):
        require_room(window.customer_id, now)
    audit.record(actor, AuditAction.MAINTENANCE_UPDATE, window, now=now, changes=changes)
    return window


def delete(actor: Actor, identifier: str, *, now: datetime) -> None:
    """Remove a window. If it is open that ends now; what has been stays."""
    window = _held(actor, identifier, now)
    window.is_active = False
    settle(window, now)
    db.session.flush()  # the periods, which lose the window when it goes
    db.session.delete(window)
    audit.record(actor, AuditAction.MAINTENANCE_DELETE, window, now=now)


def _require_sound(window: MaintenanceWindow) -> None:
    """Raises InvalidError for what is wrong with the window as a whole.

    When it recurs is left out of it as long as the window has no time zone.
    """
    if window.is_recurring is (window.recurrence_pattern is None):
        raise InvalidError(
            faults={"recurrencePattern": [NO_PATTERN if window.is_recurring else NOT_RECURRING]}
        )
    plan = plan_of(window)
    if wrong := faults(plan if plan.time_zone else replace(plan, recurrence=None)):
        raise InvalidError(faults=wrong)


def _first_selection(actor: Actor, organization_id: int, fields: Mapping[str, Any]) -> Selection:
    """Of a new window, which has to say what it covers. Raises InvalidError."""
    chosen = _selection(actor, organization_id, fields)
    if chosen is None:
        raise InvalidError(faults={"targets": [NOTHING_CHOSEN]})
    return chosen


def _selection(
    actor: Actor, organization_id: int, fields: Mapping[str, Any], window: MaintenanceWindow | None = None
) -> Selection | None:
    """What a body chooses; None when it says nothing of it.

    What was read can be sent back, so customer and monitors may come together if they belong together. A
    window for some monitors comes to be for all of a customer by `targets: []` with the customer, and by
    nothing less.
    """
    targets, single = fields.get("targets"), fields.get("imap_pop_monitor_id")
    references = targets or ([] if single is None else [single])
    customer = None
    if "customer_id" in fields:
        customer = customers.find(actor, fields["customer_id"], organization_id).id
    if references:
        chosen = _of_monitors(actor, references, organization_id)
        if customer not in {None, chosen.customer_id}:
            raise InvalidError(faults={"customerId": [OTHER_CUSTOMER]})
        if targets and single is not None and _of_monitors(actor, [single], organization_id) != chosen:
            raise InvalidError(faults={"imapPopMonitorId": [OTHER_TARGET]})
        return chosen
    if window is not None and not window.covers_customer and (customer is None or targets is None):
        _require_kept(fields, window, customer)
        return None
    return None if customer is None else Selection(customer, None)


def _require_kept(fields: Mapping[str, Any], window: MaintenanceWindow, customer: int | None) -> None:
    """Raises InvalidError unless a body that names no monitors leaves those of a window as they are."""
    if _is_emptied(fields, window):
        raise InvalidError(faults={"targets": [NO_TARGETS]})
    if customer not in {None, window.customer_id}:
        raise InvalidError(faults={"customerId": [OTHER_CUSTOMER]})


def _is_emptied(fields: Mapping[str, Any], window: MaintenanceWindow) -> bool:
    """Whether a body takes the monitors away and names no others: it would cover nothing, or everything."""
    if "targets" in fields:
        return True
    # Null is also what is read of a window with several.
    return "imap_pop_monitor_id" in fields and len(window.targets) == 1


def _of_monitors(actor: Actor, references: Sequence[UUID | int], organization_id: int) -> Selection:
    """Raises NotFoundError, ForbiddenError, or InvalidError for monitors of several customers."""
    numbers = [number for number in references if isinstance(number, int)]
    public_ids = [public_id for public_id in references if isinstance(public_id, UUID)]
    rows = db.session.execute(
        select(Monitor.id, Monitor.public_id, Monitor.customer_id).where(
            Monitor.organization_id == organization_id,
            or_(Monitor.id.in_(numbers), Monitor.public_id.in_(public_ids)),
        )
    ).all()
    known = {row.id for row in rows} | {row.public_id for row in rows}
    if missing := [reference for reference in references if reference not in known]:
        raise NotFoundError(monitors.NOT_FOUND, f"There is no monitor {missing[0]}.")
    for row in rows:
        access.require_visible(
            actor,
            organization_id=organization_id,
            customer_id=row.customer_id,
            title=monitors.NOT_FOUND,
        )
    if len({row.customer_id for row in rows}) > 1:
        raise InvalidError(faults={"targets": [MIXED]})
    return Selection(rows[0].customer_id, frozenset(row.id for row in rows))


def _choose(window: MaintenanceWindow, chosen: Selection) -> None:
    window.customer_id = chosen.customer_id
    window.covers_customer = chosen.monitor_ids is None
    wanted = chosen.monitor_ids or frozenset()
    kept = [target for target in window.targets if target.monitor_id in wanted]
    added = sorted(wanted - {target.monitor_id for target in kept})
    window.targets = [*kept, *(MaintenanceTarget(monitor_id=number) for number in added)]


def _told(window: MaintenanceWindow) -> dict[str, Any]:
    """What the audit trail compares."""
    targets = sorted(target.monitor_id for target in window.targets)
    columns = {name: getattr(window, name) for name in COLUMNS}
    return {"customer_id": window.customer_id, "targets": targets, **columns}


def _flush() -> None:
    """Raises NotFoundError for what was there when it was looked for and is not any more."""
    try:
        db.session.flush()
    except IntegrityError:
        raise NotFoundError(NOT_FOUND, "Its customer, or a monitor of it, was removed meanwhile.") from None
