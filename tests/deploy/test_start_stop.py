"""The commands of the units, run: first start, reload, a process that ends, a restart, the stop."""

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.conftest import DATABASES, ENVIRON, new_database
from tests.deploy.callers import Callers
from tests.deploy.units import Machine, Running, Unit
from tests.fakes.imap_server import IMAP
from tests.fakes.server import Conversation, FakeServer
from tests.worker.waiting import until

MIGRATE, WEB, SCHEDULER = Unit("pillarbox-migrate"), Unit("pillarbox-web"), Unit("pillarbox-scheduler")
CUSTOMER = "11111111-1111-4111-8111-111111111111"
BOOTED, ENDED = "Booting worker with pid: ", "Worker exiting"
WAIT_SECONDS = 180.0

Start = Callable[..., Running]


class Api:
    def __init__(self, address: tuple[str, int]) -> None:
        self._address, self._token = address, ""
        credentials = {"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}
        self._token = self.call("POST", "/api/auth/login", credentials)["accessToken"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        with closing(HTTPConnection(*self._address, timeout=WAIT_SECONDS)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        assert answer.status in {200, 201}, content
        return content


@pytest.fixture(params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(kind: str, tmp_path: Path) -> Iterator[Machine]:
    names = ("JWT_SECRET_KEY", "CREDENTIALS_KEYS", "ADMIN_PASSWORD")
    with new_database(kind, tmp_path) as url:
        secrets = {name.lower(): ENVIRON[name] for name in names} | {"database_url": url}
        yield Machine(tmp_path, secrets, RATE_LIMIT="off", ALLOW_PRIVATE_TARGETS="true")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """What pillarbox-web.socket holds while services come and go."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as held:
        yield held


@pytest.fixture
def start(machine: Machine, listener: socket.socket) -> Iterator[Start]:
    with ExitStack() as ends:

        def begin(unit: Unit) -> Running:
            running = machine.start(unit, listener if unit is WEB else None)
            ends.callback(running.kill)
            return running

        yield begin


@pytest.fixture
def mail_server() -> Iterator[tuple[FakeServer, Event]]:
    """One that greets once the event is set."""
    may_greet = Event()

    def wait(conversation: Conversation) -> None:
        may_greet.wait(WAIT_SECONDS)
        conversation.send(str(IMAP.script["greeting"]))

    with FakeServer(IMAP, script={"greeting": wait}) as server:
        yield server, may_greet
        may_greet.set()


def a_mailbox(server: FakeServer) -> dict[str, Any]:
    config = {"protocol": "imap", "user": "u", "password": "p", "tls": False}
    mailbox = {"hostname": "127.0.0.1", "port": server.port, "timeoutSeconds": 30, "imapPopConfig": config}
    return {"customerId": CUSTOMER, "name": "Mailbox", **mailbox}


def test_commands_of_the_units_start_reload_and_stop(
    kind: str,
    machine: Machine,
    start: Start,
    listener: socket.socket,
    mail_server: tuple[FakeServer, Event],
) -> None:
    address, (server, may_greet) = listener.getsockname(), mail_server
    assert machine.run(MIGRATE) == [0, 0]
    scheduler, web = start(SCHEDULER), start(WEB)
    web.await_ready()
    scheduler.await_log("scheduler_started")
    api = Api(address)
    assert api.call("GET", "/readyz")["status"] == "ok"

    if kind == "postgresql":  # what the callers ask is answered without a database
        with Callers(address) as callers:
            assert_a_reload_fails_nobody(web, callers)
            assert_a_process_that_ends_fails_nobody(web, callers)
            web = restarted_under_load(web, start, callers, api, mail_server)
        assert callers.failures == []

    may_greet.set()
    made = api.call("POST", "/api/imap-pop-monitors", a_mailbox(server))
    until(
        lambda: api.call("GET", f"/api/imap-pop-monitors/{made['publicId']}")["lastStatus"] == "success",
        WAIT_SECONDS,
    )
    assert (web.stop(), scheduler.stop()) == (0, 0)
    assert "scheduler_stopped released=0" in scheduler.log


def assert_a_reload_fails_nobody(web: Running, callers: Callers) -> None:
    assert web.reload() == 0
    web.await_log(BOOTED, 2)
    web.await_log(ENDED, 1)
    callers.await_more()


def assert_a_process_that_ends_fails_nobody(web: Running, callers: Callers) -> None:
    number = re.findall(rf"{BOOTED}(\d+)", web.log)[-1]
    os.kill(int(number), signal.SIGTERM)
    web.await_log(BOOTED, 3)
    web.await_log(ENDED, 2)
    callers.await_more()


def restarted_under_load(
    web: Running, start: Start, callers: Callers, api: Api, mail_server: tuple[FakeServer, Event]
) -> Running:
    """A test of a mailbox whose server takes its time goes on meanwhile: it is answered."""
    server, may_greet = mail_server
    with ThreadPoolExecutor(1) as pool:
        test = pool.submit(api.call, "POST", "/api/imap-pop-monitors/test", a_mailbox(server))
        until(lambda: server.connections == 1 or test.done(), WAIT_SECONDS)
        web.process.terminate()
        web.await_log("Handling signal: term")
        assert not test.done()
        may_greet.set()
        assert test.result(WAIT_SECONDS)["status"] == "success"
    assert web.wait() == 0
    web = start(WEB)
    callers.await_more()
    return web
