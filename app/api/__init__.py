"""The HTTP side: blueprints, the OpenAPI document, Swagger UI, health endpoints."""

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.api import auth, customers, docs, errors, limits, monitors, operations, requests
from app.api.auth.tokens import JWT_CONFIG
from app.api.base import MAX_BODY_BYTES
from app.config import Settings
from app.version import VERSION

API_DESCRIPTION = """Register a mailbox; Pillarbox logs in to it on schedule and keeps what happened.

Log in with `POST /api/auth/login`, press **Authorize** and paste the `accessToken`."""

FLASK_CONFIG: dict[str, Any] = {
    "API_TITLE": "Pillarbox",
    "API_VERSION": VERSION,
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {"description": API_DESCRIPTION},
        "security": [{"accessToken": []}],
        "components": {
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "refreshToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            }
        },
    },
    "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
    **JWT_CONFIG,
}


def init_app(app: Flask) -> None:
    settings: Settings = app.config["SETTINGS"]
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider: keys as the contract shows them
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    requests.init_app(app)
    errors.init_app(app)
    api = errors.Api(app)
    for resource in (auth, customers, monitors):
        api.register_blueprint(resource.blp)
    app.register_blueprint(docs.blp)
    app.register_blueprint(operations.blp)
    limits.init_app(app, settings)
