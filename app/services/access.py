"""The single gate: who may do what (contract section 2) and who may see which row."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_, not_, or_, select, true

from app.domain.enums import ActorKind, Role
from app.errors import ForbiddenError, NotFoundError, UnauthorizedError
from app.extensions import db
from app.models import (
    ApiToken,
    AuditEntry,
    Customer,
    MaintenanceWindow,
    Monitor,
    NotificationChannel,
    Organization,
    Session,
    User,
    UserCustomer,
)

GLOBAL_ROLES = frozenset({Role.GLOBAL_ADMIN, Role.GLOBAL_SUPPORTER})
_WRITERS = frozenset({Role.ADMIN, Role.EDITOR, Role.GLOBAL_ADMIN})
_ADMINS = frozenset({Role.ADMIN, Role.GLOBAL_ADMIN})


class Action(StrEnum):
    READ = "read"
    WRITE_MONITOR = "create, delete or trigger a monitor"
    UPDATE_MONITOR = "update a monitor"
    TEST_MONITOR = "test a monitor"
    WRITE_INCIDENT = "acknowledge or comment on an incident"
    WRITE_CUSTOMER = "create, edit or delete a customer"
    WRITE_MAINTENANCE = "create, edit or delete a maintenance window"
    USE_SESSION = "use a session"
    MANAGE_CUSTOMER_TOKENS = "manage the tokens of customers"
    MANAGE_ORGANIZATION_TOKENS = "manage the tokens of the organization"
    MANAGE_USERS = "manage users"
    UPDATE_ORGANIZATION = "change the organization"
    MANAGE_ORGANIZATIONS = "list or create organizations"
    READ_AUDIT_LOG = "read the audit log"
    MANAGE_CHANNELS = "manage notification channels"
    TEST_CHANNEL = "test a notification channel"


ALLOWED = {
    Action.READ: frozenset(Role),
    Action.WRITE_MONITOR: _WRITERS,
    Action.UPDATE_MONITOR: _WRITERS | {Role.READONLY},
    Action.TEST_MONITOR: _WRITERS,
    Action.WRITE_INCIDENT: _WRITERS,
    Action.WRITE_CUSTOMER: _WRITERS,
    Action.WRITE_MAINTENANCE: _WRITERS | {Role.READONLY},
    Action.USE_SESSION: frozenset(Role),
    Action.MANAGE_CUSTOMER_TOKENS: _WRITERS,
    Action.MANAGE_ORGANIZATION_TOKENS: _ADMINS,
    Action.MANAGE_USERS: _ADMINS,
    Action.UPDATE_ORGANIZATION: _ADMINS,
    Action.MANAGE_ORGANIZATIONS: frozenset({Role.GLOBAL_ADMIN}),
    Action.READ_AUDIT_LOG: _ADMINS,
    Action.MANAGE_CHANNELS: _ADMINS,
    Action.TEST_CHANNEL: _WRITERS,
}
SESSION_ONLY = frozenset(
    {Action.USE_SESSION, Action.MANAGE_CUSTOMER_TOKENS, Action.MANAGE_ORGANIZATION_TOKENS}
)
"""What an API token may not do whatever its role: a leaked one must not be able to make others."""

READONLY_KEYS = frozenset({"status"})
"""All that `readonly` may send when it updates a monitor."""

OUTSIDE = "This customer is outside your customers."


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for the audit trail."""

    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who is asking. `customer_ids` None: every customer of the organization."""

    kind: ActorKind
    id: int | None
    """The number of the user or of the API token."""
    name: str
    """An e-mail address or a token's name, for people who read the audit trail."""
    organization_id: int
    role: Role
    customer_ids: frozenset[int] | None = None
    session_id: UUID | None = None
    origin: Origin = Origin()

    @property
    def is_global(self) -> bool:
        return self.role in GLOBAL_ROLES

    @property
    def may_read_secrets(self) -> bool:
        return self.role in _WRITERS


def require(actor: Actor, action: Action) -> None:
    """Raises ForbiddenError unless the actor's role allows the action, and its kind does."""
    if actor.role not in ALLOWED[action]:
        raise ForbiddenError(message=f"The role {actor.role} may not {action}.")
    if actor.kind is ActorKind.TOKEN and action in SESSION_ONLY:
        raise ForbiddenError(message=f"An API token may not {action}.")


def require_update_keys(actor: Actor, keys: Collection[str]) -> None:
    """Raises ForbiddenError when `readonly` sends anything but the status."""
    if actor.role is Role.READONLY and not READONLY_KEYS.issuperset(keys):
        raise ForbiddenError(message="The role readonly may change a monitor's status only.")


def require_visible(actor: Actor, *, organization_id: int, customer_id: int | None, title: str) -> None:
    """Another organization's row does not exist for the actor; one outside the actor's customers is refused.

    Raises NotFoundError with `title`, or ForbiddenError.
    """
    if not actor.is_global and organization_id != actor.organization_id:
        raise NotFoundError(title)
    if actor.customer_ids is not None and customer_id not in actor.customer_ids:
        raise ForbiddenError(message=OUTSIDE)


