"""What a view needs to know: who asks, with which settings, at what time."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, cast
from uuid import UUID

from flask import current_app, g, request
from jwt import decode
from jwt.exceptions import PyJWTError
from jwt.types import Options
from structlog.contextvars import bind_contextvars

from app.clock import utcnow
from app.config import Settings
from app.errors import UnauthorizedError
from app.extensions import DATABASE_AWAY, db
from app.log import get_logger
from app.services import api_tokens, auth
from app.services.access import Actor, Origin
from app.services.identifiers import parse_uuid
from app.services.monitor_config import ConfigStore

log = get_logger(__name__)

KNOWN_TOKENS = 1000
"""Of how many JWTs the signature is checked once and not with every request."""

MAX_ADDRESS = 64
"""As many characters as the audit trail has room for."""


def settings() -> Settings:
    return cast(Settings, current_app.config["SETTINGS"])


def config_store() -> ConfigStore:
    return cast(ConfigStore, current_app.config["CONFIG_STORE"])


def now() -> datetime:
    """The time of this request, the same for all that happens in it."""
    if "now" not in g:
        g.now = utcnow()
    return cast(datetime, g.now)


def current_actor() -> Actor:
    """Who is asking. Raises UnauthorizedError for a missing, broken, expired or revoked token."""
    actor = known_actor()
    if actor is None:
        raise UnauthorizedError
    return actor


def known_actor() -> Actor | None:
    """The same without the error. Looked up once in a request."""
    if "actor" not in g:
        g.actor = _authenticate()
        if g.actor is not None:
            bind_contextvars(caller=told_name(g.actor))
    return found_actor()


def found_actor() -> Actor | None:
    """The same if it has been looked up already; this asks no database."""
    return cast(Actor | None, g.get("actor"))


def told_name(actor: Actor) -> str:
    """How the log names whoever asks: `user:7`, `token:7`."""
    return f"{actor.kind}:{actor.id}"


def origin() -> Origin:
    """Where this request comes from; TRUSTED_PROXIES may have told."""
    return Origin(address=told_address(), request_id=g.get("request_id"))


def told_address() -> str | None:
    """The address as people write it; what is none, as it came."""
    told = str(client_address() or request.remote_addr or "")
    # A proxy that checks nothing may tell anything, of any length.
    return told[:MAX_ADDRESS] or None


def client_address() -> IPv4Address | IPv6Address | None:
    """None where there is no address, or a proxy tells something else instead.

    Some proxies write the port as well, which changes with every connection: `ip:port`, `[ip]:port`.
    """
    text = (request.remote_addr or "").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _authenticate() -> Actor | None:
    given = request.headers.get("Authorization", "").split()
    if len(given) == 2 and given[0] == "Bearer" and given[1].startswith(api_tokens.PREFIX):
        return _authenticate_program(given[1])
    ids = token_ids(is_refresh=False)
    return ids and auth.authenticate(session_id=ids[0], now=now(), origin=origin())


def _authenticate_program(text: str) -> Actor | None:
    token = api_tokens.find_by_text(text, now=now())
    if token is None:
        return None
    # Before anything is written: a rollback would have the token read again, and it may be gone by then.
    actor = api_tokens.actor_of(token, origin())
    try:
        if api_tokens.note_use(token, now=now()):
            db.session.commit()
    except DATABASE_AWAY as error:
        # A database that only takes no writes still answers readers.
        db.session.rollback()
        log.warning("token_use_not_noted", token=actor.id, error=type(error).__name__)
    return actor


def token_ids(*, is_refresh: bool) -> tuple[UUID, UUID] | None:
    """The session and the id that a genuine Bearer token of this kind names; None without one."""
    given = request.headers.get("Authorization", "").split()
    if len(given) != 2 or given[0] != "Bearer":
        return None
    try:
        claims = _signed_claims(given[1], settings().jwt_secret_key)
    except PyJWTError:
        return None
    kind = "refresh" if is_refresh else "access"
    if claims.get("type") != kind or float(claims["exp"]) <= now().timestamp():
        return None
    session_id, token_id = parse_uuid(str(claims.get("sid"))), parse_uuid(str(claims["jti"]))
    return (session_id, token_id) if session_id and token_id else None


@lru_cache(maxsize=KNOWN_TOKENS)
def _signed_claims(token: str, key: str) -> Mapping[str, Any]:
    """What a JWT says, the same each time it is sent; it may have expired since it was asked for first.

    Raises PyJWTError for one that is not good, which is not kept.
    """
    options: Options = {"require": ["sub", "jti", "exp"]}
    claims: Mapping[str, Any] = decode(token, key, algorithms=["HS256"], options=options)
    return claims
