"""Organizations: the settings of one's own, and all of them for global_admin."""

from app.api.organizations.routes import blp

__all__ = ["blp"]
