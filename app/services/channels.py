"""Who hears of a monitor: the channels of its organization, its customer and its own, and its addresses.

How channels are managed: app/services/notification_channels.py.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, union_all

from app.crypto import DecryptionError, Vault
from app.domain.channel_conditions import Recipient
from app.domain.channel_types import EMAIL, SMS
from app.domain.enums import AuditAction
from app.domain.notification import Destination
from app.extensions import db
from app.models import Customer, Monitor, NotificationChannel
from app.services import audit
from app.services.access import Actor
from app.services.batches import batches
from app.services.channel_config import whole_config

_KEYS = {EMAIL: "email", SMS: "phoneNumber"}
"""Under which key of its config a direct address stands."""


def recipients(monitor: Monitor) -> list[Recipient]:
    """All who may hear of this monitor, the most urgent first.

    A direct address is told once, and not at all where an e-mail or SMS channel tells it as soon.
    """
    return recipients_of([monitor])[monitor.id]


def recipients_of(monitors: Sequence[Monitor]) -> dict[int, list[Recipient]]:
    """The same for many monitors, by the monitor's id, in two queries."""
    columns = (Customer.id, Customer.notification_email, Customer.notification_phone_number)
    customer_ids = {monitor.customer_id for monitor in monitors}
    found = db.session.execute(select(*columns).where(Customer.id.in_(customer_ids)))
    customers: dict[int, Any] = {row.id: row for row in found}
    channels = _channels_for(monitors)
    return {
        monitor.id: _recipients(monitor, customers[monitor.customer_id], channels) for monitor in monitors
    }


def destination(
    channel_id: int | None, channel_type: str, channel_name: str, address: str | None, vault: Vault
) -> Destination | None:
    """Where a message to such a recipient goes; None when the channel was removed or switched off.

    Raises crypto.DecryptionError when its secrets cannot be decrypted, which the log tells.
    """
    if address is not None:
        return Destination(type=channel_type, name=channel_name, config={_KEYS[channel_type]: address})
    channel = None if channel_id is None else db.session.get(NotificationChannel, channel_id)
    if channel is None or not channel.is_active:
        return None
    config = whole_config(vault, channel)
    if config is None:
        raise DecryptionError
    return Destination(type=channel.type, name=channel.name, config=config)


def concerns(channel_id: int | None, address: str | None, monitor: Monitor) -> bool:
    """Whether such a recipient is one of the monitor's still: of its organization, its customer or its own.

    Addresses also where a channel tells the same one.
    """
    if address is not None:
        customer = monitor.customer
        addresses = (
            monitor.notification_email,
            monitor.notification_phone_number,
            customer.notification_email,
            customer.notification_phone_number,
        )
        return _same(address) in {_same(one) for one in addresses if one}
    channel = None if channel_id is None else db.session.get(NotificationChannel, channel_id)
    return (
        channel is not None
        and channel.organization_id == monitor.organization_id
        and channel.customer_id in {None, monitor.customer_id}
        and channel.monitor_id in {None, monitor.id}
    )


def former_customer(channel_id: int | None, address: str | None, monitor: Monitor) -> Customer | None:
    """Whose recipient it is, which does not concern the monitor any more; None when it is nobody's now."""
    if address is not None:
        columns = (Customer.notification_email, Customer.notification_phone_number)
        is_theirs = or_(*(func.lower(column) == _same(address) for column in columns))
        of_organization = Customer.organization_id == monitor.organization_id
        return db.session.scalar(select(Customer).where(of_organization, is_theirs).order_by(Customer.id))
    channel = None if channel_id is None else db.session.get(NotificationChannel, channel_id)
    if channel is None or channel.customer_id is None or channel.organization_id != monitor.organization_id:
        return None
    return db.session.get(Customer, channel.customer_id)


def active(channel_ids: Collection[int]) -> list[Recipient]:
    """Those of the channels that are not switched off, whomever they concern."""
    if not channel_ids:
        return []
    found = db.session.execute(_active(NotificationChannel.id.in_(channel_ids)))
    return [_recipient(row) for row in found]


def follow_monitor(actor: Actor, monitor: Monitor, now: datetime) -> None:
    """Take a monitor's channels along to its new customer."""
    for channel in _channels_of([monitor]):
        changes = audit.changes_of({"customer_id": channel.customer_id}, {"customer_id": monitor.customer_id})
        channel.customer_id = monitor.customer_id
        audit.record(actor, AuditAction.CHANNEL_UPDATE, channel, now=now, changes=changes)


def tell_removal(actor: Actor, owners: Sequence[Customer] | Sequence[Monitor], now: datetime) -> None:
    """Note in the trail which channels go with customers or monitors."""
    channels: list[tuple[audit.Target, audit.Changes]] = [(one, {}) for one in _channels_of(owners)]
    if channels:
        audit.record_many(actor, AuditAction.CHANNEL_DELETE, channels, now=now)


def _channels_of(owners: Sequence[Customer] | Sequence[Monitor]) -> Iterator[NotificationChannel]:
    channel = NotificationChannel
    column = channel.customer_id if isinstance(owners[0], Customer) else channel.monitor_id
    for some in batches([owner.id for owner in owners]):
        yield from db.session.scalars(select(channel).where(column.in_(some)).order_by(channel.id))


def _channels_for(monitors: Sequence[Monitor]) -> Mapping[Any, list[Row[Any]]]:
    """Active channels that may concern these monitors, by organization, customer and monitor."""
    channel = NotificationChannel
    of_organization = channel.organization_id.in_({monitor.organization_id for monitor in monitors})
    of_customer = channel.customer_id.in_({monitor.customer_id for monitor in monitors})
    of_monitor = channel.monitor_id.in_({monitor.id for monitor in monitors})
    # Three looks into indexes, where one look for all would read what others of the organization have.
    found = db.session.execute(
        union_all(
            _active(of_organization, channel.customer_id.is_(None), channel.monitor_id.is_(None)),
            _active(of_organization, of_customer, channel.monitor_id.is_(None)),
            _active(of_monitor),
        )
    ).all()
    channels: dict[Any, list[Row[Any]]] = {}
    for row in found:
        channels.setdefault((row.organization_id, row.customer_id, row.monitor_id), []).append(row)
    return channels


def _active(*conditions: ColumnElement[bool]) -> Select[Any]:
    channel = NotificationChannel
    return select(
        channel.organization_id,
        channel.customer_id,
        channel.monitor_id,
        channel.id,
        channel.type,
        channel.name,
        channel.config,
        channel.priority,
        channel.delay_seconds,
        channel.conditions,
    ).where(channel.is_active, *conditions)


def _recipients(monitor: Monitor, customer: Row[Any], known: Mapping[Any, list[Row[Any]]]) -> list[Recipient]:
    place = (monitor.organization_id, monitor.customer_id, monitor.id)
    levels = (place, (*place[:2], None), (place[0], None, None))
    channels = [row for level in levels for row in known.get(level, ())]
    found = [*map(_recipient, channels), *_direct(monitor, customer, channels)]
    # Those of channels with the same priority stay in the order in which they were made.
    return sorted(found, key=lambda one: (one.priority, one.channel_id or 0))


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
