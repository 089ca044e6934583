"""Sessions: log in, refresh, log out, who am I."""

from app.api.auth.routes import blp

__all__ = ["blp"]
