"""Asks a token endpoint for an access token (RFC 6749): one POST, over our own guarded connection.

It goes the way that mail goes: resolved, judged, dialled at the address that was judged, TLS; and it
lives on the time and the bytes of the check that needs the token.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from app.checkers.attempt import Attempt
from app.checkers.connection import connect
from app.checkers.failure import CheckError
from app.domain.enums import ErrorCode, Security
from app.domain.oauth import HTTPS_PORT, OAuthSettings, TokenUrl, TokenUrlError, split_token_url
from app.domain.target import CheckTarget, TlsPolicy

MAX_BODY = 64 * 1024
MAX_TOKEN = 16 * 1024
DEFAULT_LIFETIME = 300.0
"""Seconds, where the endpoint does not say: short, because nothing but a refusal would tell us its end."""
MAX_LIFETIME = 24 * 3600.0
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
    "Connection": "close",
    "User-Agent": "pillarbox",
}
OURS = frozenset({ErrorCode.TIMEOUT, ErrorCode.TARGET_FORBIDDEN, ErrorCode.INTERNAL_ERROR})
"""What stays the verdict that it is; all else that goes wrong here is `oauth_failed`."""

# Narrower than VSCHAR of RFC 6749: nothing that SASL or HTTP could take for the end of it.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SECONDS = re.compile(r"[0-9]{1,15}")

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Grant:
    """What the endpoint gave."""

    access_token: str = field(repr=False)
    lifetime: float
    """Seconds from now."""
    refresh_token: str | None = field(default=None, repr=False)
    """To be used next time, where the endpoint gives a new one each time."""


class InvalidGrantError(CheckError):
    """The endpoint does not take the refresh token (any longer)."""


class _Exchange(HTTPConnection):
    """HTTP on a connection that is already there; a lost one is not made again behind our back."""

    default_port = HTTPS_PORT
    auto_open = 0


def request_token(settings: OAuthSettings, refresh_token: str | None, attempt: Attempt) -> Grant:
    """Get a token within the limits of the attempt. Raises CheckError.

    `refresh_token` is the one to use now. The attempt's evidence stays that of the mail server.
    """
    url = _split(settings)
    try:
        status, body = _post(url, _form(settings, refresh_token), settings.ca, attempt)
    except CheckError as failure:
        raise _at_endpoint(failure, url) from None
    except (HTTPException, ValueError):
        raise _failed(url, "it did not answer in proper HTTP.") from None
    return _grant(url, status, _parsed(body), attempt)


def _split(settings: OAuthSettings) -> TokenUrl:
    try:
        return split_token_url(settings.token_url)
    except TokenUrlError as error:
        raise CheckError(ErrorCode.OAUTH_FAILED, f"The token endpoint's URL {error}.") from None


def _form(settings: OAuthSettings, refresh_token: str | None) -> bytes:
    fields = {
        "grant_type": settings.grant_type.value,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "refresh_token": refresh_token,
        "scope": settings.scope,
    }
    return urlencode({name: value for name, value in fields.items() if value}, errors="replace").encode()


def _post(url: TokenUrl, form: bytes, ca: str | None, attempt: Attempt) -> Answer:
    """Status and body, the latter up to a byte more than it may have."""
    endpoint = CheckTarget(url.hostname, port=url.port, security=Security.TLS, tls=TlsPolicy(ca=ca))
    visit = Attempt(endpoint, attempt.guard, attempt.limits)
    try:
        connection = connect(visit)
        # For HTTP the end of the connection may be the end of the answer.
        connection.may_end = True
        exchange = _Exchange(url.hostname, url.port)
        exchange.sock = connection
        exchange.request("POST", url.path, form, HEADERS)
        with exchange.getresponse() as response:
            return response.status, response.read(MAX_BODY + 1)
    finally:
        visit.hang_up()


def _at_endpoint(failure: CheckError, url: TokenUrl) -> CheckError:
    if failure.code not in OURS:
        return _failed(url, failure.message)
    failure.waited_for = f"for the token endpoint {url.hostname}"
    return failure


def _failed(url: TokenUrl, why: str, kind: type[CheckError] = CheckError) -> CheckError:
    return kind(ErrorCode.OAUTH_FAILED, f"No token from {url.hostname}: {why}")


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of an answer, or None when it is none, or longer than any sensible one."""
    if len(body) > MAX_BODY:
        return None
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _grant(url: TokenUrl, status: int, answer: Mapping[str, Any] | None, attempt: Attempt) -> Grant:
    if status != 200 or answer is None or answer.get("error"):
        kind = InvalidGrantError if answer and answer.get("error") == "invalid_grant" else CheckError
        raise _failed(url, _reason(status, answer, attempt), kind)
    token = _token(answer.get("access_token"))
    if token is None:
        raise _failed(url, "its answer has no usable access_token.")
    if str(answer.get("token_type", "Bearer")).lower() != "bearer":
        raise _failed(url, "its token is not of the type Bearer.")
    return Grant(token, _lifetime(answer.get("expires_in")), _token(answer.get("refresh_token")))


def _reason(status: int, answer: Mapping[str, Any] | None, attempt: Attempt) -> str:
    """Why there is no token, in the endpoint's own words where it has some (RFC 6749, 5.2)."""
    said = answer or {}
    words = [said[name] for name in ("error", "error_description") if isinstance(said.get(name), str)]
    if words:
        return attempt.clean(": ".join(words))
    if 300 <= status < 400:
        return f"it answered with a redirect (status {status}), and none is followed."
    if status != 200:
        return f"it answered with status {status}."
    return "its answer is no JSON object, or too long."


def _token(value: object) -> str | None:
    is_token = isinstance(value, str) and len(value) <= MAX_TOKEN and _TOKEN.fullmatch(value)
    return str(value) if is_token else None


def _lifetime(value: object) -> float:
    """`expires_in`, which some send as a text. What makes no sense counts as not said."""
    found = _SECONDS.match(str(value))
    return min(float(found[0]), MAX_LIFETIME) if found else DEFAULT_LIFETIME
