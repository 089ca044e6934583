"""What every request gets: an id, a line in the log, and an answer that keeps browsers careful."""

import logging
import re
from time import monotonic
from urllib.parse import quote
from uuid import uuid4

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.api.context import found_actor, told_address, told_name
from app.headers import REQUEST_ID, SECURITY_HEADERS, STRICT_TRANSPORT_SECURITY
from app.log import REQUEST_ID as LOGGED_ID
from app.log import get_logger
from app.metrics import web

log = get_logger(__name__)

SHOWN_PATH = 200
"""How much of a path goes to the log; what somebody makes up may have thousands of characters."""

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ROUTINE = re.compile(r"/(healthz|readyz|metrics|docs(/.*)?)")
"""What is asked for all the time, by probes and by the page at /docs."""
_TOKEN = re.compile(r"(wsm_|eyJ)[A-Za-z0-9_.-]+")
"""An API token or a JWT, which somebody may have put where an id belongs."""


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_end)


def _begin() -> None:
    """Take over the caller's or the proxy's id where it is harmless in a log, else make one."""
    g.began = monotonic()
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _SAFE_ID.fullmatch(given) else uuid4().hex
    clear_contextvars()
    bind_contextvars(**{LOGGED_ID: g.request_id})


def _finish(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    response.headers.update(SECURITY_HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    if request.path.startswith("/api/"):
        # Answers carry mailbox passwords.
        response.headers["Cache-Control"] = "no-store"
    _settle_retry_after(response)
    _log_request(response)
    _count(response)
    return response


def _end(_: BaseException | None) -> None:
    """The thread goes on to other work."""
    clear_contextvars()


def _settle_retry_after(response: Response) -> None:
    """The limiter puts its own on every answer; only its 429 and our errors tell anyone to wait."""
    headers = response.headers
    if g.get("retry_after") is not None:
        headers["Retry-After"] = str(g.retry_after)
    elif response.status_code != 429:
        headers.pop("Retry-After", None)
    elif headers.get("Retry-After") == "0":
        # The limiter rounds down; whoever waited no time at all would be refused again.
        headers["Retry-After"] = "1"


def _log_request(response: Response) -> None:
    """One line without query, headers and bodies, which may hold secrets."""
    actor = found_actor()
    log.log(
        logging.DEBUG if _ROUTINE.fullmatch(request.path) else logging.INFO,
        "request",
        method=_quoted(request.method),
        path=_quoted(_TOKEN.sub(r"\1…", request.path))[:SHOWN_PATH],
        status=response.status_code,
        ms=int((monotonic() - g.began) * 1000),
        caller=told_name(actor) if actor else "-",
        address=_quoted(told_address() or "-"),
    )


def _count(response: Response) -> None:
    rule = request.url_rule
    web.count_request(
        rule.rule if rule else None, request.method, response.status_code, monotonic() - g.began
    )
    if "limit_met" in g:
        web.count_refusal(g.limit_met)


def _quoted(text: str) -> str:
    """Percent-encoded, so that nothing in it looks like the next key or the next line."""
    return quote(text, safe="/:@!$&'()*+,;~")
