"""IMAP/POP monitors, as the seed pages describe them."""

from app.api.monitors import as_code, details, export, history  # noqa: F401 - their routes
from app.api.monitors.routes import blp

__all__ = ["blp"]
