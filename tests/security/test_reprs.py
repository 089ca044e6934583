"""No object of ours tells a secret when it is printed, in a log line or in a debugger."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect, select

from app.domain.enums import Protocol
from app.extensions import db
from app.models import Base, MonitorSchedule, Organization
from app.services import audit
from app.worker.process import Process
from tests.calling import CHANNELS, MONITORS, Caller, caller_of
from tests.factories import PASSWORD_HASH, Factory
from tests.fakes.imap_server import IMAP
from tests.fakes.pop3_server import POP3
from tests.fakes.server import Conversation, FakeServer
from tests.parts.http_receiver import HttpReceiver, reply
from tests.security.canaries import ALL, ASCII, HOOK_HEADER, HOOK_KEY, MAILBOX, SETTINGS
from tests.security.search import Secret, leaks
from tests.worker.waiting import until

SECRETS = [*ALL, Secret("hash of a password", PASSWORD_HASH.rpartition("$")[2])]
SERVERS = {
    Protocol.IMAP: (IMAP, "{tag} NO wrong\r\n"),
    Protocol.POP3: (POP3, "-ERR wrong\r\n"),
}
MET = {
    *("Settings", "Vault", "ConfigStore", "Actor", "Origin", "Monitor", "User", "Customer", "AuditEntry"),
    *("CheckTarget", "ClaimedCheck", "Attempt", "Cleaner", "Transcript", "ImapSession", "Pop3Session"),
    *("GuardedSocket", "CheckResult", "MonitorSchedule", "Process", "Runner", "Writer"),
    *("NotificationChannel", "SplitConfig", "Trial", "Destination", "Transport", "Limits"),
}
"""Classes that hold secrets or come near to them."""


@dataclass
class Onlooker:
    """Prints every living object of a class of ours, whenever asked."""

    met: set[str] = field(default_factory=set)
    leaked: dict[str, list[str]] = field(default_factory=dict)
    searched: set[str] = field(default_factory=set)

    def look(self, *_: Any, has_rows: bool = False) -> None:
        """Rows belong to the thread whose session they are in."""
        told = {repr(thing): type(thing).__name__ for thing in _ours(has_rows=has_rows)}
        self.met |= set(told.values())
        new = told.keys() - self.searched
        self.searched |= new
        if leaks("\n".join(new), SECRETS):
            self.leaked |= {told[text]: found for text in new if (found := leaks(text, SECRETS))}


def _ours(*, has_rows: bool) -> Iterator[Any]:
    for thing in gc.get_objects():
        kind = type(thing)
        if str(kind.__module__).partition(".")[0] == "app" and _is_printable(thing, has_rows=has_rows):
            yield thing


def _is_printable(thing: Any, *, has_rows: bool) -> bool:
    """A row that has to be read again would be read in the midst of another thread's work."""
    return not isinstance(thing, Base) or (has_rows and "id" not in inspect(thing).expired_attributes)


@pytest.fixture
def onlooker() -> Onlooker:
    return Onlooker()


@pytest.fixture
def app_of_secrets(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**SETTINGS, ALLOW_PRIVATE_TARGETS="true")


@pytest.fixture
def admin_of_secrets(app_of_secrets: Flask, make: Factory, house: Organization) -> Caller:
    return caller_of(app_of_secrets, make.session(make.user(house)))


@pytest.fixture
def ports(onlooker: Onlooker) -> Iterator[dict[Protocol, int]]:
    """Of servers that refuse every login, and meanwhile somebody looks round."""
    with ExitStack() as stack:
        servers = {
            protocol: stack.enter_context(FakeServer(dialect, script={"login": [onlooker.look, answer]}))
            for protocol, (dialect, answer) in SERVERS.items()
        }
        yield {protocol: server.port for protocol, server in servers.items()}


@pytest.fixture
def receiver(onlooker: Onlooker) -> Iterator[HttpReceiver]:
    """Of messages, and meanwhile somebody looks round."""

    def answer(conversation: Conversation) -> None:
        onlooker.look()
        reply()(conversation)

    with HttpReceiver(answer) as receiver:
        yield receiver


@pytest.fixture
def scheduler(app_of_secrets: Flask) -> Iterator[Process]:
    process = Process(app_of_secrets)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def looked_at(onlooker: Onlooker, monkeypatch: pytest.MonkeyPatch) -> Onlooker:
    """Looks round in the midst of requests too."""
    record = audit.record

    def look_and_record(*args: Any, **kwargs: Any) -> None:
        onlooker.look(has_rows=True)
        record(*args, **kwargs)

    monkeypatch.setattr(audit, "record", look_and_record)
    return onlooker


def is_all_checked() -> bool:
    db.session.rollback()
    rows = db.session.scalars(select(MonitorSchedule).execution_options(populate_existing=True)).all()
    return all(row.last_checked_at is not None for row in rows)


# What objects say of themselves does not depend on the database.
@pytest.mark.only_on("sqlite")
@pytest.mark.usefixtures("scheduler")
def test_nothing_that_lives_tells_a_secret(
    admin_of_secrets: Caller,
    looked_at: Onlooker,
    customer_id: int,
    ports: dict[Protocol, int],
    receiver: HttpReceiver,
) -> None:
    for number, (secret, protocol) in enumerate(product(MAILBOX, Protocol)):
        new = {"name": "x", "hostname": "127.0.0.1", "port": ports[protocol], "customerId": customer_id}
        config = {"protocol": protocol.value, "user": f"{number}@example.com", "password": secret.text}
        # A mailbox that is being checked is not tested, and a monitor is checked as soon as it is made.
        for path in (f"{MONITORS}/test", MONITORS):
            answer = admin_of_secrets.post(path, {**new, "config": config, "timeoutSeconds": 10})
            assert answer.status_code in {200, 201}
    for path, body in (CHANNELS, {"name": "x"}), (f"{CHANNELS}/test", {}):
        config = {"url": f"{receiver.url}/", "secret": HOOK_KEY.text, "headers": {"A": HOOK_HEADER.text}}
        answer = admin_of_secrets.post(path, {"type": "webhook", "config": config, **body})
        assert answer.status_code in {200, 201}
    until(is_all_checked, seconds=120)
    rows = [db.session.scalars(select(table)).all() for table in _tables()]
    looked_at.look(has_rows=True)

    assert rows
    assert looked_at.leaked == {}
    assert looked_at.met >= MET


def test_the_onlooker_sees_what_is_told(onlooker: Onlooker) -> None:
    kind = type("Teller", (), {"__module__": "app.teller", "__repr__": lambda _: f"<{ASCII.text!r}>"})
    kept = [kind()]

    onlooker.look()

    assert kept
    assert set(onlooker.leaked) == {"Teller"}


@pytest.fixture
def customer_id(make: Factory, house: Organization) -> int:
    return make.customer(house).id


def _tables() -> list[Any]:
    return [mapper.class_ for mapper in Base.registry.mappers]
