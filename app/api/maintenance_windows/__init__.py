"""Maintenance windows: time that is planned, in which nobody is alerted and which does not count."""

from app.api.maintenance_windows.routes import blp

__all__ = ["blp"]
