"""The web process against callers who are slow, silent or do not speak HTTP."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPResponse
from selectors import EVENT_READ, DefaultSelector
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, RequestTimeout

from app import large_bodies, web
from app.api.parser import MAX_BODY_BYTES
from app.headers import REQUEST_ID, SECURITY_HEADERS
from tests.conftest import ENVIRON
from tests.parts.browser import Web

SOME_ADDRESS = ("127.0.0.1", 80)
PATIENCE = 0.2
THREADS = 8

COMPLETE = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
LOGIN_BEGUN = (
    b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)

NOT_HTTP = {
    "header over the limit": (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 9216 + b"\r\n\r\n", 431),
    "too many headers": (b"GET / HTTP/1.1\r\n" + b"X-Many: a\r\n" * 101 + b"\r\n", 431),
    "address over the limit": (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
    "NUL in a header": (b"GET / HTTP/1.1\r\nX-Nul: secret\x00\r\n\r\n", 400),
    "bad request line": (b"secret\r\n\r\n", 400),
    "bad method": (b"get / HTTP/1.1\r\n\r\n", 400),
    "bad version": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "unknown coding": (b"POST / HTTP/1.1\r\nTransfer-Encoding: secret\r\n\r\n", 501),
    "expects too much": (b"POST / HTTP/1.1\r\nExpect: secret\r\n\r\n", 417),
}
each_fault = pytest.mark.parametrize(("sent", "status"), NOT_HTTP.values(), ids=NOT_HTTP)


class Wire:
    """Both ends of one connection: the caller's, and the worker's turn at it."""

    def __init__(self, worker: web.Worker, wsgi: Callable[..., Any]) -> None:
        self.caller, theirs = socket.socketpair()
        self.caller.settimeout(5)
        self._worker = worker
        self._connection = web.Connection(worker.cfg, theirs, SOME_ADDRESS, SOME_ADDRESS)
        self._connection.data_ready = True
        worker.wsgi = wsgi

    def turn(self) -> bool:
        """What the worker does once there is something to read; whether it would keep the connection."""
        return bool(self._worker.handle(self._connection))

    def close(self) -> None:
        self.caller.close()
        self._connection.close()


@Request.application
def echo(request: Request) -> Response:
    try:
        return Response(request.get_data())
    except HTTPException as error:
        return Response(error.name, error.code)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Wire]]:
    monkeypatch.setattr(web, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(web, "LINGER_SECONDS", 0.01)
    config = Config()
    config.set("keepalive", 2)
    config.set("threads", THREADS)
    config.set("worker_connections", 100)
    with ExitStack() as stack:
        worker = web.Worker(1, 1, [], None, 30, config, Logger(config))
        stack.callback(worker.tmp.close)

        def connect(wsgi: Callable[..., Any] = echo) -> Wire:
            made = Wire(worker, wsgi)
            stack.callback(made.close)
            return made

        yield connect


def answer_on(sock: socket.socket) -> HTTPResponse:
    response = HTTPResponse(sock)
    response.begin()
    return response


def assert_refused(response: HTTPResponse, status: int) -> str:
    """The contract's body and headers; returns the message."""
    body = json.loads(response.read())
    assert (response.status, body["statusCode"]) == (status, status)
    assert body.keys() == {"statusCode", "statusMessage", "message"}
    assert response.getheader("Content-Type") == "application/json"
    assert re.fullmatch("[0-9a-f]{32}", response.getheader(REQUEST_ID, ""))
    assert dict(response.getheaders()).items() >= SECURITY_HEADERS.items()
    return str(body["message"])


