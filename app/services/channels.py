"""Who hears of a monitor: the channels of its organization, its customer and its own, and its addresses.

How channels are managed: app/services/notification_channels.py.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select

from app.crypto import Vault
from app.domain.channel_conditions import Recipient
from app.domain.channel_types import EMAIL, SMS
from app.domain.enums import AuditAction
from app.domain.notification import Destination
from app.extensions import db
from app.models import Customer, Monitor, NotificationChannel
from app.services import audit
from app.services.access import Actor
from app.services.channel_config import whole_config

_KEYS = {EMAIL: "email", SMS: "phoneNumber"}
"""Under which key of its config a direct address stands."""


def recipients(monitor: Monitor) -> list[Recipient]:
    """All who may hear of this monitor, the most urgent first; one query.

    A direct address is told once, and not at all where an e-mail or SMS channel tells it as soon.
    """
    rows = db.session.execute(
        select(
            Customer.notification_email,
            Customer.notification_phone_number,
            NotificationChannel.id,
            NotificationChannel.type,
            NotificationChannel.name,
            NotificationChannel.config,
            NotificationChannel.priority,
            NotificationChannel.delay_seconds,
            NotificationChannel.conditions,
        )
        .outerjoin(NotificationChannel, and_(NotificationChannel.is_active, _concerns(monitor)))
        .where(Customer.id == monitor.customer_id)
    ).all()
    channels = [row for row in rows if row.id is not None]
    found = [*map(_recipient, channels), *_direct(monitor, rows[0], channels)]
    # Those of channels with the same priority stay in the order in which they were made.
    return sorted(found, key=lambda one: (one.priority, one.channel_id or 0))


def destination(
    channel_id: int | None, channel_type: str, channel_name: str, address: str | None, vault: Vault
) -> Destination | None:
    """Where a message to such a recipient goes; None when the channel was removed or switched off.

    With secrets that cannot be decrypted any more the destination has none, and sending to it fails.
    """
    if address is not None:
        return Destination(type=channel_type, name=channel_name, config={_KEYS[channel_type]: address})
    channel = None if channel_id is None else db.session.get(NotificationChannel, channel_id)
    if channel is None or not channel.is_active:
        return None
    return Destination(type=channel.type, name=channel.name, config=whole_config(vault, channel))


def follow_monitor(actor: Actor, monitor: Monitor, now: datetime) -> None:
    """Take a monitor's channels along to its new customer."""
    for channel in _channels_of(monitor):
        changes = audit.changes_of({"customer_id": channel.customer_id}, {"customer_id": monitor.customer_id})
        channel.customer_id = monitor.customer_id
        audit.record(actor, AuditAction.CHANNEL_UPDATE, channel, now=now, changes=changes)


def tell_removal(actor: Actor, owner: Customer | Monitor, now: datetime) -> None:
    """Note in the trail which channels go with a customer or a monitor."""
    for channel in _channels_of(owner):
        audit.record(actor, AuditAction.CHANNEL_DELETE, channel, now=now)


def _channels_of(owner: Customer | Monitor) -> Iterator[NotificationChannel]:
    column = (
        NotificationChannel.customer_id if isinstance(owner, Customer) else NotificationChannel.monitor_id
    )
    yield from db.session.scalars(
        select(NotificationChannel).where(column == owner.id).order_by(NotificationChannel.id)
    )


def _concerns(monitor: Monitor) -> ColumnElement[bool]:
    """Three looks into one index: what other monitors of the organization have is not read."""
    of_organization = NotificationChannel.organization_id == monitor.organization_id
    of_customer = and_(of_organization, NotificationChannel.customer_id == monitor.customer_id)
    return or_(
        and_(of_organization, NotificationChannel.customer_id.is_(None)),
        and_(of_customer, NotificationChannel.monitor_id.is_(None)),
        and_(of_customer, NotificationChannel.monitor_id == monitor.id),
    )


def _recipient(row: Row[Any]) -> Recipient:
    return Recipient(
        channel_id=row.id,
        type=row.type,
        name=row.name,
        priority=row.priority,
        delay_seconds=row.delay_seconds,
        conditions=row.conditions,
    )


def _direct(monitor: Monitor, customer: Row[Any], channels: list[Row[Any]]) -> Iterator[Recipient]:
    known = {
        _same(row.config[_KEYS[row.type]])
        for row in channels
        if row.type in _KEYS and not row.delay_seconds and not row.conditions
    }
    for channel_type, address in (
        (EMAIL, monitor.notification_email),
        (EMAIL, customer.notification_email),
        (SMS, monitor.notification_phone_number),
        (SMS, customer.notification_phone_number),
    ):
        if address and _same(address) not in known:
            known.add(_same(address))
            yield Recipient(channel_id=None, type=channel_type, name=address, address=address)


def _same(address: str) -> str:
    """Mail servers could tell capitals from small letters, and none does."""
    return address.lower()
