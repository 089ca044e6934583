"""What every request and every answer gets: an id, and headers that keep browsers careful."""

import re
from uuid import uuid4

from flask import Flask, Response, g, request

REQUEST_ID = "X-Request-Id"
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Nothing may be loaded from anywhere but here, and no script or style may stand in a page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


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
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
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
