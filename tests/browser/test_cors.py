"""Pages of other origins that call the API, in a real browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.calling import MONITORS
from tests.conftest import ENVIRON
from tests.parts.browser import Web, watched_page

BLOCKED = "TypeError: Failed to fetch"
CREDENTIALS = {"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}

# What a script may read of an answer, or what it is told instead.
CALL = """
async ([url, method, body, headers]) => {
  try {
    const answer = await fetch(url, {method, headers, body: body && JSON.stringify(body)});
    return {status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.json()};
  } catch (error) {
    return String(error);
  }
}
"""


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def site() -> Iterator[str]:
    """The origin of a page that is not ours."""
    with ThreadingHTTPServer((Web.host, 0), EmptyPage) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{Web.host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def listed() -> Iterator[str]:
    with site() as origin:
        yield origin


@pytest.fixture(scope="module")
def unlisted() -> Iterator[str]:
    with site() as origin:
        yield origin


@pytest.fixture(scope="module")
def open_address(tmp_path_factory: pytest.TempPathFactory, listed: str) -> Iterator[str]:
    """Where a web process answers that lets pages of one origin in."""
    folder = tmp_path_factory.mktemp("open")
    with Web(folder, **ENVIRON, CORS_ORIGINS=listed).running() as address:
        yield address


Call = Callable[..., Any]


@pytest.fixture
def page_of(browser: Browser) -> Iterator[Callable[[str], Call]]:
    """Opens a page of that origin; what comes back sends requests from it."""
    with watched_page(browser, "") as (page, _):

        def opened(origin: str) -> Call:
            page.goto(origin)

            def call(url: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
                return page.evaluate(CALL, [url, method, body, headers])

            return call

        yield opened


def log_in(call: Call, address: str) -> Any:
    return call(f"{address}/api/auth/login", "POST", CREDENTIALS, **{"Content-Type": "application/json"})


def test_a_page_of_a_listed_origin_works_with_the_api(
    page_of: Callable[[str], Call], listed: str, open_address: str
) -> None:
    call = page_of(listed)
    token = log_in(call, open_address)["body"]["accessToken"]

    answer = call(
        f"{open_address}{MONITORS}", Authorization=f"Bearer {token}", **{"X-Request-Id": "look-here"}
    )

    assert (answer["status"], answer["body"]["total"]) == (200, 0)
    assert answer["headers"]["x-request-id"] == "look-here"
    refusal = call(f"{open_address}{MONITORS}/x", "PATCH", {"name": 5}, Authorization=f"Bearer {token}")
    assert refusal["body"]["statusMessage"] == "Unsupported Media Type"
    gone = call(f"{open_address}/api/nowhere", "DELETE", Authorization=f"Bearer {token}")
    assert gone["body"]["statusMessage"] == "Not Found"
    assert call(f"{open_address}/openapi.json")["body"]["openapi"] == "3.1.0"


def test_a_page_of_another_origin_may_not(
    page_of: Callable[[str], Call], unlisted: str, open_address: str
) -> None:
    call = page_of(unlisted)

    assert log_in(call, open_address) == BLOCKED
    assert call(f"{open_address}{MONITORS}") == BLOCKED
    assert call(f"{open_address}/openapi.json") == BLOCKED


def test_without_the_setting_no_page_may(page_of: Callable[[str], Call], listed: str, address: str) -> None:
    call = page_of(listed)

    assert log_in(call, address) == BLOCKED
    assert call(f"{address}/openapi.json") == BLOCKED


def test_what_is_not_the_api_stays_closed(
    page_of: Callable[[str], Call], listed: str, open_address: str
) -> None:
    assert page_of(listed)(f"{open_address}/healthz") == BLOCKED
