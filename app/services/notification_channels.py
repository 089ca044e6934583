"""Notification channels: found, listed, made, changed, removed (contract section 4)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select

from app.crypto import Vault
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import AuditAction, ChannelCategory
from app.domain.json_value import is_same
from app.domain.names import camel_case
from app.errors import ConflictError, InvalidError, NotFoundError
from app.extensions import db
from app.models import Alert, Customer, Monitor, NotificationChannel, Organization
from app.services import access, audit, channel_config, customers, monitors, organizations
from app.services.access import Actor
from app.services.identifiers import parse_reference
from app.services.locking import begin_writing, locked
from app.services.pages import Page, fetch_page

NOT_FOUND = "Notification channel not found"
INVALID_CHANNEL = "Invalid Notification channel identifier"
TOO_MANY = "Too many notification channels"
MAX_CHANNELS = 100
"""Of one monitor, of one customer, and of an organization as a whole."""
UNCHANGING = "cannot be changed: make another channel"


def get(actor: Actor, identifier: str) -> NotificationChannel:
    """The channel that a path names, by number or public id.

    Raises InvalidError for what is neither, NotFoundError, ForbiddenError.
    """
    reference = parse_reference(identifier)
    if reference is None:
        raise InvalidError(INVALID_CHANNEL)
    return find(actor, reference)


def find(actor: Actor, reference: UUID | int) -> NotificationChannel:
    return _visible(
        actor, db.session.scalar(select(NotificationChannel).where(NotificationChannel.is_named(reference)))
    )


def _visible(actor: Actor, channel: NotificationChannel | None) -> NotificationChannel:
    if channel is None:
        raise NotFoundError(NOT_FOUND)
    access.require_visible(
        actor, organization_id=channel.organization_id, customer_id=channel.customer_id, title=NOT_FOUND
    )
    return channel


def list_page(
    actor: Actor,
    *,
    page: int,
    per_page: int,
    organization_id: int | None = None,
    customer_id: Any = None,
    imap_pop_monitor_id: Any = None,
) -> Page[NotificationChannel]:
    """One page of the channels that the actor may see.

    With `customer_id` those of that customer and its monitors; with `imap_pop_monitor_id` all that concern
    that monitor, those of its customer and of the organization too.
    """
    organization = access.organization_in_question(actor, organization_id)
    conditions = [NotificationChannel.organization_id == organization, access.visible_channels(actor)]
    if customer_id is not None:
        customer = customers.find(actor, customer_id, organization)
        conditions.append(NotificationChannel.customer_id == customer.id)
    if imap_pop_monitor_id is not None:
        monitor = monitors.find(actor, imap_pop_monitor_id, organization)
        conditions += [
            or_(
                NotificationChannel.customer_id.is_(None),
                NotificationChannel.customer_id == monitor.customer_id,
            ),
            or_(NotificationChannel.monitor_id.is_(None), NotificationChannel.monitor_id == monitor.id),
        ]
    return fetch_page(
        NotificationChannel, conditions, page=page, per_page=per_page, order_by=[NotificationChannel.id]
    )


def create(
    actor: Actor,
    vault: Vault,
    *,
    now: datetime,
    type: str,  # noqa: A002 - the field's name
    config: Mapping[str, Any],
    organization_id: int | None = None,
    customer_id: Any = None,
    imap_pop_monitor_id: Any = None,
    category: ChannelCategory | None = None,
    **fields: Any,
) -> NotificationChannel:
    """Add a channel to a monitor, else to a customer, else to the whole organization.

    Raises InvalidError, ForbiddenError beyond the actor's customers, NotFoundError, ConflictError when
    there are too many.
    """
    kind = CHANNEL_TYPES[type]
    if category not in {None, kind.category}:
        raise InvalidError(
            message=f"The category of {type} is {kind.category}.",
            faults={"category": [f"must be {kind.category} for this type"]},
        )
    split = channel_config.new_config(kind, config)
    owner = owner_of(
        actor,
        organization_id=organization_id,
        customer_id=customer_id,
        imap_pop_monitor_id=imap_pop_monitor_id,
    )
    level = _require_room(actor, owner)
    public_id = uuid4()
    channel = NotificationChannel(
        public_id=public_id,
        type=type,
        category=kind.category,
        config=split.shown,
        secrets_encrypted=channel_config.seal(vault, public_id, split.secrets),
        created_at=now,
        updated_at=now,
        **level,
        **fields,
    )
    db.session.add(channel)
    db.session.flush()  # the id, which is part of the answer
    changes = audit.changes_of({}, {"type": type, **level, **fields})
    changes |= channel_config.config_changes(None, split)
    audit.record(actor, AuditAction.CHANNEL_CREATE, channel, now=now, changes=changes)
    return channel


def update(
    actor: Actor, vault: Vault, identifier: str, *, now: datetime, **fields: Any
) -> NotificationChannel:
    """Set the keys that are given; of the config, those of its keys that are given.

    Type and level are sent only as they are.
    """
    channel = _visible(actor, locked(get(actor, identifier), NOT_FOUND))
    values = dict(fields)
    require_same_kind(actor, channel, values)
    changes: audit.Changes = {}
    if "config" in values:
        changes = _set_config(channel, vault, values.pop("config"))
    changed = {name: value for name, value in values.items() if not is_same(getattr(channel, name), value)}
    changes |= audit.changes_of({name: getattr(channel, name) for name in changed}, changed)
    for name, value in changed.items():
        setattr(channel, name, value)
    if changes:
        channel.updated_at = now
        audit.record(actor, AuditAction.CHANNEL_UPDATE, channel, now=now, changes=changes)
    return channel


def delete(actor: Actor, identifier: str, *, now: datetime) -> None:
    """Remove a channel. What waits to be sent to it is not sent; what was sent stays in the history."""
    channel = get(actor, identifier)
    begin_writing()
    # First, in the order in which those who write alerts take their locks: the alert, then its channel.
    db.session.execute(
        select(Alert.id).where(Alert.channel_id == channel.id).order_by(Alert.id).with_for_update()
    )
    channel = _visible(actor, locked(channel, NOT_FOUND, for_removal=True))
    db.session.delete(channel)
    audit.record(actor, AuditAction.CHANNEL_DELETE, channel, now=now)


def owner_of(
    actor: Actor, *, organization_id: int | None, customer_id: Any, imap_pop_monitor_id: Any
) -> Organization | Customer | Monitor:
    """What a channel is to be of: the monitor, else the customer, else the organization.

    Raises InvalidError for a monitor of another customer, ForbiddenError, NotFoundError.
    """
    organization = organizations.get(actor, organization_id)
    customer = None if customer_id is None else customers.find(actor, customer_id, organization.id)
    if imap_pop_monitor_id is None:
        if customer is None:
            access.require_unrestricted(actor)
        return customer or organization
    monitor = monitors.find(actor, imap_pop_monitor_id, organization.id)
    if customer is not None and customer.id != monitor.customer_id:
        raise InvalidError(
            message="The monitor is another customer's. Leave customerId out to take the monitor's own.",
            faults={"customerId": ["is not the customer of this monitor"]},
        )
    return monitor


def _require_room(actor: Actor, owner: Organization | Customer | Monitor) -> dict[str, int | None]:
    """Every alert goes to all of them. Raises ConflictError when there are too many.

    The owner is held from here on: of many requests at once, one takes the last place; and a monitor is
    not moved to another customer meanwhile. Returns the columns that say whose the channel is.
    """
    level = _level(_held(actor, owner))
    same_level = (getattr(NotificationChannel, name) == value for name, value in level.items())
    count = db.session.scalar(select(func.count()).select_from(NotificationChannel).where(*same_level)) or 0
    if count >= MAX_CHANNELS:
        raise ConflictError(TOO_MANY, f"There are {count} already. Delete those that nobody needs.")
    return level


def _held(actor: Actor, owner: Organization | Customer | Monitor) -> Organization | Customer | Monitor:
    if isinstance(owner, Organization):
        return locked(owner, organizations.NOT_FOUND)
    if isinstance(owner, Customer):
        return locked(owner, customers.CUSTOMER_NOT_FOUND)
    monitor = locked(owner, monitors.NOT_FOUND)
    # The change before may have moved it to another customer.
    return monitors.find(actor, monitor.id, monitor.organization_id)


def _level(owner: Organization | Customer | Monitor) -> dict[str, int | None]:
    if isinstance(owner, Organization):
        return {"organization_id": owner.id, "customer_id": None, "monitor_id": None}
    customer_id, monitor_id = (
        (owner.customer_id, owner.id) if isinstance(owner, Monitor) else (owner.id, None)
    )
    return {
        "organization_id": owner.organization_id,
        "customer_id": customer_id,
        "monitor_id": monitor_id,
    }


def _set_config(channel: NotificationChannel, vault: Vault, sent: Mapping[str, Any]) -> audit.Changes:
    """Returns what changed, for the audit trail."""
    before = channel_config.stored_config(vault, channel)
    after = channel_config.changed_config(CHANNEL_TYPES[channel.type], sent, channel, vault)
    changes = channel_config.config_changes(before, after)
    if changes:
        channel.config = after.shown
        # Anew also where the secrets are the same: then under the first of the keys.
        channel.secrets_encrypted = channel_config.seal(vault, channel.public_id, after.secrets)
    return changes


def require_same_kind(actor: Actor, channel: NotificationChannel, values: dict[str, Any]) -> None:
    """Take out what says of which kind and whose a channel is. Raises InvalidError unless it is as stored."""
    sent: dict[str, Any] = {name: values.pop(name) for name in ("type", "category") if name in values}
    stored: dict[str, Any] = {"type": channel.type, "category": channel.category}
    for name, find_owner, owner_id in (
        ("customer_id", customers.find, channel.customer_id),
        ("imap_pop_monitor_id", monitors.find, channel.monitor_id),
    ):
        if name in values:
            reference = values.pop(name)
            owner = None if reference is None else find_owner(actor, reference, channel.organization_id)
            sent[name], stored[name] = owner and owner.id, owner_id
    faults = {camel_case(name): [UNCHANGING] for name, value in sent.items() if value != stored[name]}
    if faults:
        raise InvalidError(message=f"{', '.join(faults)} {UNCHANGING}.", faults=faults)
