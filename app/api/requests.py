"""What every request and every answer gets: an id, and headers that keep browsers careful."""

import re
from uuid import uuid4

from flask import Flask, Response, g, request

from app.headers import REQUEST_ID, SECURITY_HEADERS, STRICT_TRANSPORT_SECURITY

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def init_app(app: Flask) -> None:
    app.before_request(_name_request)
    app.after_request(_finish_response)


def _name_request() -> None:
    """Take over the caller's or the proxy's id where it is harmless in a log, else make one."""
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _SAFE_ID.fullmatch(given) else uuid4().hex


def _finish_response(response: Response) -> Response:
    headers = response.headers
    headers[REQUEST_ID] = g.get("request_id") or uuid4().hex
    headers.update(SECURITY_HEADERS)
    if request.is_secure:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    if request.path.startswith("/api/"):
        # Answers carry mailbox passwords.
        headers["Cache-Control"] = "no-store"
    _settle_retry_after(response)
    return response


def _settle_retry_after(response: Response) -> None:
    """The limiter puts its own on every answer; only its 429 and our errors tell anyone to wait."""
    if g.get("retry_after") is not None:
        response.headers["Retry-After"] = str(g.retry_after)
    elif response.status_code != 429:
        response.headers.pop("Retry-After", None)
