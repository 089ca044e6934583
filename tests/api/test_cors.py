"""Which pages of other origins may call the API, and what they may read."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.services import monitors
from tests.calling import MONITORS, Caller, assert_failure

# No row plays a part in it.
pytestmark = pytest.mark.only_on("sqlite")

LISTED = "https://app.example.com"
ALSO_LISTED = "http://[::1]:3000"
OTHERS = (
    "https://evil.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://appxexample.com",
    "http://1:3000",
    "null",
    "",
)
SHARED = (MONITORS, "/openapi.json")
OPEN = "Access-Control-Allow-Origin"
EXPOSED = {
    "X-Request-Id",
    "Location",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
}


def opened(response: TestResponse) -> Mapping[str, str]:
    """The headers that tell a browser what it may do."""
    return {name: value for name, value in response.headers.items() if name.startswith("Access-Control-")}


def from_origin(origin: str, **headers: str) -> dict[str, Any]:
    return {"headers": {"Origin": origin, **headers}}


def preflight(caller: Caller, path: str, method: str = "POST", origin: str = LISTED) -> TestResponse:
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,x-request-id,x-other",
    }
    return caller.send("OPTIONS", path, **from_origin(origin, **asked))


@pytest.fixture
def open_app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(CORS_ORIGINS=f"{LISTED},{ALSO_LISTED}", RATE_LIMIT="2/minute")


@pytest.fixture
def stranger(nobody: Caller, open_app: Flask) -> Caller:
    return nobody.on(open_app)


@pytest.mark.parametrize("path", [*SHARED, "/docs", "/healthz", "/nowhere"])
def test_without_the_setting_no_page_is_let_in(nobody: Caller, path: str) -> None:
    for response in (nobody.get(path, **from_origin(LISTED)), preflight(nobody, path)):
        assert not opened(response)
        assert "Origin" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("origin", [LISTED, ALSO_LISTED])
def test_a_listed_origin_may_read_the_answer(admin: Caller, open_app: Flask, origin: str) -> None:
    response = admin.on(open_app).get(MONITORS, **from_origin(origin))

    assert response.status_code == 200
    assert response.headers.getlist(OPEN) == [origin]
    assert set(response.headers["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]


def test_the_document_may_be_read_too(stranger: Caller) -> None:
    response = stranger.get("/openapi.json", **from_origin(LISTED))

    assert response.headers[OPEN] == LISTED
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", ["/docs", "/healthz", "/readyz", "/metrics", "/", "/openapi.json/x", "/api"])
def test_nothing_else_may_be_read(stranger: Caller, path: str) -> None:
    assert not opened(stranger.get(path, **from_origin(LISTED)))
    assert not opened(preflight(stranger, path))


@pytest.mark.parametrize("origin", OTHERS)
def test_an_origin_that_is_not_listed_gets_nothing(stranger: Caller, origin: str) -> None:
    for path in SHARED:
        for response in (
            stranger.get(path, **from_origin(origin)),
            preflight(stranger, path, origin=origin),
        ):
            assert not opened(response)
            assert "Origin" in response.headers["Vary"]


def test_programs_without_an_origin_get_nothing(stranger: Caller) -> None:
    response = stranger.get("/openapi.json")

    assert not opened(response)
    assert "Origin" in response.headers["Vary"]


def test_a_preflight_needs_no_token_and_counts_against_no_limit(stranger: Caller) -> None:
    for _ in range(5):
        response = preflight(stranger, MONITORS)
        assert (response.status_code, response.data) == (204, b"")
        assert "X-RateLimit-Limit" not in response.headers

    assert_failure(stranger.get(MONITORS, **from_origin(LISTED)), 401)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_preflight_says_what_may_be_sent(stranger: Caller, method: str) -> None:
    headers = preflight(stranger, f"{MONITORS}/x", method).headers

    assert headers[OPEN] == LISTED
    assert headers["Access-Control-Allow-Methods"] == "DELETE, GET, PATCH, POST"
    allowed = headers["Access-Control-Allow-Headers"].split(", ")
    assert sorted(allowed) == ["authorization", "content-type", "x-request-id"]
    assert headers["Access-Control-Max-Age"] == "600"
    assert "Access-Control-Allow-Credentials" not in headers


def test_another_method_may_not_be_sent(stranger: Caller) -> None:
    assert "Access-Control-Allow-Methods" not in preflight(stranger, MONITORS, "PUT").headers


def test_failures_may_be_read_like_answers(
    admin: Caller, open_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitors, "list_page", None)
    someone, stranger = admin.on(open_app), Caller(open_app, None)

    seen = [
        someone.get(MONITORS, **from_origin(LISTED)),
        someone.get("/api/nowhere", **from_origin(LISTED)),
        someone.get(MONITORS, **from_origin(LISTED)),
        stranger.get(MONITORS, **from_origin(LISTED)),
        stranger.send("PUT", MONITORS, **from_origin(LISTED)),
    ]

    assert [response.status_code for response in seen] == [500, 404, 429, 401, 405]
    assert [response.headers.getlist(OPEN) for response in seen] == [[LISTED]] * 5
    assert int(seen[2].headers["Retry-After"]) >= 1


def test_a_star_lets_every_origin_in(make_app: Callable[..., Flask], nobody: Caller) -> None:
    anyone = nobody.on(make_app(CORS_ORIGINS="*"))

    for origin in ("https://anything.example", "null"):
        for response in (anyone.get(MONITORS, **from_origin(origin)), preflight(anyone, MONITORS)):
            assert response.headers[OPEN] == "*"
            assert "Access-Control-Allow-Credentials" not in response.headers
