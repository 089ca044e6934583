"""The page at /docs, as a newcomer uses it in a browser."""

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Error as BrowserError

from tests.api.seed import BODY, seed_object
from tests.browser.docs import DocsPage
from tests.calling import MONITORS
from tests.conftest import ENVIRON
from tests.parts.browser import VIOLATION, watched_page

ADMIN = "admin@example.com"
PASSWORD = ENVIRON["ADMIN_PASSWORD"]
ELSEWHERE = "http://192.0.2.1/elsewhere.png"


def ask(url: str, token: str | None = None, body: object = None) -> dict[str, Any]:
    """What the API answers without a page: to a POST where there is a body."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = Request(url, json.dumps(body).encode() if body else None, headers)  # noqa: S310 - our own server
    with urlopen(request, timeout=60) as response:  # noqa: S310 - as above
        answer: dict[str, Any] = json.load(response)
    return answer


@pytest.fixture(scope="module")
def tokens(address: str) -> dict[str, str]:
    """Of a login, for the tests in which nobody has to do it on the page."""
    return ask(f"{address}/api/auth/login", body={"email": ADMIN, "password": PASSWORD})


def test_every_operation_is_shown(docs: DocsPage, address: str) -> None:
    paths = ask(f"{address}/openapi.json")["paths"]
    expected = {
        (method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"
    }
    shown = {
        (
            block.locator(".opblock-summary-method").inner_text(),
            block.locator(".opblock-summary-path").get_attribute("data-path"),
        )
        for block in docs.operations.all()
    }
    assert shown == expected


def test_logging_in_and_monitors_stand_first(docs: DocsPage) -> None:
    tags = docs.page.locator(".opblock-tag").all()
    assert [tag.get_attribute("data-tag") for tag in tags][:2] == ["Sessions", "Monitors"]


def test_operations_of_every_kind_unfold(docs: DocsPage) -> None:
    # A path and a body, a path alone, a path and a query; the other tests unfold the rest.
    for name in ("updateImapPopMonitor", "deleteCustomer", "listImapPopCheckHistory"):
        expect(docs.operation(name).execute_button).to_be_visible()


def test_the_dialog_explains_both_tokens_and_waits_for_the_access_token(docs: DocsPage) -> None:
    docs.open_dialog()
    access, refresh = docs.dialog.locator(".auth-container").all()
    expect(access).to_contain_text("The accessToken of a login")
    expect(refresh).to_contain_text("POST /api/auth/refresh alone takes it")
    expect(access.get_by_role("textbox")).to_be_focused()


def test_the_example_is_the_seed_pages_own(docs: DocsPage) -> None:
    body = docs.operation("createImapPopMonitor").body
    assert json.loads(body.input_value()) == seed_object("en", BODY)


def test_a_newcomer_logs_in_authorizes_and_creates_the_example(docs: DocsPage, address: str) -> None:
    status, login = docs.log_in(ADMIN, PASSWORD)
    assert status == "200"
    token = login["accessToken"]
    docs.authorize("accessToken", token)
    status, monitor = docs.operation("createImapPopMonitor").execute()
    assert status == "201"
    stored = ask(f"{address}{MONITORS}/{monitor['publicId']}", token)
    assert stored["hostname"] == seed_object("en", BODY)["hostname"]


def test_an_authorized_page_lists_monitors(docs: DocsPage, tokens: dict[str, str]) -> None:
    docs.authorize("accessToken", tokens["accessToken"])
    status, answer = docs.operation("listImapPopMonitors").execute()
    assert status == "200"
    assert answer.keys() == {"items", "total", "page", "perPage"}


def test_the_refresh_token_goes_where_it_belongs(docs: DocsPage, tokens: dict[str, str]) -> None:
    docs.authorize("refreshToken", tokens["refreshToken"])
    assert docs.operation("refresh").execute()[0] == "200"
    assert docs.operation("getMe").execute()[0] == "401"


def test_without_authorizing_the_page_shows_our_401(docs: DocsPage) -> None:
    status, answer = docs.operation("createImapPopMonitor").execute()
    assert status == "401"
    assert answer == {"statusCode": 401, "statusMessage": "Unauthorized", "message": answer["message"]}


def test_a_wrong_password_is_told_on_the_page(docs: DocsPage) -> None:
    status, answer = docs.log_in(ADMIN, "not the password")
    assert (status, answer["message"]) == ("401", "The e-mail address or the password is wrong.")


def test_the_watch_sees_what_the_policy_forbids(browser: Browser, address: str) -> None:
    with watched_page(browser, address) as (page, complaints):
        page.goto(f"{address}/healthz")
        with page.expect_console_message(lambda message: VIOLATION in message.text):
            page.evaluate("(url) => { new Image().src = url; }", ELSEWHERE)
    assert any(f"{VIOLATION}: img-src {ELSEWHERE}" in error for error in complaints.errors)


def test_the_watch_sees_and_stops_foreign_requests(browser: Browser, address: str) -> None:
    with watched_page(browser, address) as (page, complaints):
        with pytest.raises(BrowserError, match="ERR_PROXY_CONNECTION_FAILED"):
            page.goto(ELSEWHERE)
        assert complaints.foreign == [ELSEWHERE]
