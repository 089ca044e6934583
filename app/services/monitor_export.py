"""Monitors as entries of a document (app/documents/monitors_file.py), without their secrets."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import Customer, Monitor
from app.services import access, customers
from app.services.access import Actor
from app.services.identifiers import parse_uuid
from app.services.monitor_config import ConfigStore
from app.services.monitor_plan import ALL

HideSecrets = Callable[[Mapping[str, Any], Monitor], dict[str, Any]]
"""Makes a copy of a config without secrets."""

_OPTIONAL = {
    "port": "port",
    "notificationEmail": "notification_email",
    "notificationPhoneNumber": "notification_phone_number",
    "allowedCheckCountryCodes": "allowed_check_country_codes",
}


@dataclass
class Exported:
    customers: list[str] | str
    """How the document names whom it is about."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[UUID] = field(default_factory=list)
    """Monitors whose config cannot be decrypted, and is left out."""


def export(
    actor: Actor,
    store: ConfigStore,
    hide: HideSecrets,
    *,
    organization_id: int | None = None,
    customer_id: UUID | int | None = None,
) -> Exported:
    """All monitors that the actor may see, or those of one customer, in the order of their ids."""
    organization = access.organization_in_question(actor, organization_id)
    conditions = [Monitor.organization_id == organization, access.visible_monitors(actor)]
    names = Counter(db.session.scalars(select(Customer.name).where(Customer.organization_id == organization)))
    exported = Exported(_scope(actor, organization, names))
    if customer_id is not None:
        customer = customers.find(actor, customer_id, organization)
        conditions.append(Monitor.customer_id == customer.id)
        exported.customers = [_reference(customer, names)]
    query = select(Monitor).where(*conditions).options(joinedload(Monitor.customer, innerjoin=True))
    for monitor in db.session.scalars(query.order_by(Monitor.id)):
        config = store.read(monitor)
        if config is None:
            exported.unreadable.append(monitor.public_id)
        hidden = hide(config or {}, monitor)
        exported.entries.append(_entry(monitor, _reference(monitor.customer, names), hidden))
    return exported


def _scope(actor: Actor, organization_id: int, names: Mapping[str, int]) -> list[str] | str:
    """`all` only from who sees all: whoever applies it with prune later may reach further."""
    if actor.customer_ids is None:
        return ALL
    visible = select(Customer).where(
        Customer.organization_id == organization_id, access.visible_customers(actor)
    )
    return [_reference(customer, names) for customer in db.session.scalars(visible.order_by(Customer.id))]


def _entry(monitor: Monitor, customer: str, config: dict[str, Any]) -> dict[str, Any]:
    interval = monitor.check_interval
    entry = {
        "publicId": str(monitor.public_id),
        "customer": customer,
        "name": monitor.name,
        "hostname": monitor.hostname,
        "status": monitor.status.value,
        "checkInterval": int(interval) if interval.is_integer() else interval,
        "timeoutSeconds": monitor.timeout_seconds,
    }
    given = {key: getattr(monitor, name) for key, name in _OPTIONAL.items()}
    entry |= {key: value for key, value in given.items() if value is not None}
    return entry | ({"imapPopConfig": config} if config else {})


def _reference(customer: Customer, names: Mapping[str, int]) -> str:
    """Its name, which an installation that is set up anew has too; where that is ambiguous, its id."""
    name = customer.name
    is_clear = names[name] == 1 and name == name.strip() and parse_uuid(name) is None
    return name if is_clear else str(customer.public_id)
