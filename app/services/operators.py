"""The operator at the command line, who holds the machine and so may do everything."""

from sqlalchemy import select

from app.domain.enums import ActorKind, Role
from app.errors import NotFoundError
from app.extensions import db
from app.models import Organization
from app.services.access import Actor

NAME = "command line"


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
    return Actor(kind=ActorKind.COMMAND, id=None, name=NAME, organization_id=found, role=Role.GLOBAL_ADMIN)
