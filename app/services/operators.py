"""The operator at the command line, who holds the machine and so may do everything."""

import getpass
import os
import socket

from sqlalchemy import select

from app.domain.enums import ActorKind, Role
from app.errors import NotFoundError
from app.extensions import db
from app.models import Organization
from app.services.access import Actor


def actor_for(organization_id: int | None) -> Actor:
    """Who acts in that organization, or in the first one. Raises NotFoundError when it does not exist."""
    query = select(Organization.id).order_by(Organization.id).limit(1)
    if organization_id is not None:
        query = query.where(Organization.id == organization_id)
    found = db.session.scalar(query)
    if found is None:
        none_at_all = "There is no organization yet: run `flask --app wsgi init`."
        unknown = f"There is no organization with the id {organization_id}."
        raise NotFoundError("Organization not found", none_at_all if organization_id is None else unknown)
    return operator(found)


def operator(organization_id: int) -> Actor:
    """Whoever runs the command, by the name that the machine knows."""
    return Actor(
        kind=ActorKind.COMMAND,
        id=None,
        name=f"command line ({_account()}@{socket.gethostname()})",
        organization_id=organization_id,
        role=Role.GLOBAL_ADMIN,
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"uid {os.getuid()}"
