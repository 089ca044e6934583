"""How many requests a caller may send (contract section 1, Rate limit)."""

import hmac
from collections.abc import Mapping
from functools import partial
from ipaddress import IPv6Address, ip_network
from typing import Any

from flask import Flask, g, request
from flask_limiter import Limiter
from werkzeug.exceptions import HTTPException

from app.api.context import client_address, known_actor, settings
from app.api.parser import parse_json, read_body
from app.config import Settings
from app.errors import RequestError

LOGIN_RATE = "10/minute"
"""Guessing passwords has to be slow; it counts by address, because nobody is known yet."""

ACCOUNT_RATE = "20/minute"
"""Logins with one e-mail address from everywhere: guesses from many addresses are slow too.

More than LOGIN_RATE, so that no single address can keep the owner out by guessing all the time.
"""

GUESS_RATE = "5/minute"
"""Changes of the password, by user: whoever took over a session must not find out its password by trying."""

CHANNEL_TEST_RATE = "10/minute"
"""Messages to addresses that the caller chooses: nobody is to be flooded with them."""

NOWHERE = "nowhere"
"""Stands for the endpoint that a path or a method does not lead to; the limiter counts endpoints only.

And for the address of a caller who has none.
"""

IPV6_HOST_BITS = 64


def init_app(app: Flask, settings: Settings) -> None:
    if settings.rate_limit == "off":
        return
    app.before_request(_look_up_caller)
    kind, options = _storage(settings.redis_url)
    # One for each application, because a Limiter keeps the state of the last one it was bound to.
    limiter = kind(
        app=app,
        key_func=caller,
        application_limits=[settings.rate_limit],
        application_limits_exempt_when=_is_exempt,
        request_identifier=lambda: request.endpoint or NOWHERE,
        headers_enabled=True,
        storage_uri=settings.redis_url or "memory://",
        storage_options=options,
        # Counting each for itself is better than answering nobody while Redis is away.
        in_memory_fallback_enabled=True,
        on_breach=partial(_note, "requests"),
    )
    views: dict[str, Any] = app.view_functions
    # The inner limit counts first, and what it refuses the outer one does not count.
    by_address = limiter.limit(LOGIN_RATE, key_func=address, on_breach=partial(_note, "login"))
    by_account = limiter.limit(
        ACCOUNT_RATE,
        key_func=_account,
        exempt_when=lambda: not _account(),
        on_breach=partial(_note, "account"),
    )
    views["Sessions.log_in"] = by_account(by_address(views["Sessions.log_in"]))
    for name, rate, what in (
        ("Sessions.change_password", GUESS_RATE, "password"),
        ("Notification channels.test_notification_channel", CHANNEL_TEST_RATE, "channel_test"),
    ):
        views[name] = limiter.limit(rate, on_breach=partial(_note, what))(views[name])


def _storage(redis_url: str | None) -> tuple[type[Limiter], dict[str, Any] | None]:
    """The limiter for where requests are counted, and the storage's options."""
    if redis_url is None:
        return Limiter, None
    # Most do without Redis, and whatever starts would load its client.
    from app.api import redis_limiter  # noqa: PLC0415

    return redis_limiter.RedisLimiter, dict(redis_limiter.PATIENCE)


def _note(limit: str, _: object) -> None:
    """The limit that is met, to be counted with the answer; of two that are told, the stricter comes last."""
    g.limit_met = limit


def caller() -> str:
    """The user or the API token, else the address, which TRUSTED_PROXIES may have told."""
    actor = known_actor()
    return f"{actor.kind}:{actor.id}" if actor else address()


def address() -> str:
    """One key for all addresses that one host may choose from: with IPv6 that is a /64 at least.

    And one for all that is no address: whatever is in its place may be another with every request.
    """
    given = client_address()
    if isinstance(given, IPv6Address):
        return f"address:{ip_network((int(given), IPV6_HOST_BITS), strict=False)}"
    return f"address:{given or NOWHERE}"


def _look_up_caller() -> None:
    """Before the limiter does: it would take a database that is away for a storage that is away."""
    if not _is_exempt():
        known_actor()


def _is_exempt() -> bool:
    return request.method == "OPTIONS" or not request.path.startswith("/api/")


def _account() -> str:
    """The e-mail address that somebody tries, known or not; empty where the body names none.

    Under a key, because what is counted may be kept in Redis.
    """
    try:
        body = parse_json(read_body(request))
    except (HTTPException, RequestError):
        return ""
    email = body.get("email") if isinstance(body, Mapping) else None
    if not isinstance(email, str):
        return ""
    same = email.strip().lower().encode(errors="replace")
    return "account:" + hmac.digest(settings().jwt_secret_key.encode(), same, "sha256").hex()
