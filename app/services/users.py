"""Users: found, listed, made, changed, removed, by those who may do at least as much as they."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from app.domain.enums import AuditAction, Role
from app.errors import ConflictError, InvalidError, NotFoundError
from app.extensions import db
from app.models import Customer, User, UserCustomer
from app.services import access, audit, auth
from app.services.access import Actor
from app.services.customers import CUSTOMER_NOT_FOUND
from app.services.identifiers import parse_reference
from app.services.locking import begin_writing, locked
from app.services.pages import Page, contains, fetch_page

NOT_FOUND = "User not found"
INVALID_USER = "Invalid User identifier"
EMAIL_TAKEN = "E-mail address is taken"
LAST_ADMIN = "Last admin of the organization"
UNRESTRICTABLE = "must be null for a global role, which cannot be restricted to customers"

_COLUMNS = ("email", "first_name", "last_name", "role", "is_active")


def get(actor: Actor, identifier: str) -> User:
    """The user that a path names, by number or UUID.

    Raises InvalidError, NotFoundError, or ForbiddenError for one who may do more than the actor.
    """
    reference = parse_reference(identifier)
    if reference is None:
        raise InvalidError(INVALID_USER)
    return _manageable(actor, db.session.scalar(select(User).where(User.is_named(reference))))


def get_by_email(actor: Actor, email: str) -> User:
    """The same by e-mail address, in any case."""
    return _manageable(actor, db.session.scalar(select(User).where(User.email == email.lower())))


def list_page(
    actor: Actor, *, page: int, per_page: int, organization_id: int | None = None, search: str | None = None
) -> Page[User]:
    """One page of an organization's users. `search` is a part of the address or of either name."""
    organization = access.organization_in_question(actor, organization_id)
    conditions = [User.organization_id == organization, access.visible_users(actor)]
    if search:
        searched = (User.email, User.first_name, User.last_name)
        conditions.append(or_(*(column.ilike(contains(search), escape="\\") for column in searched)))
    return fetch_page(
        User,
        conditions,
        page=page,
        per_page=per_page,
        order_by=[User.id],
        options=[selectinload(User.customers)],
    )


def create(
    actor: Actor,
    *,
    now: datetime,
    organization_id: int | None = None,
    password: str | None = None,
    customer_ids: Collection[int | UUID] | None = None,
    **fields: Any,
) -> User:
    """Add a user. Without a password nobody can log in as this user until somebody sets one.

    Raises ConflictError for an address that is taken, and whatever stands in the way of the role and the
    customers: InvalidError, NotFoundError, ForbiddenError.
    """
    organization = access.organization_in_question(actor, organization_id)
    # Before anything is held: it takes as long as all the rest together.
    password_hash = None if password is None else auth.hash_password(password)
    defaults = {"first_name": None, "last_name": None, "is_active": True}
    facts = defaults | fields | {"customer_ids": customer_ids}
    _require_restrictable(facts)
    facts["customer_ids"] = _held_customers(organization, customer_ids)
    access.require_grantable(actor, facts["role"], facts["customer_ids"])
    user = User(
        organization_id=organization,
        password_hash=password_hash,
        created_at=now,
        updated_at=now,
        customers=[],
    )
    _store(user, facts)
    changes = audit.changes_of({}, _facts(user))
    audit.record(actor, AuditAction.USER_CREATE, user, now=now, changes=changes)
    return user


def update(
    actor: Actor, identifier: str, *, now: datetime, password: str | None = None, **fields: Any
) -> User:
    """Set the keys that are given. A new password, and being disabled, end the user's sessions.

    Raises the same as `create`, and ConflictError where the organization would be left without an admin.
    """
    # Before anything is held, as in `create`.
    password_hash = None if password is None else auth.hash_password(password)
    user = _held(actor, identifier, now=now)
    before = _facts(user)
    facts = before | fields
    _require_restrictable(facts)
    if "customer_ids" in fields:
        facts["customer_ids"] = _held_customers(user.organization_id, fields["customer_ids"])
    access.require_grantable(actor, facts["role"], facts["customer_ids"])
    if not _is_full_admin(facts):
        _require_another_admin(user)
    _store(user, facts)
    if password_hash is not None:
        auth.set_password(user, password_hash, now=now)
    elif not user.is_active and before["is_active"]:
        auth.end_sessions(user, now=now)
    if changes := audit.changes_of(before, _facts(user)):
        user.updated_at = now
        audit.record(actor, AuditAction.USER_UPDATE, user, now=now, changes=changes)
    return user


