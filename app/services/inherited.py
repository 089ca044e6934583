"""Settings that a customer has of its own, or of its organization (contract section 4)."""

from sqlalchemy import ColumnElement, func

from app.models import Customer, Organization


def inherited(name: str) -> ColumnElement[int]:
    """The setting that holds, of a query that joins customers and organizations, under its own name."""
    return func.coalesce(getattr(Customer, name), getattr(Organization, name)).label(name)
