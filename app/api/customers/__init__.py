"""Customers: the parties whose mailboxes are watched."""

from app.api.customers import sla  # noqa: F401 - its routes
from app.api.customers.routes import blp

__all__ = ["blp"]