def require_standing(actor: Actor, now: datetime) -> None:
    """Whether the actor still is who was let in: a body may take seconds to arrive, a lock to be given.

    Asked by the audit trail, so of every change, and behind its locks. Raises UnauthorizedError once the
    session, the token or the user has ended, ForbiddenError when role or customers are others by now.
    """
    if actor.kind is ActorKind.USER:
        _require_same_user(actor, now)
    elif actor.kind is ActorKind.TOKEN:
        is_alive = or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)
        if db.session.scalar(select(ApiToken.id).where(ApiToken.id == actor.id, is_alive)) is None:
            raise UnauthorizedError


def _require_same_user(actor: Actor, now: datetime) -> None:
    is_alive = (Session.id == actor.session_id, Session.revoked_at.is_(None), Session.expires_at > now)
    query = select(User.role, User.is_restricted).join(Session).where(*is_alive, User.is_active)
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise UnauthorizedError
    customers = select(UserCustomer.customer_id).where(UserCustomer.user_id == actor.id)
    customer_ids = frozenset(db.session.scalars(customers)) if found.is_restricted else None
    if (found.role, customer_ids) != (actor.role, actor.customer_ids):
        raise ForbiddenError(message="What you may do was changed meanwhile. Try again.")


def require_unrestricted(actor: Actor) -> None:
    """Raises ForbiddenError for an actor who is restricted to a list of customers."""
    if actor.customer_ids is not None:
        raise ForbiddenError(message="You are restricted to some customers, and this concerns all.")


def organization_in_question(actor: Actor, requested: int | None) -> int:
    """The organization a list or a create is about: the caller's own unless a global role names another.

    Raises ForbiddenError for somebody else's, NotFoundError for one that does not exist.
    """
    if requested is None or requested == actor.organization_id:
        return actor.organization_id
    if not actor.is_global:
        raise ForbiddenError(message="organizationId must be your own organization's.")
    if db.session.get(Organization, requested) is None:
        raise NotFoundError("Organization not found")
    return requested


def visible_customers(actor: Actor) -> ColumnElement[bool]:
    return true() if actor.customer_ids is None else Customer.id.in_(actor.customer_ids)


def visible_monitors(actor: Actor) -> ColumnElement[bool]:
    return true() if actor.customer_ids is None else Monitor.customer_id.in_(actor.customer_ids)


def visible_audit_entries(actor: Actor) -> ColumnElement[bool]:
    """What concerns no customer in particular is for those who are restricted to none."""
    return true() if actor.customer_ids is None else AuditEntry.customer_id.in_(actor.customer_ids)


def visible_tokens(actor: Actor) -> ColumnElement[bool]:
    """Organization-wide tokens reach further than whoever is restricted to some customers."""
    return true() if actor.customer_ids is None else ApiToken.customer_id.in_(actor.customer_ids)


def visible_channels(actor: Actor) -> ColumnElement[bool]:
    """Channels of the organization reach further than whoever is restricted to some customers."""
    return true() if actor.customer_ids is None else NotificationChannel.customer_id.in_(actor.customer_ids)


def visible_windows(actor: Actor) -> ColumnElement[bool]:
    return true() if actor.customer_ids is None else MaintenanceWindow.customer_id.in_(actor.customer_ids)


def visible_users(actor: Actor) -> ColumnElement[bool]:
    """Those whom the actor may manage: the rule of `require_grantable`, to filter by."""
    if actor.role is Role.GLOBAL_ADMIN:
        return true()
    is_local = User.role.not_in(GLOBAL_ROLES)
    if actor.customer_ids is None:
        return is_local
    beyond = User.customers.any(UserCustomer.customer_id.not_in(actor.customer_ids))
    return and_(is_local, User.is_restricted, not_(beyond))


def require_manageable(actor: Actor, user: User, title: str) -> None:
    """Whether the actor may change or remove that user at all.

    Raises NotFoundError with `title` for another organization's, ForbiddenError for one who may do more
    than the actor: to set that one's password would be to become that one.
    """
    if not actor.is_global and user.organization_id != actor.organization_id:
        raise NotFoundError(title)
    require_grantable(actor, user.role, user.customer_ids)


def require_grantable(actor: Actor, role: Role, customer_ids: Collection[int] | None) -> None:
    """Nobody grants a role or customers beyond their own. Raises ForbiddenError.

    `customer_ids` None: no restriction.
    """
    if role in GLOBAL_ROLES and actor.role is not Role.GLOBAL_ADMIN:
        raise ForbiddenError(message=f"Only global_admin may manage users with the role {role}.")
    if actor.customer_ids is None:
        return
    if customer_ids is None or not actor.customer_ids.issuperset(customer_ids):
        raise ForbiddenError(message="This reaches beyond the customers that you are restricted to.")
