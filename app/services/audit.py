"""The audit trail: who changed what, when, from where. Written in the transaction of the change itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.clock import to_iso
from app.domain.enums import ActorKind, AuditAction
from app.domain.json_value import canonical, is_same
from app.domain.names import camel_case
from app.domain.secrets import harmless, mask
from app.extensions import db
from app.models import (
    ApiToken,
    AuditEntry,
    Customer,
    Incident,
    MaintenanceWindow,
    Monitor,
    NotificationChannel,
    Organization,
    User,
)
from app.services import access
from app.services.access import Actor
from app.services.pages import Page, fetch_page

Target = (
    Organization | Customer | Monitor | MaintenanceWindow | Incident | User | ApiToken | NotificationChannel
)
Changes = dict[str, dict[str, Any]]

MAX_VALUE = 1000
"""Characters, as JSON."""


def record(
    actor: Actor, action: AuditAction, target: Target, *, now: datetime, changes: Changes | None = None
) -> None:
    """Add an entry. The target has its id already; `changes` come from `changes_of`.

    Raises what `access.require_standing` raises: no change goes without an entry, so none is made by
    somebody who was sent away meanwhile.
    """
    record_many(actor, action, [(target, changes or {})], now=now)


def record_many(
    actor: Actor, action: AuditAction, changed: Sequence[tuple[Target, Changes]], *, now: datetime
) -> None:
    """The same for many targets of one kind."""
    own = (User, ActorKind.USER, actor.id)
    if any((type(target), actor.kind, target.id) != own for target, _ in changed):
        with db.session.no_autoflush:
            access.require_standing(actor, now)
    db.session.add_all(_entry(actor, action, target, changes, now) for target, changes in changed)


def _entry(actor: Actor, action: AuditAction, target: Target, changes: Changes, now: datetime) -> AuditEntry:
    return AuditEntry(
        organization_id=_organization_id(target),
        customer_id=target.id if isinstance(target, Customer) else getattr(target, "customer_id", None),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        target_public_id=target.public_id,
        target_name=target.email if isinstance(target, User) else target.name,
        changes=changes,
        address=actor.origin.address,
        request_id=actor.origin.request_id,
        created_at=now,
    )


def changes_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Fields that differ, under their wire names: `{"checkInterval": {"before": 5, "after": 1}}`.

    Secrets are masked by their names, so that the trail tells that one changed and not what it is.
    """
    differing = _differing(before, after)
    return {
        camel_case(name): {"before": _told(mask(old, name)), "after": _told(mask(new, name))}
        for name, (old, new) in differing.items()
    }


def config_changes_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The same for a monitor's config, of which only what is harmless is told.

    The rest is encrypted where it is stored, whatever its name, and must not lie open in the trail.
    """
    return {
        f"imapPopConfig.{name}": {"before": _told(harmless(old, name)), "after": _told(harmless(new, name))}
        for name, (old, new) in _differing(before, after).items()
    }


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [*before, *(name for name in after if name not in before)]
    plain = {name: (_plain(before.get(name)), _plain(after.get(name))) for name in names}
    return {name: (old, new) for name, (old, new) in plain.items() if not is_same(old, new)}


def _told(value: Any) -> Any:
    """The value, or how long it is: the trail is kept for ever, and need not keep whole documents."""
    length = len(canonical(value))
    return value if length <= MAX_VALUE else f"({length} characters)"


def list_page(
    actor: Actor,
    *,
    page: int,
    per_page: int,
    organization_id: int | None = None,
    action: AuditAction | None = None,
    target_public_id: UUID | None = None,
) -> Page[AuditEntry]:
    """One page of an organization's trail, newest first, as far as the actor's customers reach."""
    organization = access.organization_in_question(actor, organization_id)
    conditions = [AuditEntry.organization_id == organization, access.visible_audit_entries(actor)]
    if action is not None:
        conditions.append(AuditEntry.action == action)
    if target_public_id is not None:
        conditions.append(AuditEntry.target_public_id == target_public_id)
    return fetch_page(AuditEntry, conditions, page=page, per_page=per_page, order_by=[AuditEntry.id.desc()])


def _organization_id(target: Target) -> int:
    return target.id if isinstance(target, Organization) else target.organization_id


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, datetime):
        return to_iso(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return value
