"""What stands in for `requests` inside of plugins, asked directly."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.domain.target import TlsPolicy
from app.net.failure import CheckError
from app.net.limits import Limits
from app.notifiers.errand import GUARDED, MAX_REQUESTS, Errand, errand
from app.notifiers.failure import UndeliveredError
from tests.notifiers.stage import LOOPBACK
from tests.parts.http_receiver import HttpReceiver, reply


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver(reply(201, {"a": "ü"}, **{"Set-Cookie": "a=b", "X-Some": "thing"})) as running:
        yield running


@pytest.fixture
def current() -> Iterator[Errand]:
    with errand(Limits(5), LOOPBACK, TlsPolicy()) as underway:
        yield underway


def test_an_answer_is_one_of_requests(receiver: HttpReceiver, current: Errand) -> None:
    response = GUARDED.get(f"{receiver.url}/x", params={"q": "ö"}, stream=True)

    assert isinstance(response, requests.Response)
    assert (response.status_code, response.ok, response.json()) == (201, True, {"a": "ü"})
    assert response.headers["x-some"] == "thing"
    assert (current.status, current.body) == (201, response.content)
    assert receiver.requests[0].target == "/x?q=%C3%B6"


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_every_method_that_plugins_use_is_there(method: str, receiver: HttpReceiver, current: Errand) -> None:
    getattr(GUARDED, method)(receiver.url, auth=("user", "pw"), data="täxt", headers={"X-Mine": "1"})

    (request,) = receiver.requests
    assert request.method == method.upper()
    assert (request.body.decode(), request.headers["x-mine"]) == ("täxt", "1")
    assert request.headers["authorization"] == "Basic dXNlcjpwdw=="
    assert request.headers["accept-encoding"] == "identity"


def test_forms_and_json_are_sent(receiver: HttpReceiver, current: Errand) -> None:
    GUARDED.post(receiver.url, data={"a": "b c"})
    GUARDED.post(receiver.url, json={"a": "b"})

    assert receiver.requests[0].body == b"a=b+c"
    assert receiver.requests[1].json == {"a": "b"}


def test_no_cookie_is_sent_back(receiver: HttpReceiver, current: Errand) -> None:
    for _ in range(2):
        GUARDED.get(receiver.url)

    assert "cookie" not in receiver.requests[1].headers


@pytest.mark.parametrize(
    "options",
    [
        {"allow_redirects": True},
        {"proxies": {"http": "http://127.0.0.1:9"}},
        {"timeout": 0.000001},
        {"verify": False},
        {"cert": "/nowhere.pem"},
    ],
)
def test_what_plugins_wish_for_beside_the_request_counts_for_nothing(
    options: dict[str, object], receiver: HttpReceiver, current: Errand
) -> None:
    assert GUARDED.get(receiver.url, **options).status_code == 201


def test_a_service_that_asks_for_more_and_more_is_left(receiver: HttpReceiver, current: Errand) -> None:
    for _ in range(MAX_REQUESTS):
        GUARDED.get(receiver.url)
    with pytest.raises(UndeliveredError):
        GUARDED.get(receiver.url)

    assert receiver.connections == MAX_REQUESTS
    assert isinstance(current.failure, UndeliveredError)


@pytest.mark.parametrize("url", ["http://a_b!.example/", "http://user:pw@127.0.0.1/x y"])
def test_a_url_that_is_none_goes_nowhere(url: str, current: Errand) -> None:
    with pytest.raises((UndeliveredError, CheckError, requests.RequestException)) as refusal:
        GUARDED.get(url)

    assert "pw" not in str(refusal.value)


def test_other_schemes_go_nowhere(current: Errand) -> None:
    with pytest.raises(requests.exceptions.InvalidSchema):
        GUARDED.get("file:///etc/passwd")


def test_the_reason_of_a_failure_is_kept_also_where_a_plugin_swallows_it(current: Errand) -> None:
    with HttpReceiver() as receiver:
        pass
    with pytest.raises(CheckError):
        GUARDED.get(receiver.url)

    assert isinstance(current.failure, CheckError)


def test_no_other_thread_may_use_it(receiver: HttpReceiver, current: Errand) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(LookupError):
        pool.submit(GUARDED.get, receiver.url).result()

    assert receiver.connections == 0


def test_deliveries_at_once_do_not_share_their_limits() -> None:
    def deliver(number: int) -> tuple[int, int | None]:
        with HttpReceiver(reply(200 + number)) as receiver, errand(Limits(5), LOOPBACK, TlsPolicy()) as mine:
            GUARDED.get(receiver.url)
            return mine.requests, mine.status

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(deliver, range(16))) == [(1, 200 + number) for number in range(16)]
