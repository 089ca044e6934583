"""Trying a channel: a message that says it is a test, to a stored channel or to one that may be made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app import notifiers
from app.crypto import Vault
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import ActorKind, AlertEvent, ErrorCode, Protocol
from app.domain.notification import Delivery, Destination, Notice, NoticeIncident, NoticeMonitor, Party
from app.errors import InvalidError, NotFoundError
from app.extensions import db
from app.models import Customer, Monitor, NotificationChannel, Organization
from app.notifiers import Transport
from app.services import access, channel_config, notices, notification_channels, organizations
from app.services.access import Action, Actor
from app.services.notification_channels import UNCHANGING, owner_of, require_same_kind

EXAMPLE_CUSTOMER = Party(public_id=UUID("11111111-1111-4111-8111-111111111111"), name="Example Customer")
EXAMPLE_MONITOR = NoticeMonitor(
    public_id=UUID("66666666-6666-4666-8666-666666666666"),
    name="Mailbox Access",
    hostname="mail.example.com",
    port=993,
    protocol=Protocol.IMAP,
)
"""The API page's own, for channels that are of no one customer or monitor."""

Owner = Organization | Customer | Monitor


@dataclass(frozen=True)
class Trial:
    """What is to be sent, and where; it is sent when the database is not held any more."""

    notice: Notice
    destination: Destination


def prepare(
    actor: Actor,
    vault: Vault,
    *,
    now: datetime,
    id: UUID | int | None = None,  # noqa: A002 - the field's name
    **fields: Any,
) -> Trial:
    """The message to the stored channel `id`, with the keys of `config` in their places as an update would
    put them; without `id` to the channel that a create would make of the fields.

    Stored secrets are used by those alone who may manage channels. Raises InvalidError, ForbiddenError,
    NotFoundError.
    """
    access.require_standing(actor, now)
    if id is None:
        destination = _given(fields)
        return _trial(_owner(actor, fields), destination, now)
    access.require(actor, Action.MANAGE_CHANNELS)
    channel = notification_channels.find(actor, id)
    return _trial(_owner_of(channel), _stored(actor, vault, channel, fields), now)


def _given(fields: Mapping[str, Any]) -> Destination:
    kind = CHANNEL_TYPES[fields["type"]]
    config = channel_config.new_config(kind, fields["config"]).whole
    return Destination(type=kind.name, name=fields.get("name") or kind.name, config=config)


def _stored(actor: Actor, vault: Vault, channel: NotificationChannel, fields: dict[str, Any]) -> Destination:
    if fields.get("organization_id") not in {None, channel.organization_id}:
        raise InvalidError(faults={"organizationId": [UNCHANGING]})
    require_same_kind(actor, channel, fields)
    # Also without any keys: this way, secrets that cannot be decrypted any more are told of.
    sent = fields.get("config") or {}
    config = channel_config.changed_config(CHANNEL_TYPES[channel.type], sent, channel, vault).whole
    return Destination(type=channel.type, name=fields.get("name") or channel.name, config=config)


def _owner(actor: Actor, fields: Mapping[str, Any]) -> Owner:
    """Whose the channel would be.

    A user who tries one for all reaches nothing of other customers. A token of a customer acts on that one
    alone (contract section 2), so it has to name it.
    """
    customer_id, monitor_id = fields.get("customer_id"), fields.get("imap_pop_monitor_id")
    organization_id = fields.get("organization_id")
    if customer_id is None and monitor_id is None:
        if actor.kind is ActorKind.TOKEN:
            access.require_unrestricted(actor)
        return organizations.get(actor, organization_id)
    return owner_of(
        actor, organization_id=organization_id, customer_id=customer_id, imap_pop_monitor_id=monitor_id
    )


def _owner_of(channel: NotificationChannel) -> Owner:
    owner: Owner | None
    if channel.monitor_id is not None:
        owner = db.session.get(Monitor, channel.monitor_id)
    elif channel.customer_id is not None:
        owner = db.session.get(Customer, channel.customer_id)
    else:
        owner = db.session.get(Organization, channel.organization_id)
    if owner is None:
        # It went meanwhile, and the channel with it.
        raise NotFoundError(notification_channels.NOT_FOUND)
    return owner


def _trial(owner: Owner, destination: Destination, now: datetime) -> Trial:
    organization = (
        owner if isinstance(owner, Organization) else db.session.get_one(Organization, owner.organization_id)
    )
    customer = owner.customer if isinstance(owner, Monitor) else owner
    notice = Notice(
        event=AlertEvent.ALERT,
        id=uuid4(),
        attempt=1,
        sent_at=now,
        language=organization.language,
        time_zone=organization.time_zone,
        incident=NoticeIncident(
            public_id=uuid4(),
            type=ErrorCode.CONNECTION_REFUSED,
            started_at=now,
            ended_at=None,
            error_message=None,
        ),
        monitor=notices.told_monitor(owner) if isinstance(owner, Monitor) else EXAMPLE_MONITOR,
        customer=notices.party(customer) if isinstance(customer, Customer) else EXAMPLE_CUSTOMER,
        organization=notices.party(organization),
        is_test=True,
    )
    return Trial(notice, destination)


def send(trial: Trial, transport: Transport) -> Delivery:
    """Within the delivery's deadline; never raises."""
    return notifiers.send(trial.notice, trial.destination, transport)
