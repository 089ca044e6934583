"""Incidents of all monitors: what is or was broken, and who takes care of it."""

from app.api.incidents.routes import blp

__all__ = ["blp"]