@each_fault
def test_what_is_not_http_is_refused_in_the_one_body(
    wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    connection = wire()
    connection.caller.sendall(sent)
    connection.caller.shutdown(socket.SHUT_WR)

    assert connection.turn() is False

    response = answer_on(connection.caller)
    assert "secret" not in assert_refused(response, status)
    assert response.getheader("Connection") == "close"
    assert connection.caller.recv(1) == b""


def test_crash_below_the_application_names_the_request_alone(wire: Callable[..., Wire]) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("secret")

    connection = wire(crash)
    connection.caller.sendall(COMPLETE)
    connection.caller.shutdown(socket.SHUT_WR)

    assert connection.turn() is False

    response = answer_on(connection.caller)
    message = assert_refused(response, 500)
    assert message == f"The log has more under the request id {response.getheader(REQUEST_ID)}."


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_head_that_does_not_end_is_cut_off(wire: Callable[..., Wire], begun: bytes) -> None:
    connection = wire()
    connection.caller.sendall(begun)

    start = monotonic()
    assert connection.turn() is False

    assert_refused(answer_on(connection.caller), 408)
    assert PATIENCE <= monotonic() - start < PATIENCE + 2


def test_used_up_patience_is_not_waited_with() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = web.ImpatientReader(theirs)
        theirs.settimeout(5)
        reader.left = 0
        with pytest.raises(RequestTimeout):
            reader.chunk()


def test_new_connection_waits_outside_the_threads(wire: Callable[..., Wire]) -> None:
    worker = wire()._worker
    worker.poller = DefaultSelector()
    caller, theirs = socket.socketpair()
    with worker.poller, caller, theirs:
        worker.enqueue_req(TConn(worker.cfg, theirs, SOME_ADDRESS, SOME_ADDRESS))

        assert worker.tpool is None
        waiting = worker.pending_conns.pop()
        assert waiting.timeout <= monotonic() + web.FIRST_BYTE_SECONDS
        assert worker.poller.get_key(theirs).data.args == (waiting,)


def test_refusal_may_find_nobody_there(wire: Callable[..., Wire]) -> None:
    connection = wire()
    connection.caller.sendall(b"bad\r\n\r\n")
    connection.caller.close()

    assert connection.turn() is False


def test_body_that_does_not_end_is_cut_off(wire: Callable[..., Wire]) -> None:
    connection = wire()
    connection.caller.sendall(COMPLETE[:-1])

    assert connection.turn() is False
    assert answer_on(connection.caller).status == 408


def test_body_that_nobody_reads_is_not_waited_for(wire: Callable[..., Wire]) -> None:
    connection = wire(Response("early"))
    connection.caller.sendall(COMPLETE[:-1])

    assert connection.turn() is False

    response = answer_on(connection.caller)
    assert (response.status, response.read()) == (200, b"early")
    assert connection.caller.recv(1) == b"", "a second answer"


def test_many_small_pieces_get_no_more_time_than_one(wire: Callable[..., Wire]) -> None:
    connection, is_over = wire(), Event()

    def trickle() -> None:
        while not is_over.wait(PATIENCE / 4):
            connection.caller.send(b"G")

    sender = Thread(target=trickle)
    sender.start()
    try:
        assert connection.turn() is False
    finally:
        is_over.set()
        sender.join()
    assert_refused(answer_on(connection.caller), 408)


@pytest.mark.parametrize(("is_let", "status"), [(True, 200), (False, 408)])
def test_what_comes_earns_more_time_where_the_application_says_so(
    wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch, is_let: bool, status: int
) -> None:
    """A body that takes three times the patience, at more than the slowest speed that is waited for."""
    monkeypatch.setattr(large_bodies, "BYTES_PER_SECOND", 1000)

    @Request.application
    def let(request: Request) -> Response:
        more_patience = large_bodies.more_patience.get()
        assert more_patience
        more_patience()
        answer: Response = echo.__wrapped__(request)  # type: ignore[attr-defined]
        return answer

    connection, piece, pieces = wire(let if is_let else echo), b"a" * 100, 12
    length = len(piece) * pieces

    def trickle() -> None:
        connection.caller.sendall(
            f"POST {large_bodies.PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        for _ in range(pieces):
            Event().wait(PATIENCE / 4)
            with suppress(OSError):
                connection.caller.sendall(piece)

    sender = Thread(target=trickle)
    sender.start()
    connection.turn()
    sender.join()
    assert answer_on(connection.caller).status == status


def test_answer_may_take_longer_than_the_patience(wire: Callable[..., Wire]) -> None:
    @Request.application
    def slow(request: Request) -> Response:
        Event().wait(PATIENCE * 2)
        return Response(request.get_data())

    connection = wire(slow)
    connection.caller.sendall(COMPLETE[:-2])
    connection.caller.sendall(COMPLETE[-2:])

    assert connection.turn() is True
    assert answer_on(connection.caller).read() == b"hi"


def test_kept_connection_gets_new_patience_with_each_request(wire: Callable[..., Wire]) -> None:
    connection = wire()
    for _ in range(3):
        connection.caller.sendall(COMPLETE)
        assert connection.turn() is True
        assert answer_on(connection.caller).read() == b"hi"
        connection._connection.parser.unreader.left = 0


def test_answer_that_nobody_takes_is_given_up(wire: Callable[..., Wire]) -> None:
    connection = wire(Response(b"a" * 10_000_000))
    connection.caller.sendall(COMPLETE)

    assert connection.turn() is False


def test_bad_chunk_is_the_fault_of_the_caller(wire: Callable[..., Wire]) -> None:
    connection = wire()
    connection.caller.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n")
    connection.caller.shutdown(socket.SHUT_WR)

    assert connection.turn() is False
    assert answer_on(connection.caller).status == 400


def test_bad_chunk_after_the_answer_is_no_second_answer(wire: Callable[..., Wire]) -> None:
    connection = wire(Response("early"))
    connection.caller.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n")
    connection.caller.shutdown(socket.SHUT_WR)

    assert connection.turn() is False

    assert answer_on(connection.caller).read() == b"early"
    assert connection.caller.recv(1) == b""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Where a real web process answers."""
    with Web(tmp_path_factory.mktemp("web"), **ENVIRON).running() as url:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        yield parts.hostname, parts.port


def seconds_until_healthy(address: tuple[str, int]) -> float:
    start = monotonic()
    connection = HTTPConnection(*address, timeout=web.PATIENCE_SECONDS * 3)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
    return monotonic() - start


def test_silent_callers_hold_up_nobody(address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS * 4):
            stack.enter_context(socket.create_connection(address))

        assert seconds_until_healthy(address) < web.FIRST_BYTE_SECONDS


def test_callers_who_stop_in_the_middle_of_a_body_are_cut_off(address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        callers = [stack.enter_context(socket.create_connection(address, 30)) for _ in range(THREADS)]
        for caller in callers:
            caller.sendall(LOGIN_BEGUN)

        assert seconds_until_healthy(address) < web.PATIENCE_SECONDS + 5
        for caller in callers:
            assert_refused(answer_on(caller), 408)


def test_large_bodies_of_one_caller_hold_up_nobody(address: tuple[str, int]) -> None:
    """As many as there are threads; one is read, however slowly it comes, and the others are sent away."""
    login = HTTPConnection(*address, timeout=30)
    credentials = {"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}
    login.request("POST", "/api/auth/login", json.dumps(credentials), {"Content-Type": "application/json"})
    token = json.loads(login.getresponse().read())["accessToken"]
    login.close()
    begun = (
        f"POST {large_bodies.PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {large_bodies.MAX_BYTES}\r\n\r\n{{"
    )
    with ExitStack() as stack, DefaultSelector() as selector:
        for _ in range(THREADS):
            caller = stack.enter_context(socket.create_connection(address, 30))
            caller.sendall(begun.encode())
            selector.register(caller, EVENT_READ)
        refused: set[Any] = set()
        while len(refused) < THREADS - 1:
            ready = [key.fileobj for key, _ in selector.select(web.PATIENCE_SECONDS - 2)]
            assert ready, "more than one body is waited for"
            for caller in ready:
                selector.unregister(caller)
                response = answer_on(caller)  # type: ignore[arg-type] # all of them are sockets
                assert_refused(response, 503)
                assert response.getheader("Retry-After")
                refused.add(caller)
        assert seconds_until_healthy(address) < web.PATIENCE_SECONDS / 2


def test_callers_who_do_not_close_hold_up_nobody(address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS):
            caller = stack.enter_context(socket.create_connection(address, 10))
            caller.sendall(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")

        assert seconds_until_healthy(address) < web.LINGER_SECONDS * 5


def test_one_connection_carries_many_requests(address: tuple[str, int]) -> None:
    connection = HTTPConnection(*address, timeout=10)
    connection.connect()
    kept = connection.sock
    for _ in range(3):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        assert connection.sock is kept
    connection.close()


def test_real_process_refuses_in_the_one_body(address: tuple[str, int]) -> None:
    for sent, status in NOT_HTTP.values():
        with socket.create_connection(address, 10) as caller:
            caller.sendall(sent)
            assert_refused(answer_on(caller), status)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_is_read_up_to_its_limit(address: tuple[str, int], is_chunked: bool) -> None:
    """Also one that does not say beforehand how long it is."""
    for length, status in ((MAX_BODY_BYTES, 400), (MAX_BODY_BYTES + 1, 413), (MAX_BODY_BYTES * 4, 413)):
        body = b"{" + b" " * (length - 1)
        connection = HTTPConnection(*address, timeout=10)
        connection.request(
            "POST",
            "/api/auth/login",
            iter([body[:1000], body[1000:]]) if is_chunked else body,
            {"Content-Type": "application/json"},
            encode_chunked=is_chunked,
        )
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["statusCode"]) == (status, status)
        connection.close()


def test_what_proxies_may_tell_is_not_believed_without_one(address: tuple[str, int]) -> None:
    """gunicorn by itself takes whoever is on the same host for a proxy."""
    told = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Ssl": "on",
        "SCRIPT_NAME": "/api",
        "PATH_INFO": "/docs",
    }
    connection = HTTPConnection(*address, timeout=10)
    connection.request("GET", "/api/auth/me", headers=told)
    response = connection.getresponse()

    assert response.status == 401
    assert response.getheader("Strict-Transport-Security") is None
    connection.close()
