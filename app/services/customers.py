"""Customers: found, listed, made, changed, removed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from app.domain.enums import AuditAction
from app.domain.json_value import is_same
from app.errors import INVALID_CUSTOMER, ConflictError, InvalidError, NotFoundError
from app.extensions import db
from app.models import ApiToken, Customer, Monitor, User, UserCustomer
from app.services import access, audit, channels, maintenance_moves, schedules
from app.services.access import Actor
from app.services.identifiers import parse_reference
from app.services.locking import locked
from app.services.pages import Page, contains, fetch_page

CUSTOMER_NOT_FOUND = "Customer not found"


def find(actor: Actor, reference: UUID | int, organization_id: int | None = None) -> Customer:
    """The customer with that public or numeric id, within one organization if it is given.

    Raises NotFoundError, or ForbiddenError for one outside the actor's customers.
    """
    customer = db.session.scalar(select(Customer).where(Customer.is_named(reference)))
    if customer is None or organization_id not in {None, customer.organization_id}:
        raise NotFoundError(CUSTOMER_NOT_FOUND)
    access.require_visible(
        actor,
        organization_id=customer.organization_id,
        customer_id=customer.id,
        title=CUSTOMER_NOT_FOUND,
    )
    return customer


def get(actor: Actor, identifier: str) -> Customer:
    """The customer that a path names. Raises InvalidError for what is neither UUID nor number."""
    reference = parse_reference(identifier)
    if reference is None:
        raise InvalidError(INVALID_CUSTOMER)
    return find(actor, reference)


def list_page(
    actor: Actor, *, page: int, per_page: int, organization_id: int | None = None, search: str | None = None
) -> Page[Customer]:
    organization = access.organization_in_question(actor, organization_id)
    conditions = [Customer.organization_id == organization, access.visible_customers(actor)]
    if search:
        conditions.append(Customer.name.ilike(contains(search), escape="\\"))
    return fetch_page(Customer, conditions, page=page, per_page=per_page, order_by=[Customer.id])


def create(actor: Actor, *, now: datetime, organization_id: int | None = None, **fields: Any) -> Customer:
    """Add a customer. A user restricted to some customers cannot add others: ForbiddenError."""
    organization = access.organization_in_question(actor, organization_id)
    access.require_unrestricted(actor)
    customer = Customer(organization_id=organization, created_at=now, updated_at=now, **fields)
    db.session.add(customer)
    db.session.flush()  # the id, which is part of the answer
    audit.record(actor, AuditAction.CUSTOMER_CREATE, customer, now=now, changes=audit.changes_of({}, fields))
    return customer


def update(actor: Actor, identifier: str, *, now: datetime, **fields: Any) -> Customer:
    """Set the keys that are given. Monitors follow at once when the allowed countries change."""
    customer = locked(get(actor, identifier), CUSTOMER_NOT_FOUND)
    changed = {name: value for name, value in fields.items() if not is_same(getattr(customer, name), value)}
    changes = audit.changes_of({name: getattr(customer, name) for name in changed}, changed)
    for name, value in changed.items():
        setattr(customer, name, value)
        flag_modified(customer, name)  # SQLAlchemy, too, would take `true` in custom fields for `1`
    if changed:
        customer.updated_at = now
        audit.record(actor, AuditAction.CUSTOMER_UPDATE, customer, now=now, changes=changes)
    if "allowed_check_country_codes" in changed:
        schedules.sync_customer(customer, now)
    return customer


def delete(actor: Actor, identifier: str, *, now: datetime) -> None:
    """Remove a customer without monitors; ConflictError while it has some."""
    customer = get(actor, identifier)
    maintenance_moves.hold_for(customer)
    # The lock keeps a monitor from being added between the look and the removal.
    customer = locked(customer, CUSTOMER_NOT_FOUND, for_removal=True)
    if db.session.scalar(select(Monitor.id).where(Monitor.customer_id == customer.id).limit(1)) is not None:
        raise ConflictError("Customer has monitors", "Delete or move the customer's monitors first.")
    _tell_what_goes_with_it(actor, customer, now)
    audit.record(actor, AuditAction.CUSTOMER_DELETE, customer, now=now)
    db.session.delete(customer)


def _tell_what_goes_with_it(actor: Actor, customer: Customer, now: datetime) -> None:
    """Its channels, windows and tokens end, and whoever was restricted to it has one customer less."""
    channels.tell_removal(actor, [customer], now)
    maintenance_moves.tell_removal(actor, customer, now)
    for token in db.session.scalars(select(ApiToken).where(ApiToken.customer_id == customer.id)):
        audit.record(actor, AuditAction.TOKEN_DELETE, token, now=now)
    is_restricted_to_it = User.customers.any(UserCustomer.customer_id == customer.id)
    for user in db.session.scalars(select(User).where(User.is_restricted, is_restricted_to_it)):
        before = user.customer_ids or []
        after = [number for number in before if number != customer.id]
        changes = audit.changes_of({"customer_ids": before}, {"customer_ids": after})
        audit.record(actor, AuditAction.USER_UPDATE, user, now=now, changes=changes)
