"""Customers: the parties whose mailboxes are watched."""

from app.api.customers.routes import blp

__all__ = ["blp"]
