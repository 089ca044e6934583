"""The first organization, with the admin and the customer that a new installation starts with."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Organization, User
from app.services.auth import hash_password

FIRST_CUSTOMER = UUID("11111111-1111-4111-8111-111111111111")
"""The customer of the API page's own example, so that a newcomer can send that example as it stands."""


def found_first(*, email: str, password: str, now: datetime) -> Organization | None:
    """Make the first organization, its admin and its customer; None when there is one already."""
    if db.session.scalar(select(Organization.id).limit(1)) is not None:
        return None
    organization = Organization(name="My organization", created_at=now, updated_at=now)
    db.session.add(organization)
    db.session.flush()  # the id, for the two rows below
    db.session.add_all(
        [
            User(
                organization_id=organization.id,
                email=email.lower(),
                password_hash=hash_password(password),
                role=Role.ADMIN,
                created_at=now,
                updated_at=now,
            ),
            Customer(
                public_id=FIRST_CUSTOMER,
                organization_id=organization.id,
                name="Example Customer",
                email="ops@example.com",
                created_at=now,
                updated_at=now,
            ),
        ]
    )
    return organization
