"""API tokens: keys for programs, shown once and stored as a hash."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import joinedload

from app.domain.enums import ActorKind, AuditAction, Role
from app.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from app.extensions import db
from app.models import ApiToken, Customer, Organization
from app.services import access, audit, customers, organizations
from app.services.access import Actor, Origin
from app.services.identifiers import parse_reference
from app.services.locking import impatient, locked
from app.services.pages import Page, fetch_page

PREFIX = "wsm_"
HINT_LENGTH = 9
NOT_FOUND = "Token not found"
INVALID_TOKEN = "Invalid Token identifier"  # noqa: S105 - the text of an error
USE_NOTED_EVERY = timedelta(minutes=1)
MAX_TOKENS = 100
"""Of one customer, and of an organization as a whole."""
_RANDOM_BYTES = 32


@dataclass(frozen=True)
class NewToken:
    """A token that was just made, with the text that nobody can read again."""

    row: ApiToken
    text: str

    def __repr__(self) -> str:
        return f"<NewToken {self.row.id}>"


def find_by_text(text: str, *, now: datetime) -> ApiToken | None:
    """The token that reads so, unless it has expired."""
    is_alive = or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)
    return db.session.scalar(select(ApiToken).where(ApiToken.token_hash == _hash(text), is_alive))


def actor_of(token: ApiToken, origin: Origin) -> Actor:
    """A token acts as an editor of its organization, or of its one customer."""
    return Actor(
        kind=ActorKind.TOKEN,
        id=token.id,
        name=token.name,
        organization_id=token.organization_id,
        role=Role.EDITOR,
        customer_ids=None if token.customer_id is None else frozenset({token.customer_id}),
        origin=origin,
    )


def note_use(token: ApiToken, *, now: datetime) -> bool:
    """Date the last use, once a minute at most. Returns whether there is something to commit.

    Whoever asks is not kept waiting for it: another use is as good a time to note.
    """
    latest = now - USE_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > latest:
        return False
    # Asked again in the statement: of many requests at once, one notes it.
    is_due = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= latest)
    with impatient():
        db.session.execute(update(ApiToken).where(ApiToken.id == token.id, is_due).values(last_used_at=now))
    return True


def list_page(
    actor: Actor,
    *,
    page: int,
    per_page: int,
    organization_id: int | None = None,
    customer_id: Any = None,
    is_of_customers: bool = False,
) -> Page[ApiToken]:
    """One page of an organization's tokens that the actor may see; those of customers only, if asked."""
    organization = access.organization_in_question(actor, organization_id)
    conditions = [ApiToken.organization_id == organization, access.visible_tokens(actor)]
    if is_of_customers:
        conditions.append(ApiToken.customer_id.is_not(None))
    if customer_id is not None:
        conditions.append(ApiToken.customer_id == customers.find(actor, customer_id, organization).id)
    return fetch_page(
        ApiToken,
        conditions,
        page=page,
        per_page=per_page,
        order_by=[ApiToken.id],
        options=[joinedload(ApiToken.customer)],
    )


def create(
    actor: Actor,
    *,
    now: datetime,
    name: str,
    expires_in_days: int | None = None,
    customer_id: Any = None,
    organization_id: int | None = None,
) -> NewToken:
    """Make a token for the whole organization, or for one customer of it.

    Raises ForbiddenError when it would reach beyond the actor's own customers, NotFoundError for an
    unknown customer.
    """
    organization = organizations.get(actor, organization_id)
    customer = None if customer_id is None else customers.find(actor, customer_id, organization.id)
    if customer is None:
        access.require_unrestricted(actor)
    _require_room(organization, customer)
    text = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    token = ApiToken(
        organization_id=organization.id,
        customer_id=customer and customer.id,
        name=name,
        token_hash=_hash(text),
        token_hint=text[:HINT_LENGTH],
        expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
        created_at=now,
    )
    db.session.add(token)
    db.session.flush()  # the id, which is part of the answer
    audit.record(actor, AuditAction.TOKEN_CREATE, token, now=now, changes=_told(token))
    return NewToken(token, text)


def delete(actor: Actor, identifier: str, *, now: datetime, is_of_customers: bool = False) -> None:
    """Revoke a token, at once. `is_of_customers`: an organization-wide one is refused.

    Raises InvalidError, NotFoundError, ForbiddenError.
    """
    token = locked(_get(actor, identifier), NOT_FOUND, for_removal=True)
    if is_of_customers and token.customer_id is None:
        raise ForbiddenError(message="This token is the whole organization's.")
    db.session.delete(token)
    audit.record(actor, AuditAction.TOKEN_DELETE, token, now=now)


def _get(actor: Actor, identifier: str) -> ApiToken:
    reference = parse_reference(identifier)
    if reference is None:
        raise InvalidError(INVALID_TOKEN)
    token = db.session.scalar(select(ApiToken).where(ApiToken.is_named(reference)))
    if token is None:
        raise NotFoundError(NOT_FOUND)
    access.require_visible(
        actor, organization_id=token.organization_id, customer_id=token.customer_id, title=NOT_FOUND
    )
    return token


def _require_room(organization: Organization, customer: Customer | None) -> None:
    """Each token has a rate limit of its own. Raises ConflictError when there are too many.

    Whose they are is held from here on: of many requests at once, one takes the last place.
    """
    if customer is None:
        locked(organization, organizations.NOT_FOUND)
    else:
        locked(customer, customers.CUSTOMER_NOT_FOUND)
    same_scope = (
        ApiToken.organization_id == organization.id,
        ApiToken.customer_id == (customer and customer.id),
    )
    count = db.session.scalar(select(func.count()).select_from(ApiToken).where(*same_scope)) or 0
    if count >= MAX_TOKENS:
        raise ConflictError("Too many tokens", f"There are {count} already. Delete those that nobody uses.")


def _told(token: ApiToken) -> audit.Changes:
    facts: Mapping[str, Any] = {"customer_id": token.customer_id, "expires_at": token.expires_at}
    return audit.changes_of({}, facts)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
