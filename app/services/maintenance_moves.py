"""What becomes of maintenance when a monitor is moved or removed, or a customer is removed."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import insert, select, update

from app.domain.enums import AuditAction
from app.extensions import db
from app.models import Customer, MaintenancePeriod, MaintenanceTarget, MaintenanceWindow, Monitor
from app.services import audit
from app.services.access import Actor
from app.services.batches import batches
from app.services.maintenance_periods import catch_up, concerns, hold, hold_customers, settle
from app.services.maintenance_room import counts, require_room


def hold_for(thing: Monitor | Customer, *others: Customer) -> None:
    """Before it is held itself: hold what has to be held first for what follows (maintenance_periods).

    `others`: where a monitor is to be moved.
    """
    if isinstance(thing, Monitor):
        hold_customers(thing.customer_id, *(customer.id for customer in others))
        hold(concerns(thing.id, thing.customer_id))
    else:
        hold_customers(thing.id)
        hold(MaintenanceWindow.customer_id == thing.id)


def follow_monitor(actor: Actor, monitor: Monitor, former: int, now: datetime) -> None:
    """After the move of a monitor from the customer with the number `former`: its past stays what it was.

    A window for it alone moves with it, others lose it. Raises ConflictError when that makes too many.
    """
    moved = []
    for window in hold(concerns(monitor.id, former)):
        catch_up(window, now)
        if window.covers_customer:
            continue
        if len(window.targets) > 1:
            _take_out(actor, window, {monitor.id}, now)
            continue
        moved.append(window)
        window.customer_id, window.updated_at = monitor.customer_id, now
        changes = audit.changes_of({"customer_id": former}, {"customer_id": monitor.customer_id})
        audit.record(actor, AuditAction.MAINTENANCE_UPDATE, window, now=now, changes=changes)
    if any(counts(window, now) for window in moved):
        require_room(monitor.customer_id, now)
    _keep_past(monitor, former, now)
    monitor.customer_since = now


def tell_removal(actor: Actor, customer: Customer, now: datetime) -> None:
    """Before the removal of a customer, with which its windows go."""
    for window in hold(MaintenanceWindow.customer_id == customer.id):
        audit.record(actor, AuditAction.MAINTENANCE_DELETE, window, now=now)


def tell_removals(actor: Actor, monitors: Sequence[Monitor], now: datetime) -> None:
    """Before the removal of monitors: windows for them alone go."""
    ids = {monitor.id for monitor in monitors}
    for some in batches(sorted(ids)):
        for window in hold(MaintenanceWindow.targets.any(MaintenanceTarget.monitor_id.in_(some))):
            if any(target.monitor_id not in ids for target in window.targets):
                _take_out(actor, window, ids, now)
            else:
                audit.record(actor, AuditAction.MAINTENANCE_DELETE, window, now=now)
                db.session.delete(window)
        db.session.flush()  # what the database itself removes with the monitor would be missed later


def _take_out(actor: Actor, window: MaintenanceWindow, ids: Collection[int], now: datetime) -> None:
    before = [target.monitor_id for target in window.targets]
    window.targets = [target for target in window.targets if target.monitor_id not in ids]
    window.updated_at = now
    settle(window, now)
    after = [target.monitor_id for target in window.targets]
    changes = audit.changes_of({"targets": before}, {"targets": after})
    audit.record(actor, AuditAction.MAINTENANCE_UPDATE, window, now=now, changes=changes)


def _keep_past(monitor: Monitor, former: int, now: datetime) -> None:
    """What held for all monitors of the former customer is from now on written down as the monitor's own."""
    period, since = MaintenancePeriod, monitor.customer_since or monitor.created_at
    mine = {"customer_id": monitor.customer_id, "monitor_id": monitor.id}
    db.session.execute(update(period).where(period.monitor_id == monitor.id).values(mine))
    shared = db.session.execute(
        select(period.window_id, period.started_at, period.ended_at).where(
            period.customer_id == former,
            period.monitor_id.is_(None),
            period.started_at < now,
            period.ended_at > since,
        )
    )
    copies = [
        {**mine, "window_id": window_id, "started_at": max(start, since), "ended_at": min(end or now, now)}
        for window_id, start, end in shared
    ]
    if copies:
        db.session.execute(insert(period), copies)
