"""The headers that keep browsers careful, on every answer."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.headers import SECURITY_HEADERS
from app.services import monitors
from tests.calling import MONITORS, Caller

HSTS = "Strict-Transport-Security"
SAID_BY_PROXY = {"headers": {"X-Forwarded-Proto": "https"}}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/docs", 200),
        ("GET", "/docs/bundle/swagger-ui.css", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/metrics", 200),
        ("GET", "/", 302),
        ("GET", MONITORS, 401),
        ("GET", "/nowhere", 404),
        ("PUT", MONITORS, 405),
        ("OPTIONS", MONITORS, 200),
        ("HEAD", "/healthz", 200),
    ],
)
def test_every_answer_carries_them(nobody: Caller, method: str, path: str, status: int) -> None:
    response = nobody.send(method, path)

    assert response.status_code == status
    assert {name: response.headers.getlist(name) for name in SECURITY_HEADERS} == {
        name: [value] for name, value in SECURITY_HEADERS.items()
    }


def test_a_crash_carries_them_too(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "list_page", None)

    response = admin.get(MONITORS)

    assert response.status_code == 500
    assert dict(response.headers).items() >= SECURITY_HEADERS.items()


def test_pages_may_not_be_framed_nor_embedded() -> None:
    assert SECURITY_HEADERS["X-Frame-Options"] == "DENY"
    assert SECURITY_HEADERS["Cross-Origin-Opener-Policy"] == "same-origin"
    assert SECURITY_HEADERS["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/healthz", "/docs", MONITORS, "/nowhere"])
def test_https_is_asked_for_where_it_was_used(nobody: Caller, path: str) -> None:
    assert nobody.get(path, base_url="https://localhost").headers[HSTS] == "max-age=31536000"
    assert HSTS not in nobody.get(path).headers


@pytest.mark.parametrize(("proxies", "options"), [("1", SAID_BY_PROXY), ("0", {})])
def test_a_trusted_proxy_tells_of_https(
    make_app: Callable[..., Flask], nobody: Caller, proxies: str, options: dict[str, Any]
) -> None:
    response = nobody.on(make_app(TRUSTED_PROXIES=proxies)).get("/healthz", **options)

    assert (HSTS in response.headers) == bool(options)


def test_nobody_else_tells_of_https(nobody: Caller) -> None:
    assert HSTS not in nobody.get("/healthz", **SAID_BY_PROXY).headers
