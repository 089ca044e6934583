"""What a newcomer does: start everything, log in, post the API page's request, see it checked."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from app.domain.enums import Protocol, Security
from tests.conftest import DATABASES, ENVIRON, new_database
from tests.parts.dovecot import Dovecot
from tests.parts.ports import free_port
from tests.worker.waiting import until

ROOT = Path(__file__).resolve().parent.parent
SEED = ROOT / "tests" / "seeds" / "en.txt"
READY = re.compile(r"Pillarbox is at http://([^/]+)/docs - log in as (\S+) with the password (.+)")


class Pillarbox:
    """`flask up` in a process of its own, and a caller of its API."""

    def __init__(self, database_url: str) -> None:
        port = free_port()
        environ = {
            **ENVIRON,
            "DATABASE_URL": database_url,
            "PORT": str(port),
            "ALLOW_PRIVATE_TARGETS": "true",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "up"],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.token = ""
        self.address, self.email, self.password = self._wait_for_line()

    def _wait_for_line(self) -> tuple[str, str, str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := READY.search(line):
                return found[1], found[2], found[3]
        raise AssertionError(f"it ended with {self.process.wait()} before it was ready")

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = HTTPConnection(self.address, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    def log_in(self) -> None:
        status, body = self.call("POST", "/api/auth/login", {"email": self.email, "password": self.password})
        assert status == 200
        self.token = body["accessToken"]

    def stop(self) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGINT)
        self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def seed_request() -> dict[str, Any]:
    text = SEED.read_text(encoding="utf-8")
    return json.JSONDecoder().raw_decode(text, text.index("{"))[0]


@pytest.fixture(scope="module", params=DATABASES)
def pillarbox(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pillarbox]:
    with new_database(request.param, tmp_path_factory.mktemp("story")) as url:
        running = Pillarbox(url)
        yield running
        assert running.stop() == 0


def test_newcomer_posts_the_seed_request_and_sees_both_protocols_checked(
    pillarbox: Pillarbox, dovecot: Dovecot
) -> None:
    pillarbox.log_in()
    for protocol in Protocol:
        body = seed_request()
        body["hostname"], body["port"] = "localhost", dovecot.ports[protocol, Security.TLS]
        body["imapPopConfig"] |= {
            "protocol": protocol.value,
            "user": dovecot.user,
            "password": dovecot.password,
            "tlsOptions": {"rejectUnauthorized": True, "ca": dovecot.ca_pem},
        }
        status, monitor = pillarbox.call("POST", "/api/imap-pop-monitors", body)
        assert status == 201
        path = f"/api/imap-pop-monitors/{monitor['publicId']}"
        # The contract's promise is 2 s; the rest is for a machine that is busy with other tests.
        until(lambda path=path: pillarbox.call("GET", path)[1]["lastCheckedAt"] is not None, seconds=30)
        seen = pillarbox.call("GET", path)[1]
        assert (seen["health"], seen["lastErrorMessage"]) == ("up", None)
        history = pillarbox.call("GET", f"{path}/check-history")[1]["data"]
        assert history[0]["diagnostics"]["mailbox"]["name"] == "INBOX"
        assert history[0]["diagnostics"]["tls"]["verified"] is True


def test_seed_request_works_as_it_stands(pillarbox: Pillarbox) -> None:
    pillarbox.log_in()
    status, monitor = pillarbox.call("POST", "/api/imap-pop-monitors", seed_request())
    assert (status, monitor["imapPopConfig"]) == (201, seed_request()["imapPopConfig"])
