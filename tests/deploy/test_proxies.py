"""The examples for nginx and Caddy, run, in front of a real web process."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.api.parser import MAX_BODY_BYTES
from tests.conftest import ENVIRON
from tests.parts.browser import Web
from tests.parts.proxies import KINDS, SITE, Proxy, running

LOGIN = "/api/auth/login"
APPLY = "/api/imap-pop-monitors/apply"
JSON = {"Content-Type": "application/json"}
CREDENTIALS = json.dumps({"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}).encode()
CALLER = "127.0.0.2"
"""Another address than that of the proxy."""

OURS = "X-Request-Id"
"""Is in every answer of Pillarbox and in none of a proxy's own."""

WAIT_SECONDS = 30.0
MORE_THAN_THREADS = 12


class Connection(HTTPSConnection):
    """To the proxy, as if its site's name led there."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(SITE, proxy.https, timeout=WAIT_SECONDS)
        self._trust = ssl.create_default_context()
        proxy.authority.configure_trust(self._trust)

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), WAIT_SECONDS, (CALLER, 0))
        self.sock = self._trust.wrap_socket(plain, server_hostname=SITE)


@dataclass(frozen=True)
class Site:
    proxy: Proxy
    log: Path
    """Of the web process."""

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        with closing(Connection(self.proxy)) as connection:
            connection.request(method, path, body, {**JSON, "Host": SITE, **headers})
            answer = connection.getresponse()
            return answer, answer.read()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("web")
    settings = {**ENVIRON, "TRUSTED_PROXIES": "1", "LOG_LEVEL": "INFO"}
    with Web(folder, **settings).running() as url:
        yield urlsplit(url).netloc, folder / "log"


@pytest.fixture(scope="module", params=KINDS)
def site(
    request: pytest.FixtureRequest, web: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with running(request.param, tmp_path_factory.mktemp(request.param), web[0]) as proxy:
        yield Site(proxy, web[1])


def test_plain_http_is_sent_to_https(site: Site) -> None:
    with closing(HTTPConnection("127.0.0.1", site.proxy.http, timeout=WAIT_SECONDS)) as connection:
        connection.request("GET", "/docs?a=b", headers={"Host": SITE})
        answer = connection.getresponse()

    location = urlsplit(answer.getheader("Location", ""))
    assert answer.status == 308
    assert (location.scheme, location.hostname) == ("https", SITE)
    assert (location.path, location.query) == ("/docs", "a=b")


def test_who_logs_in_is_known_by_address_and_told_to_stay_with_https(site: Site) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Request-Id": "logged-in"}
    answer, body = site.ask("POST", LOGIN, CREDENTIALS, **forged)

    assert (answer.status, "accessToken" in json.loads(body)) == (200, True)
    assert "max-age=" in answer.getheader("Strict-Transport-Security", "")
    lines = [line for line in site.log.read_text().splitlines() if "request_id=logged-in" in line]
    assert f"address={CALLER}" in lines[-1]


def test_bodies_have_their_limit(site: Site) -> None:
    assert site.ask("POST", LOGIN, b" " * MAX_BODY_BYTES)[0].getheader(OURS) is not None
    assert_own_error(*site.ask("POST", LOGIN, b" " * (MAX_BODY_BYTES + 1)), status=413)


def test_one_request_may_be_large(site: Site) -> None:
    """Not as large as it may be: who is not logged in may be answered before all of it is there."""
    assert site.ask("POST", APPLY, b" " * (2 * MAX_BODY_BYTES))[0].getheader(OURS) is not None
    with closing(Connection(site.proxy)) as connection:
        connection.request("POST", APPLY, headers={**JSON, "Content-Length": str((10 << 20) + 1)})
        assert_refused(connection.getresponse())


def assert_refused(answer: HTTPResponse) -> None:
    assert_own_error(answer, answer.read(), 413)


def assert_own_error(answer: HTTPResponse, body: bytes, status: int) -> None:
    """Of the proxy itself, in the form of Pillarbox's errors."""
    assert (answer.status, answer.getheader(OURS)) == (status, None)
    assert answer.getheader("Content-Type", "").startswith("application/json")
    told = json.loads(body)
    assert told.keys() == {"statusCode", "statusMessage", "message"}
    assert told["statusCode"] == status


def test_a_body_that_does_not_say_how_long_it_is_is_refused_too(site: Site) -> None:
    """nginx refuses it; Caddy passes on what fits, which is no JSON then."""
    text = b'{"email": "' + b" " * MAX_BODY_BYTES + b'"}'
    with closing(Connection(site.proxy)) as connection:
        connection.request("POST", LOGIN, iter([text[:1000], text[1000:]]), JSON, encode_chunked=True)
        assert connection.getresponse().status in {400, 413, 502}


def test_figures_are_not_for_everybody(site: Site) -> None:
    for path in ("/metrics", "//metrics", "/%6detrics", "/docs/../metrics"):
        answer, body = site.ask("GET", path)
        assert answer.status != 200
        assert b"pillarbox_" not in body


def test_a_proxys_own_errors_look_like_those_of_pillarbox(site: Site) -> None:
    assert_own_error(*site.ask("GET", "/metrics"), status=404)


def test_errors_of_pillarbox_pass_as_they_are(site: Site) -> None:
    answer, body = site.ask("GET", "/nowhere")
    assert (answer.status, answer.getheader(OURS) is None) == (404, False)
    assert json.loads(body)["statusCode"] == 404


@pytest.mark.parametrize("kind", KINDS)
def test_who_finds_pillarbox_away_is_told_so(kind: str, tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        upstream = f"127.0.0.1:{held.getsockname()[1]}"
        with running(kind, tmp_path, upstream) as proxy:
            assert_own_error(*Site(proxy, tmp_path / "log").ask("GET", "/healthz"), status=502)


def test_slow_senders_keep_no_thread(site: Site) -> None:
    """None of them has been answered when somebody else is: without the proxy they would have all threads."""
    begun = f"POST {LOGIN} HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 100\r\n\r\n{{"
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(Connection(site.proxy))) for _ in range(MORE_THAN_THREADS)]
        for connection in slow:
            connection.connect()
            connection.sock.sendall(begun.encode())

        assert site.ask("GET", "/healthz")[0].status == 200

        for connection in slow:
            connection.sock.setblocking(False)
            with pytest.raises(ssl.SSLWantReadError):
                connection.sock.recv(1)
