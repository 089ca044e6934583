"""Many monitors made at once: what an organization has of them already, and how they are added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.domain.enums import Protocol
from app.extensions import db
from app.models import Customer, Monitor
from app.services import monitors
from app.services.access import Actor
from app.services.monitor_config import ConfigStore

Mailbox = tuple[int, Protocol, str]
"""The customer's number, the protocol, and the key of host name, port and user."""
Name = tuple[int, str]
"""The customer's number, and the monitor's name."""


@dataclass(frozen=True)
class Known:
    """What an organization has, looked up once for all that is to be added."""

    customers: Mapping[int | UUID, int]
    """Public and numeric ids -> numbers."""
    customers_by_name: Mapping[str, Sequence[int]]
    mailboxes: set[Mailbox] = field(default_factory=set)
    names: set[Name] = field(default_factory=set)


def known(organization_id: int) -> Known:
    by_id: dict[int | UUID, int] = {}
    by_name: dict[str, list[int]] = {}
    of_customer = select(Customer.id, Customer.public_id, Customer.name)
    customers = db.session.execute(of_customer.where(Customer.organization_id == organization_id))
    for number, public_id, name in customers:
        by_id |= {number: number, public_id: number}
        by_name.setdefault(name, []).append(number)
    found = Known(by_id, by_name)
    of_monitor = select(Monitor.customer_id, Monitor.protocol, Monitor.mailbox_key, Monitor.name)
    there = db.session.execute(of_monitor.where(Monitor.organization_id == organization_id))
    for number, protocol, mailbox_key, name in there:
        found.mailboxes.add((number, protocol, mailbox_key))
        found.names.add((number, name))
    return found


def mailbox_of(store: ConfigStore, fields: Mapping[str, Any]) -> Mailbox:
    """Of what `monitors.create` would be given."""
    config = fields["imap_pop_config"]
    _, key = store.mailbox(fields["hostname"], fields.get("port"), config)
    return fields["customer_id"], Protocol(config.get("protocol") or Protocol.IMAP), key


def add(actor: Actor, store: ConfigStore, slice_of_them: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Add these, each with its first check at its own slot within one interval."""
    for fields in slice_of_them:
        monitors.create(actor, store, now=now, is_spread=True, **fields)
