"""IMAP/POP monitors, as the seed pages describe them."""

from app.api.monitors import export  # noqa: F401 - its routes
from app.api.monitors.routes import blp

__all__ = ["blp"]
