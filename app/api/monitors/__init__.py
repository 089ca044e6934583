"""IMAP/POP monitors, as the seed pages describe them."""

from app.api.monitor_documents import routes as document_routes  # noqa: F401 - the same
from app.api.monitors import details, export, history  # noqa: F401 - their routes
from app.api.monitors.routes import blp

__all__ = ["blp"]
