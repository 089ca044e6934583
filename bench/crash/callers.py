"""Callers of the API, each with monitors of its own, and what every answer has promised."""

import http.client
import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any

from app.clock import to_ms, utcnow

MONITORS = "/api/imap-pop-monitors"
LOGIN = "/api/auth/login"
REQUEST_SECONDS = 30.0
PAUSE_SECONDS = 0.02
MINUTES = (0.5, 1.0)
"""Between checks; half a minute is the shortest."""
ONLY_OWN = 8
"""So many monitors a caller has at most."""

Place = tuple[str, int]
"""Protocol and port of a mail server."""


@dataclass
class Promise:
    """What a monitor may look like. More than one value is possible after a request without an answer."""

    fields: dict[str, set[Any]]
    born_ms: int
    is_gone: bool = False
    may_be_gone: bool = False
    was_paused: bool = False
    triggered_ms: int = 0
    slowest_minutes: float = 0.0


@dataclass
class Ledger:
    """By public id what is certain; by name what may be, or must not."""

    caller: str
    """All names that this caller gives begin with its own."""
    promises: dict[str, Promise] = field(default_factory=dict)
    maybe: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    """Answers that nobody should get."""
    answers: int = 0
    unanswered: int = 0


class Caller:
    def __init__(
        self,
        name: str,
        address: str,
        login: dict[str, str],
        *,
        customer: int,
        places: list[Place],
        seed: int,
        timeout_seconds: int,
    ) -> None:
        self._name, self._address, self._login = name, address, login
        self._customer, self._places, self._timeout_seconds = customer, places, timeout_seconds
        self._choice = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._token = ""
        self._count = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.ledger = Ledger(f"{self._name} ")

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self._name)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join()

    def fill(self) -> None:
        """Make all the monitors that it may have."""
        while len(self._own()) < ONLY_OWN:
            self.create()

    def _run(self) -> None:
        actions = [self.create, self.create_badly, self.change, self.change_badly, self.trigger, self.delete]
        while not self._stopping.wait(PAUSE_SECONDS):
            self._choice.choices(actions, weights=[6, 1, 4, 1, 3, 1])[0]()

    def _own(self) -> list[str]:
        return [key for key, promise in self.ledger.promises.items() if not promise.may_be_gone]

    def create(self) -> None:
        if len(self._own()) >= ONLY_OWN:
            return
        body, born_ms = self._body(), to_ms(utcnow())
        status, answer = self._ask("POST", MONITORS, body)
        if status is None:
            self.ledger.maybe.add(body["name"])
        elif self._is(status, 201, "create"):
            kept = {name: {body[name]} for name in ("name", "status", "checkInterval")}
            promise = Promise(kept, born_ms, slowest_minutes=body["checkInterval"])
            self.ledger.promises[answer["publicId"]] = promise

    def create_badly(self) -> None:
        body = {**self._body(), "timeoutSeconds": 0}
        status, _ = self._ask("POST", MONITORS, body)
        self.ledger.refused.add(body["name"])
        if status is not None:
            self._is(status, 400, "bad create")

    def change(self) -> None:
        if not (own := self._own()):
            return
        key = self._choice.choice(own)
        promise = self.ledger.promises[key]
        wanted = self._choice.choice(
            [
                {"name": self._new_name()},
                {"checkInterval": self._choice.choice(MINUTES)},
                {"status": "active"},
                {"status": "disabled"},
            ]
        )
        promise.was_paused |= wanted.get("status") == "disabled"
        status, _ = self._ask("PATCH", f"{MONITORS}/{key}", wanted)
        for name, value in wanted.items():
            if status is None:
                promise.fields[name].add(value)
            elif self._is(status, 200, "change"):
                promise.fields[name] = {value}
        promise.slowest_minutes = max([promise.slowest_minutes, *promise.fields["checkInterval"]])

    def change_badly(self) -> None:
        if own := self._own():
            wanted = {"name": self._new_name(), "timeoutSeconds": 0}
            status, _ = self._ask("PATCH", f"{MONITORS}/{self._choice.choice(own)}", wanted)
            self.ledger.refused.add(wanted["name"])
            if status is not None:
                self._is(status, 400, "bad change")

    def trigger(self) -> None:
        if not (own := self._own()):
            return
        key, begun_ms = self._choice.choice(own), to_ms(utcnow())
        status, _ = self._ask("POST", f"{MONITORS}/{key}/trigger-check", {})
        if status == 200:
            self.ledger.promises[key].triggered_ms = begun_ms
        elif status is not None and status not in {400, 429}:  # disabled, or triggered just now
            self.ledger.odd.append(f"trigger: {status}")

    def delete(self) -> None:
        if not (own := self._own()):
            return
        key = self._choice.choice(own)
        promise = self.ledger.promises[key]
        status, _ = self._ask("DELETE", f"{MONITORS}/{key}", None)
        if status is None:
            promise.may_be_gone = True
        elif self._is(status, 200, "delete"):
            promise.is_gone = promise.may_be_gone = True

    def _is(self, status: int, wanted: int, what: str) -> bool:
        if status != wanted:
            self.ledger.odd.append(f"{what}: {status}")
            return False
        return True

    def _new_name(self) -> str:
        self._count += 1
        return f"{self._name} {self._count}"

    def _body(self) -> dict[str, Any]:
        protocol, port = self._choice.choice(self._places)
        name = self._new_name()
        return {
            "customerId": self._customer,
            "name": name,
            "hostname": "127.0.0.1",
            "port": port,
            "status": "active",
            "checkInterval": self._choice.choice(MINUTES),
            "timeoutSeconds": self._timeout_seconds,
            # A mailbox of its own, or monitors would take turns.
            "imapPopConfig": {"protocol": protocol, "user": name, "password": "pw", "tls": False},
        }

    def _ask(self, method: str, path: str, body: Any) -> tuple[int | None, Any]:
        """The answer; no status where nobody can tell what came of the request."""
        try:
            status, answer = self._exchange(method, path, body)
            if status == 401:
                self._token = self._exchange("POST", LOGIN, self._login)[1].get("accessToken", "")
                status, answer = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException, ValueError):
            status, answer = None, None
        self.ledger.answers += 1
        if status is None or status == 401 or status >= 500:
            if status is not None and status not in {401, 503}:
                self.ledger.odd.append(f"{method} {path}: {status} {answer}")
            self.ledger.unanswered += 1
            return None, None
        return status, answer

    def _exchange(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=REQUEST_SECONDS)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            connection.close()
