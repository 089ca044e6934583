"""Sessions over two web processes and one database: what one of them ends has ended in both."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.conftest import ENVIRON, new_database
from tests.parts.browser import START_SECONDS, Web
from tests.worker.waiting import until

LOGIN = "/api/auth/login"
ME = "/api/auth/me"
ADMIN = {"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}


class TwoWorkers:
    """A real gunicorn of two processes, and requests to the one or the other."""

    def __init__(self, url: str, log: Path) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port
        self._log = log
        first, second = until(self._both_booted, START_SECONDS)
        self.ids = first, second

    def ask(self, worker: int, method: str, path: str, token: str | None = None, body: Any = None) -> Any:
        """The status and the body that this process answers with."""
        request_id = uuid4().hex
        headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        (other,) = {*self.ids} - {worker}
        # The two share a socket. Only the one that runs can take the connection.
        with stopped(other), closing(self._connection()) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        assert self._process_of(request_id) == worker
        return answer.status, content

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self._host, self._port, timeout=START_SECONDS)

    def _both_booted(self) -> list[int]:
        """The two, once both have begun; the first request to each waits until it can answer."""
        found = re.findall(r"Booting worker with pid: (\d+)", self._log.read_text())
        return [int(number) for number in found] if len(found) == 2 else []

    def _process_of(self, request_id: str) -> int:
        """The line is written before the answer is sent."""
        lines = self._log.read_text().splitlines()
        (line,) = [line for line in lines if "request method=" in line and line.endswith(request_id)]
        found = re.search(r" INFO (\d+) ", line)
        assert found
        return int(found[1])


@contextmanager
def stopped(process: int) -> Iterator[None]:
    os.kill(process, SIGSTOP)
    try:
        until(lambda: state_of(process) == "T", START_SECONDS)
        yield
    finally:
        os.kill(process, SIGCONT)


def state_of(process: int) -> str:
    """As the kernel tells it, of the thread that accepts connections."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]


@pytest.fixture(scope="module", params=["postgresql"])
def web(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkers]:
    folder = tmp_path_factory.mktemp("web")
    with new_database(request.param, folder) as url:
        environ = {**ENVIRON, "DATABASE_URL": url, "WEB_CONCURRENCY": "2", "LOG_LEVEL": "INFO"}
        with Web(folder, **environ).running() as address:
            yield TwoWorkers(address, folder / "log")


@pytest.fixture
def workers(web: TwoWorkers) -> tuple[int, int]:
    return web.ids


def log_in(web: TwoWorkers, worker: int, credentials: dict[str, str] = ADMIN) -> dict[str, Any]:
    status, tokens = web.ask(worker, "POST", LOGIN, body=credentials)
    assert status == 200
    return dict(tokens)


def status_of(web: TwoWorkers, worker: int, tokens: dict[str, Any]) -> int:
    return int(web.ask(worker, "GET", ME, tokens["accessToken"])[0])


@pytest.fixture
def somebody(web: TwoWorkers, workers: tuple[int, int]) -> dict[str, str]:
    """The credentials of a new user."""
    token = log_in(web, workers[0])["accessToken"]
    credentials = {"email": f"{uuid4().hex}@example.com", "password": "a good password to begin with"}
    status, _ = web.ask(workers[0], "POST", "/api/users", token, {**credentials, "role": "editor"})
    assert status == 201
    return credentials


def test_a_session_of_one_process_is_good_in_the_other(web: TwoWorkers, workers: tuple[int, int]) -> None:
    tokens = log_in(web, workers[0])

    assert tokens["expiresIn"] == 15 * 60
    assert [status_of(web, worker, tokens) for worker in workers] == [200, 200]


def test_a_logout_holds_in_both_at_once(web: TwoWorkers, workers: tuple[int, int]) -> None:
    here, there = workers
    tokens = log_in(web, here)
    assert status_of(web, there, tokens) == 200

    assert web.ask(here, "POST", "/api/auth/logout", tokens["accessToken"])[0] == 200

    assert [status_of(web, worker, tokens) for worker in (there, here)] == [401, 401]
    assert web.ask(there, "POST", "/api/auth/refresh", tokens["refreshToken"])[0] == 401


def test_a_refresh_token_spent_in_both_ends_its_session(web: TwoWorkers, workers: tuple[int, int]) -> None:
    here, there = workers
    tokens = log_in(web, here)
    status, renewed = web.ask(here, "POST", "/api/auth/refresh", tokens["refreshToken"])
    assert status == 200
    assert status_of(web, there, renewed) == 200

    assert web.ask(there, "POST", "/api/auth/refresh", tokens["refreshToken"])[0] == 401

    assert [status_of(web, worker, renewed) for worker in workers] == [401, 401]
    assert web.ask(here, "POST", "/api/auth/refresh", renewed["refreshToken"])[0] == 401


def test_a_new_password_ends_the_other_sessions_in_both(
    web: TwoWorkers, workers: tuple[int, int], somebody: dict[str, str]
) -> None:
    here, there = workers
    mine, others = log_in(web, here, somebody), [log_in(web, worker, somebody) for worker in workers]
    new = {"currentPassword": somebody["password"], "newPassword": "an even better password"}

    assert web.ask(here, "POST", "/api/auth/change-password", mine["accessToken"], new)[0] == 200

    assert [status_of(web, worker, tokens) for worker in workers for tokens in others] == [401] * 4
    assert [status_of(web, worker, mine) for worker in workers] == [200, 200]
    assert web.ask(there, "POST", LOGIN, body=somebody)[0] == 401


def test_a_disabled_user_is_out_of_both(
    web: TwoWorkers, workers: tuple[int, int], somebody: dict[str, str]
) -> None:
    here, there = workers
    tokens, admin = log_in(web, there, somebody), log_in(web, here)["accessToken"]
    path = f"/api/users/{tokens['user']['id']}"

    assert web.ask(here, "PATCH", path, admin, {"isActive": False})[0] == 200

    assert [status_of(web, worker, tokens) for worker in workers] == [401, 401]
    assert web.ask(there, "POST", LOGIN, body=somebody)[0] == 401
    assert web.ask(there, "POST", "/api/auth/refresh", tokens["refreshToken"])[0] == 401
