"""A client whose requests stand alone, and callers: the same client with somebody's token."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask, current_app
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app.api.auth.tokens import access_token
from app.models import Session

MONITORS = "/api/imap-pop-monitors"
CUSTOMERS = "/api/customers"
USERS = "/api/users"
ORGANIZATION, ORGANIZATIONS = "/api/organization", "/api/organizations"
ORGANIZATION_TOKENS, CUSTOMER_TOKENS = "/api/organization/tokens", "/api/customer/tokens"
AUDIT_LOG = "/api/audit-log"
WINDOWS = "/api/maintenance-windows"
CHANNELS = "/api/notification-channels"
INCIDENTS = "/api/incidents"


class FreshClient(FlaskClient):
    """Gives each request an application context of its own, although the test has one open.

    Otherwise `g` and the database session would live from one request to the next.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        with self.application.app_context():
            response = super().open(*args, buffered=True, **kwargs)
        assert_documented(self.application, response)
        return response


class Caller:
    """Sends requests with one token; `json` is the body, and `on` the same caller at another application."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self.client = app.test_client()
        self.token = token

    def on(self, app: Flask) -> "Caller":
        return Caller(app, self.token)

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> TestResponse:
        known = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.open(path, method=method, headers={**known, **(headers or {})}, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.send("POST", path, **({} if json is None else {"json": json}), **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.send("PATCH", path, **({} if json is None else {"json": json}), **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.send("DELETE", path, **options)


@cache
def _documented() -> dict[tuple[str, str], frozenset[str]]:
    """The statuses of each operation in the OpenAPI document, which no setting changes."""
    extension = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return {
        (method, path): frozenset(operation["responses"])
        for path, item in extension.spec.to_dict()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def assert_documented(app: Flask, response: TestResponse) -> None:
    """Whatever a test makes an operation answer, the OpenAPI document says that it may."""
    request = response.request
    try:
        rule, _ = app.url_map.bind("localhost").match(request.path, request.method, return_rule=True)
    except HTTPException:
        return
    with app.app_context():
        statuses = _documented().get(
            (request.method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        )
    undocumented = f"{request.method} {rule.rule} answers {response.status_code}, which is not documented"
    assert statuses is None or str(response.status_code) in statuses, undocumented


def caller_of(app: Flask, session: Session) -> Caller:
    """Somebody with a real token for that session."""
    with app.test_request_context():
        return Caller(app, access_token(session))


def monitor_path(monitor: Any, suffix: str = "") -> str:
    return f"{MONITORS}/{monitor.public_id}{suffix}"


def window_path(window: Any) -> str:
    """Of a row, or of an answer."""
    return f"{WINDOWS}/{window['publicId'] if isinstance(window, dict) else window.public_id}"


def customer_path(customer: Any) -> str:
    return f"{CUSTOMERS}/{customer.public_id}"


def assert_failure(response: TestResponse, status: int, title: str | None = None) -> dict[str, Any]:
    """The one error body of contract section 1, with that status, and with that text if one is given."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/json"
    assert response.headers["X-Request-Id"]
    body: dict[str, Any] = response.get_json()
    assert set(body) - {"errors"} == {"statusCode", "statusMessage", "message"}
    assert body["statusCode"] == status
    assert isinstance(body["statusMessage"], str)
    assert isinstance(body["message"], str)
    for texts in body.get("errors", {}).values():
        assert texts
        assert all(isinstance(text, str) for text in texts)
    if title is not None:
        assert body["statusMessage"] == title
    return body
