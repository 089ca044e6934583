"""The files that the page at /docs is made of, as they leave the web process."""

from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest

from app.headers import CONTENT_SECURITY_POLICY

FILES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/": "text/html; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    "/docs/bundle/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/bundle/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/bundle/favicon-32x32.png": "image/png",
    "/openapi.json": "application/json",
}
OUTSIDE = (
    "/docs/bundle/../__init__.py",
    "/docs/bundle/..%2f__init__.py",
    "/docs/bundle/%2e%2e/__init__.py",
    "/docs/bundle/..%5c__init__.py",
    "/docs/bundle/",
    "/docs/__init__.py",
    "/docs/index.html",
)


def get(address: str, path: str) -> HTTPResponse:
    """Asks for the path exactly as it is written, which browsers and most clients would not."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


@pytest.mark.parametrize("path", FILES)
def test_the_files_carry_their_type_and_the_policy(address: str, path: str) -> None:
    response = get(address, path)
    assert response.status == 200
    assert response.headers["Content-Type"] == FILES[path]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_else_is_served(address: str, path: str) -> None:
    response = get(address, path)
    assert response.status == 404
    assert response.headers["Content-Type"] == "application/json"


def test_the_bare_address_leads_to_the_page(address: str) -> None:
    response = get(address, "/")
    assert (response.status, response.headers["Location"]) == (302, "/docs")


def test_the_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
