"""Organizations: shown, listed, made, changed; and the first one, that a new installation starts with."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.domain.enums import AuditAction, Role
from app.domain.json_value import is_same
from app.errors import NotFoundError
from app.extensions import db
from app.models import Customer, Organization, User
from app.services import access, audit, operators
from app.services.access import Actor
from app.services.auth import hash_password
from app.services.locking import locked
from app.services.pages import Page, contains, fetch_page

NOT_FOUND = "Organization not found"

FIRST_CUSTOMER = UUID("11111111-1111-4111-8111-111111111111")
"""The customer of the API page's own example, so that a newcomer can send that example as it stands."""


def get(actor: Actor, organization_id: int | None = None) -> Organization:
    """The actor's own organization, or the one that a global role names.

    Raises ForbiddenError for somebody else's, NotFoundError.
    """
    organization = db.session.get(Organization, access.organization_in_question(actor, organization_id))
    if organization is None:
        raise NotFoundError(NOT_FOUND)
    return organization


def zone_of(organization_id: int, asked: str | None = None) -> ZoneInfo:
    """By whose clocks days begin: those that a caller asks for, else the organization's."""
    name = asked or db.session.scalar(
        select(Organization.time_zone).where(Organization.id == organization_id)
    )
    return ZoneInfo(name or "UTC")


def list_page(*, page: int, per_page: int, search: str | None = None) -> Page[Organization]:
    """One page of all organizations there are."""
    conditions = [Organization.name.ilike(contains(search), escape="\\")] if search else []
    return fetch_page(Organization, conditions, page=page, per_page=per_page, order_by=[Organization.id])


def are_many() -> bool:
    """Whether there is more than one."""
    return len(db.session.scalars(select(Organization.id).limit(2)).all()) > 1


def create(actor: Actor, *, now: datetime, **fields: Any) -> Organization:
    organization = Organization(created_at=now, updated_at=now, **fields)
    db.session.add(organization)
    db.session.flush()  # the id, which is part of the answer
    changes = audit.changes_of({}, fields)
    audit.record(actor, AuditAction.ORGANIZATION_CREATE, organization, now=now, changes=changes)
    return organization


def update(actor: Actor, *, now: datetime, organization_id: int | None = None, **fields: Any) -> Organization:
    """Set the keys that are given. Settings concern all customers: ForbiddenError for whoever has some."""
    access.require_unrestricted(actor)
    organization = locked(get(actor, organization_id), NOT_FOUND)
    before = {name: getattr(organization, name) for name in fields}
    changed = {name: value for name, value in fields.items() if not is_same(before[name], value)}
    for name, value in changed.items():
        setattr(organization, name, value)
    if changed:
        organization.updated_at = now
        changes = audit.changes_of(before, {**before, **changed})
        audit.record(actor, AuditAction.ORGANIZATION_UPDATE, organization, now=now, changes=changes)
    return organization


def found_first(*, email: str, password: str, now: datetime) -> Organization | None:
    """Make the first organization, its admin and its customer; None when there is one already."""
    if db.session.scalar(select(Organization.id).limit(1)) is not None:
        return None
    organization = Organization(name="My organization", created_at=now, updated_at=now)
    db.session.add(organization)
    db.session.flush()  # the id, for the two rows below
    dated = {"organization_id": organization.id, "created_at": now, "updated_at": now}
    admin = User(email=email.lower(), password_hash=hash_password(password), role=Role.ADMIN, **dated)
    customer = Customer(public_id=FIRST_CUSTOMER, name="Example Customer", email="ops@example.com", **dated)
    db.session.add_all([admin, customer])
    db.session.flush()  # the ids, for the audit trail
    actor = operators.operator(organization.id)
    audit.record(actor, AuditAction.ORGANIZATION_CREATE, organization, now=now)
    audit.record(actor, AuditAction.USER_CREATE, admin, now=now)
    audit.record(actor, AuditAction.CUSTOMER_CREATE, customer, now=now)
    return organization
