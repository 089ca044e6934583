"""Users: the people who sign in."""

from app.api.users.routes import blp

__all__ = ["blp"]
