"""The HTTP side: blueprints, the OpenAPI document, Swagger UI, health endpoints."""

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.api import (
    audit_log,
    auth,
    cors,
    customers,
    docs,
    errors,
    incidents,
    limits,
    maintenance_windows,
    monitors,
    notification_channels,
    operations,
    organizations,
    requests,
    tokens,
    users,
    vocabulary,
)
from app.api.auth.tokens import JWT_CONFIG
from app.api.parser import MAX_BODY_BYTES
from app.config import Settings
from app.version import VERSION

API_DESCRIPTION = """Register a mailbox; Pillarbox logs in to it on schedule and keeps what happened.

First steps on this page:

1. **Log in**: open `POST /api/auth/login`, fill in the e-mail address and the password, press *Execute*.
   `make run` prints those of the first admin.
2. **Authorize**: copy the `accessToken` of the answer, press *Authorize* below and paste it as `accessToken`.
3. **Watch a mailbox**: open `POST /api/imap-pop-monitors` and press *Execute*. Its example works as it
   stands in a new installation; with your own host name and login it watches your mailbox.

Programs need no login: make an API token with `POST /api/organization/tokens` and send it as Bearer where
this page takes an `accessToken`. It acts as an editor of the organization, or of one customer.

Every failure has the same body: `statusCode`, `statusMessage`, `message` and, for wrong fields, `errors`."""

ACCESS_TOKEN: dict[str, str] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `accessToken` of a login, without quotes and without the word Bearer. All operations "
    "but login and refresh take it. When it has expired (`expiresIn` seconds), log in again or refresh. "
    "An API token (`wsm_…`) works in its place, except where tokens, users or sessions are managed.",
}
REFRESH_TOKEN: dict[str, str] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `refreshToken` of a login. `POST /api/auth/refresh` alone takes it; leave it "
    "empty until you want to try that.",
}

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
            "securitySchemes": {"accessToken": ACCESS_TOKEN, "refreshToken": REFRESH_TOKEN},
        },
    },
    # One more than may come, so that a body of unknown length shows that it is too long.
    "MAX_CONTENT_LENGTH": MAX_BODY_BYTES + 1,
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
    # Before the limits, which count no preflights.
    cors.init_app(app, settings)
    api = errors.Api(app)
    # flask-smorest describes paging of its own, which no operation has.
    api.spec.components.schemas.pop("PaginationMetadata")
    vocabulary.init_api(api)
    # The order of the page: what a newcomer needs first stands first.
    for resource in (
        auth,
        monitors,
        incidents,
        customers,
        maintenance_windows,
        notification_channels,
        users,
        organizations,
        tokens,
        audit_log,
    ):
        api.register_blueprint(resource.blp)
    app.register_blueprint(docs.blp)
    app.register_blueprint(operations.blp)
    limits.init_app(app, settings)
