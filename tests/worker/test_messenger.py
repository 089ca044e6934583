"""Messages leave side by side: a target that hangs holds up nobody else, and the end is the end."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from structlog.contextvars import get_contextvars

from app.clock import utcnow
from app.domain.enums import AlertStatus
from app.domain.notification import Delivery, Destination, Notice
from app.extensions import db
from app.models import Alert, Monitor, Organization
from app.services import delivery
from app.services.alerts import LEASE
from app.worker.messenger import PER_TARGET, THREADS, Messenger
from tests.factories import Factory
from tests.worker.waiting import until

SENT = Delivery(is_sent=True)
Send = Callable[[Notice, Destination], Delivery]


@pytest.fixture
def start(app: Flask) -> Iterator[Callable[..., Messenger]]:
    pool = ThreadPoolExecutor(THREADS)
    made = []

    def build(send: Send, **how: Any) -> Messenger:
        usual = {"submit": pool.submit, "holding": lambda _: frozenset()}
        made.append(Messenger(app, send=send, **{**usual, **how}))
        return made[-1]

    yield build
    for messenger in made:
        messenger.stop(0)
    pool.shutdown()


@pytest.fixture
def tell(make: Factory) -> Callable[..., None]:
    """Puts so many alerts to an address, of a customer of its own, into the outbox."""
    make.location()

    def put(address: str, count: int = 1, organization: Organization | None = None) -> None:
        customer = make.customer(organization, notification_email=address)
        monitor = make.monitor(customer, server="mail.example.com:993")
        for _ in range(count):
            incident = make.incident(monitor, ended_at=utcnow())
            make.alert(
                incident,
                channel_type="email",
                channel_name=address,
                address=address,
                status=AlertStatus.PENDING,
                event="recovery",
                due_at=utcnow(),
            )

    return put


def statuses(address: str) -> list[AlertStatus]:
    db.session.rollback()
    return list(db.session.scalars(select(Alert.status).where(Alert.address == address)))


def test_what_is_due_is_sent_and_settled(start: Callable[..., Messenger], tell: Callable[..., None]) -> None:
    tell("a@example.com", 3)
    sent: list[str] = []
    on_lines: list[dict[str, Any]] = []

    def send(notice: Notice, destination: Destination) -> Delivery:
        sent.append(destination.config["email"])
        on_lines.append(get_contextvars())
        return SENT

    messenger = start(send)
    while AlertStatus.PENDING in statuses("a@example.com"):
        messenger.tick()
    assert messenger.stop(10)
    assert statuses("a@example.com") == [AlertStatus.SENT] * 3
    assert sent == ["a@example.com"] * 3
    alerts = db.session.execute(select(Alert.id, Alert.monitor_id)).all()
    by_alert = sorted(on_lines, key=lambda ids: ids["alert"])
    assert by_alert == [{"alert": row.id, "monitor": row.monitor_id} for row in sorted(alerts)]


def test_a_target_that_hangs_holds_up_nobody_else(
    start: Callable[..., Messenger], tell: Callable[..., None]
) -> None:
    tell("slow@example.com", 3 * THREADS)
    tell("quick@example.com")
    let_go, hanging = Event(), []

    def send(notice: Notice, destination: Destination) -> Delivery:
        if destination.name == "slow@example.com":
            hanging.append(notice)
            let_go.wait(20)
        return SENT

    messenger = start(send)
    messenger.tick()
    messenger.tick()
    until(lambda: statuses("quick@example.com") == [AlertStatus.SENT])

    assert len(hanging) == PER_TARGET
    assert not messenger.stop(0.1)
    let_go.set()
    assert messenger.stop(10)


def test_a_tenant_whose_targets_hang_holds_up_no_other(
    start: Callable[..., Messenger], tell: Callable[..., None], make: Factory
) -> None:
    """With all that any of them had to tell, and without waiting for a deadline."""
    tenant = make.organization()
    for number in range(20):
        tell(f"dead{number}@example.com", 3, tenant)
    let_go = Event()

    def send(_notice: Notice, destination: Destination) -> Delivery:
        if destination.name.startswith("dead"):
            let_go.wait(60)
        return SENT

    messenger = start(send)
    try:
        messenger.tick()
        messenger.tick()
        tell("good@example.com")
        messenger.tick()
        until(lambda: statuses("good@example.com") == [AlertStatus.SENT], seconds=5)
    finally:
        messenger.stop(0)
        let_go.set()


def test_room_is_filled_as_soon_as_there_is_some(
    start: Callable[..., Messenger], tell: Callable[..., None]
) -> None:
    """Not with the next tick, or 600 messages to one address would take five minutes."""
    tell("a@example.com", 30)
    messenger = start(lambda *_: SENT)
    messenger.tick()
    until(lambda: statuses("a@example.com") == [AlertStatus.SENT] * 30)


def test_nothing_is_claimed_after_the_end(start: Callable[..., Messenger], tell: Callable[..., None]) -> None:
    messenger = start(lambda *_: SENT)
    assert messenger.stop(1)
    tell("a@example.com")
    messenger.tick()
    assert statuses("a@example.com") == [AlertStatus.PENDING]


def test_a_sender_that_breaks_leaves_its_message_to_the_next(
    start: Callable[..., Messenger], tell: Callable[..., None]
) -> None:
    tell("a@example.com")

    def send(*_: Any) -> Delivery:
        raise RuntimeError

    messenger = start(send)
    messenger.tick()
    assert messenger.stop(10)
    assert statuses("a@example.com") == [AlertStatus.SENDING]
    # Its time being up, it is made again.
    claimed = delivery.claim(utcnow() + 2 * LEASE, start(send)._app.config["CONFIG_STORE"].vault, limit=5)
    assert [one.notice.attempt for one in claimed] == [2]


def test_a_location_that_does_not_trust_itself_tells_nothing(
    start: Callable[..., Messenger], tell: Callable[..., None]
) -> None:
    tell("a@example.com")
    place = db.session.execute(text("SELECT id FROM locations")).scalar_one()
    start(lambda *_: SENT, holding=lambda _: {place}).tick()
    assert statuses("a@example.com") == [AlertStatus.PENDING]


def test_a_monitor_removed_meanwhile_is_no_trouble(
    start: Callable[..., Messenger], tell: Callable[..., None]
) -> None:
    tell("a@example.com")
    sending, let_go = Event(), Event()

    def send(*_: Any) -> Delivery:
        sending.set()
        let_go.wait(20)
        return SENT

    messenger = start(send)
    messenger.tick()
    sending.wait(10)
    db.session.rollback()
    db.session.delete(db.session.scalars(select(Monitor)).one())
    db.session.commit()
    let_go.set()
    assert messenger.stop(10)
    assert statuses("a@example.com") == []
