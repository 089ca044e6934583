"""The single gate: who may do what (contract section 2) and who may see which row."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, true

from app.domain.enums import Role
from app.errors import ForbiddenError, NotFoundError
from app.extensions import db
from app.models import Customer, Monitor, Organization

GLOBAL_ROLES = frozenset({Role.GLOBAL_ADMIN, Role.GLOBAL_SUPPORTER})
_WRITERS = frozenset({Role.ADMIN, Role.EDITOR, Role.GLOBAL_ADMIN})


class Action(StrEnum):
    READ = "read"
    WRITE_MONITOR = "create, delete or trigger a monitor"
    UPDATE_MONITOR = "update a monitor"
    TEST_MONITOR = "test a monitor"
    WRITE_CUSTOMER = "create, edit or delete a customer"


ALLOWED = {
    Action.READ: frozenset(Role),
    Action.WRITE_MONITOR: _WRITERS,
    Action.UPDATE_MONITOR: _WRITERS | {Role.READONLY},
    Action.TEST_MONITOR: _WRITERS,
    Action.WRITE_CUSTOMER: _WRITERS,
}
READONLY_KEYS = frozenset({"status"})
"""All that `readonly` may send when it updates a monitor."""


@dataclass(frozen=True)
class Actor:
    """Who is asking. `customer_ids` None: every customer of the organization."""

    user_id: int
    session_id: UUID
    organization_id: int
    role: Role
    customer_ids: frozenset[int] | None = None

    @property
    def is_global(self) -> bool:
        return self.role in GLOBAL_ROLES

    @property
    def may_read_secrets(self) -> bool:
        return self.role in _WRITERS


def require(actor: Actor, action: Action) -> None:
    """Raises ForbiddenError unless the actor's role allows the action."""
    if actor.role not in ALLOWED[action]:
        raise ForbiddenError(message=f"The role {actor.role} may not {action}.")


def require_update_keys(actor: Actor, keys: Collection[str]) -> None:
    """Raises ForbiddenError when `readonly` sends anything but the status."""
    if actor.role is Role.READONLY and not READONLY_KEYS.issuperset(keys):
        raise ForbiddenError(message="The role readonly may change a monitor's status only.")


def require_visible(actor: Actor, *, organization_id: int, customer_id: int, title: str) -> None:
    """Another organization's row does not exist for the actor; one outside the actor's customers is refused.

    Raises NotFoundError with `title`, or ForbiddenError.
    """
    if not actor.is_global and organization_id != actor.organization_id:
        raise NotFoundError(title)
    if actor.customer_ids is not None and customer_id not in actor.customer_ids:
        raise ForbiddenError(message="This customer is outside your customers.")


def require_unrestricted(actor: Actor) -> None:
    """Raises ForbiddenError for a user who is restricted to a list of customers."""
    if actor.customer_ids is not None:
        raise ForbiddenError(message="You are restricted to some customers and cannot add others.")


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
