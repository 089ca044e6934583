"""API tokens: keys for programs."""

from app.api.tokens.routes import blp

__all__ = ["blp"]
