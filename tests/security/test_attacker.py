"""The checks themselves run while somebody tries to have a stored password delivered to another server."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.enums import Security
from app.extensions import db
from app.models import Customer, Monitor, MonitorSchedule, Organization
from app.worker.process import Process
from tests.calling import MONITORS, Caller, monitor_path
from tests.factories import Factory
from tests.fakes.imap_server import IMAP
from tests.fakes.server import FakeServer
from tests.parts.certificates import authority
from tests.security.canaries import ASCII
from tests.security.search import leaks
from tests.security.tricks import CONFIG, MASKED, configs, tricks
from tests.worker.waiting import until


@pytest.fixture
def own() -> Iterator[FakeServer]:
    """The mailbox's own server."""
    with FakeServer(IMAP) as server:
        yield server


@pytest.fixture
def evil() -> Iterator[FakeServer]:
    """The attacker's, which welcomes everybody and notes what it hears."""
    with FakeServer(IMAP) as server:
        yield server


@pytest.fixture
def masked_app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(MASK_SECRETS="true", ALLOW_PRIVATE_TARGETS="true", CHECK_THREADS="20")


@pytest.fixture
def attacker(admin: Caller, masked_app: Flask) -> Caller:
    """An admin who is not to learn the passwords."""
    return admin.on(masked_app)


@pytest.fixture
def scheduler(masked_app: Flask) -> Iterator[Process]:
    process = Process(masked_app)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house)


@pytest.fixture
def watch(make: Factory, customer: Customer, own: FakeServer) -> Callable[[], Monitor]:
    """Makes monitors that know the password of their own server."""
    return lambda: make.monitor(customer, CONFIG, hostname="127.0.0.1", port=own.port, timeout_seconds=3)


def pending() -> list[int]:
    """Monitors that wait for a check, or are being checked."""
    db.session.rollback()
    rows = db.session.scalars(select(MonitorSchedule).execution_options(populate_existing=True))
    return [row.monitor_id for row in rows if row.last_checked_at is None or row.lease_token]


# What is sent where is decided in Python: another database would not change it.
@pytest.mark.only_on("sqlite")
def test_password_never_arrives_at_a_server_of_the_attacker_s_choosing(
    scheduler: Process, attacker: Caller, watch: Callable[[], Monitor], own: FakeServer, evil: FakeServer
) -> None:
    for trick in tricks(evil.port):
        attacker.patch(monitor_path(watch()), trick)
    for config in configs():
        new = {"name": "x", "hostname": "127.0.0.1", "port": evil.port, "imapPopConfig": config}
        new["customerId"] = watch().customer_id
        attacker.post(MONITORS, new)
        attacker.post(f"{MONITORS}/test", {**new, "timeoutSeconds": 3})

    until(lambda: not pending(), seconds=30)

    assert not leaks(b"\n".join(evil.lines), [ASCII])
    assert leaks(b"\n".join(own.lines), [ASCII]), "no check has sent it anywhere"
    assert evil.connections, "no trick has got as far as to a check"


@pytest.mark.only_on("sqlite")
def test_whoever_reads_the_password_may_send_it_elsewhere(
    scheduler: Process, admin: Caller, watch: Callable[[], Monitor], evil: FakeServer
) -> None:
    """Else the test above would prove nothing."""
    answer = admin.patch(monitor_path(watch()), {"port": evil.port, "config": {**MASKED, "note": "moved"}})

    assert answer.status_code == 200
    until(lambda: leaks(b"\n".join(evil.lines), [ASCII]))


@pytest.mark.only_on("sqlite")
def test_server_that_cannot_prove_its_name_gets_no_password(
    scheduler: Process, make: Factory, customer: Customer
) -> None:
    """Whoever stands in the way, or is reached by a changed DNS record, is not told either."""
    with FakeServer(IMAP, Security.TLS, certificate="wrong_name") as impostor:
        options = {"tlsOptions": {"ca": authority().pem}}
        make.monitor(customer, {**CONFIG, "tls": True, **options}, hostname="127.0.0.1", port=impostor.port)
        until(lambda: impostor.connections)
        until(lambda: not pending())
        assert impostor.lines == []
