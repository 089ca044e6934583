"""How many requests a caller may send (contract section 1, Rate limit)."""

from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from app.api.context import known_actor
from app.config import Settings

LOGIN_RATE = "10/minute"
"""Guessing passwords has to be slow; it counts by address, because nobody is known yet."""

LOGIN_ENDPOINT = "Sessions.log_in"


def init_app(app: Flask, settings: Settings) -> None:
    if settings.rate_limit == "off":
        return
    # One for each application, because a Limiter keeps the state of the last one it was bound to.
    limiter = Limiter(
        app=app,
        key_func=caller,
        application_limits=[settings.rate_limit],
        application_limits_exempt_when=_is_exempt,
        headers_enabled=True,
        storage_uri=settings.redis_url or "memory://",
        # Counting each for itself is better than answering nobody while Redis is away.
        in_memory_fallback_enabled=True,
    )
    limit_login = limiter.limit(LOGIN_RATE, key_func=get_remote_address)
    views: dict[str, Any] = app.view_functions
    views[LOGIN_ENDPOINT] = limit_login(views[LOGIN_ENDPOINT])


def caller() -> str:
    """The user or the API token, else the address, which TRUSTED_PROXIES may have told."""
    actor = known_actor()
    return f"{actor.kind}:{actor.id}" if actor else f"address:{get_remote_address()}"


def _is_exempt() -> bool:
    return not request.path.startswith("/api/")
