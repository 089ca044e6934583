"""Pages of other origins may call the API where CORS_ORIGINS names them; without it, none may."""

import re

from flask import Flask, Response, request
from flask_cors import CORS

from app.config import Settings
from app.headers import REQUEST_ID
from app.setting_values import ANY_ORIGIN

METHODS = ("GET", "POST", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", REQUEST_ID)
EXPOSED_HEADERS = (
    REQUEST_ID,
    "Location",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
PREFLIGHT_SECONDS = 600
"""How long a browser may remember what it was told about a path."""

_SHARED = re.compile(r"/(api/.*|openapi\.json)\Z", re.DOTALL)


def init_app(app: Flask, settings: Settings) -> None:
    origins = settings.cors_origins
    if not origins:
        return
    app.before_request(_answer_preflight)
    app.after_request(_vary_by_origin)
    CORS(
        app,
        resources=_SHARED,
        # Compiled, because flask-cors takes a text with brackets, such as an IPv6 address, for a pattern.
        origins="*"
        if origins == (ANY_ORIGIN,)
        else [re.compile(rf"{re.escape(text)}\Z") for text in origins],
        methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
        # Callers show a Bearer token; no cookie of ours is to be sent along.
        supports_credentials=False,
        send_wildcard=True,
        always_send=False,
        # Our error handlers make answers of their own, which the library's after_request sees too.
        intercept_exceptions=False,
        # Done below, also for those who get no header: a cache must not give their answer to others.
        vary_header=False,
    )


def _answer_preflight() -> Response | None:
    """Before tokens, limits and the router: what is wrong with the request, its own answer says."""
    is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    return Response(status=204) if is_preflight and _SHARED.match(request.path) else None


def _vary_by_origin(response: Response) -> Response:
    if _SHARED.match(request.path):
        response.vary.add("Origin")
    return response