def delete(actor: Actor, identifier: str, *, now: datetime) -> None:
    """Remove a user with all sessions. Raises ConflictError for the organization's last admin."""
    user = _held(actor, identifier, now=now, for_removal=True)
    _require_another_admin(user)
    db.session.delete(user)
    audit.record(actor, AuditAction.USER_DELETE, user, now=now)


def _manageable(actor: Actor, user: User | None) -> User:
    if user is None:
        raise NotFoundError(NOT_FOUND)
    access.require_manageable(actor, user, NOT_FOUND)
    return user


def _held(actor: Actor, identifier: str, *, now: datetime, for_removal: bool = False) -> User:
    """The user, and the organization too: of two admins who remove each other, one comes second."""
    user = get(actor, identifier)
    locked(user.organization, "Organization not found")
    held = locked(user, NOT_FOUND, for_removal=for_removal)
    # Asked again, because the change before ours may have been about either of the two.
    access.require_standing(actor, now)
    return _manageable(actor, held)


def _held_customers(organization_id: int, references: Collection[int | UUID] | None) -> list[int] | None:
    """The numbers of customers of that organization, which stay until the transaction ends.

    None, no restriction, stays None. Raises NotFoundError if one is unknown.
    """
    if references is None:
        return None
    begin_writing()
    numbers = {reference for reference in references if isinstance(reference, int)}
    public_ids = set(references) - numbers
    found = db.session.execute(
        select(Customer.id, Customer.public_id)
        .where(Customer.organization_id == organization_id)
        .where(or_(Customer.id.in_(numbers), Customer.public_id.in_(public_ids)))
        .order_by(Customer.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    if not numbers <= {row.id for row in found} or not public_ids <= {row.public_id for row in found}:
        raise NotFoundError(CUSTOMER_NOT_FOUND)
    return [row.id for row in found]


def _require_restrictable(facts: Mapping[str, Any]) -> None:
    """Raises InvalidError for a global role with customers."""
    if facts["role"] in access.GLOBAL_ROLES and facts["customer_ids"] is not None:
        raise InvalidError(faults={"customerIds": [UNRESTRICTABLE]}, message=f"customerIds {UNRESTRICTABLE}")


def _require_another_admin(user: User) -> None:
    """Raises ConflictError for the last one who can log in and administer all of the organization."""
    if not _is_full_admin(_facts(user)):
        return
    other = (
        select(User.id)
        .where(User.organization_id == user.organization_id, User.id != user.id)
        .where(User.role == Role.ADMIN, User.is_active, User.is_restricted.is_(False))
        .where(User.password_hash.is_not(None))
    )
    if db.session.scalar(other.limit(1)) is None:
        raise ConflictError(LAST_ADMIN, "Make somebody else an admin of the whole organization first.")


def _is_full_admin(facts: Mapping[str, Any]) -> bool:
    is_unbound = facts["is_active"] and facts["customer_ids"] is None
    return facts["role"] is Role.ADMIN and is_unbound and facts["password"] is not None


def _facts(user: User) -> dict[str, Any]:
    """What can be changed of a user, by its name on the wire; of the password, that it is another."""
    columns = {name: getattr(user, name) for name in _COLUMNS}
    return columns | {"customer_ids": user.customer_ids, "password": user.password_hash}


def _store(user: User, facts: Mapping[str, Any]) -> None:
    """Raises ConflictError when the address is somebody else's: the database alone can tell for sure."""
    try:
        _restrict(user, facts["customer_ids"])
        for name in _COLUMNS:
            setattr(user, name, facts[name])
        user.email = user.email.lower()
        db.session.add(user)
        db.session.flush()  # the id, and whether the address is taken
    except IntegrityError:
        raise ConflictError(EMAIL_TAKEN) from None


def _restrict(user: User, customer_ids: Collection[int] | None) -> None:
    user.is_restricted = customer_ids is not None
    wanted = set(customer_ids or ())
    user.customers = [row for row in user.customers if row.customer_id in wanted] + [
        UserCustomer(customer_id=number)
        for number in sorted(wanted - {row.customer_id for row in user.customers})
    ]
