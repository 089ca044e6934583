"""Asks a token endpoint for an access token (RFC 6749): one POST, over our own guarded connection.

It goes the way that mail goes: resolved, judged, dialled at the address that was judged, TLS; and it
lives on the time and the bytes of the check that needs the token.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from app.checkers.attempt import Attempt
from app.checkers.connection import connect
from app.domain.enums import ErrorCode, Security
from app.domain.oauth import HTTPS_PORT, OAuthSettings, TokenUrl, TokenUrlError, split_token_url
from app.domain.target import CheckTarget, TlsPolicy
from app.net.failure import CheckError
from app.net.http import Exchange

MAX_BODY = 64 * 1024
MAX_TOKEN = 16 * 1024
NO_HTTP = "it did not answer in proper HTTP."
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
"""What stays the verdict that it is; all else that goes wrong on the way is `oauth_failed`."""

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


def request_token(settings: OAuthSettings, refresh_token: str | None, attempt: Attempt) -> Grant:
    """Get a token within the limits of the attempt. Raises CheckError.

    `refresh_token` is the one to use now. The attempt's evidence stays that of the mail server, but for
    two notes in its transcript.
    """
    url = _split(settings)
    note = attempt.transcript.note
    note(f"POST {_shown(url)}")
    try:
        status, body = _post(url, _form(settings, refresh_token), settings.ca, attempt)
    except CheckError as failure:
        note(failure.message)
        raise _at_endpoint(failure, url) from None
    except (HTTPException, ValueError):
        note(NO_HTTP)
        raise _failed(url, NO_HTTP) from None
    answer = _parsed(body)
    note(f"{status} {_words(answer, attempt)}".rstrip())
    return _grant(url, status, answer, attempt)


def _split(settings: OAuthSettings) -> TokenUrl:
    try:
        return split_token_url(settings.token_url)
    except TokenUrlError as error:
        raise CheckError(ErrorCode.OAUTH_FAILED, f"The token endpoint's URL {error}.") from None


def _shown(url: TokenUrl) -> str:
    """Without the query, which may carry keys."""
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    port = "" if url.port == HTTPS_PORT else f":{url.port}"
    return f"https://{host}{port}{url.path.partition('?')[0]}"


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
        exchange = Exchange(connect(visit), url.hostname, url.port)
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


def _failed(url: TokenUrl, why: str, code: ErrorCode = ErrorCode.OAUTH_FAILED) -> CheckError:
    return CheckError(code, f"No token from {url.hostname}: {why}")


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
        raise _refused(url, status, answer, attempt)
    token = _token(answer.get("access_token"))
    if token is None:
        raise _failed(url, "its answer has no usable access_token.")
    if str(answer.get("token_type", "Bearer")).lower() != "bearer":
        raise _failed(url, "its token is not of the type Bearer.")
    return Grant(token, _lifetime(answer.get("expires_in")), _token(answer.get("refresh_token")))


def _refused(url: TokenUrl, status: int, answer: Mapping[str, Any] | None, attempt: Attempt) -> CheckError:
    """A "later" for its own faults and for too many requests, however long it wants us to wait."""
    reason = _words(answer, attempt) or _reason(status)
    if status == 429 or 500 <= status < 600:
        return _failed(url, reason, ErrorCode.TEMPORARILY_UNAVAILABLE)
    failure = _failed(url, reason)
    is_grant = answer is not None and answer.get("error") == "invalid_grant"
    return InvalidGrantError(failure.code, failure.message) if is_grant else failure


def _words(answer: Mapping[str, Any] | None, attempt: Attempt) -> str:
    """The endpoint's own on why there is no token (RFC 6749, 5.2), or none."""
    said = answer or {}
    words = [said[name] for name in ("error", "error_description") if isinstance(said.get(name), str)]
    return attempt.clean(": ".join(words))


def _reason(status: int) -> str:
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
