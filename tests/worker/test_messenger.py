"""Messages leave side by side: a target that hangs holds up nobody else, and the end is the end."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.clock import utcnow
from app.domain.enums import AlertStatus
from app.domain.notification import Delivery, Destination, Notice
from app.extensions import db
from app.models import Alert, Monitor
from app.services import delivery
from app.worker.messenger import PER_TARGET, THREADS, Messenger
from tests.factories import Factory
from tests.worker.waiting import until

SENT = Delivery(is_sent=True)
Send = Callable[[Notice, Destination], Delivery]


@pytest.fixture
def start(app: Flask) -> Iterator[Callable[..., Messenger]]:
    pool = ThreadPoolExecutor(THREADS)

    def build(send: Send, **how: Any) -> Messenger:
        return Messenger(app, submit=pool.submit, send=send, **{"holding": lambda _: frozenset(), **how})

    yield build
    pool.shutdown()


@pytest.fixture
def tell(make: Factory) -> Callable[..., None]:
    """Puts so many alerts to an address into the outbox."""
    make.location()
    monitor = make.monitor(server="mail.example.com:993")

    def put(address: str, count: int = 1) -> None:
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

    def send(notice: Notice, destination: Destination) -> Delivery:
        sent.append(destination.config["email"])
        return SENT

    messenger = start(send)
    while AlertStatus.PENDING in statuses("a@example.com"):
        messenger.tick()
    assert messenger.stop(10)
    assert statuses("a@example.com") == [AlertStatus.SENT] * 3
    assert sent == ["a@example.com"] * 3


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
    claimed = delivery.claim(
        utcnow() + 2 * delivery.LEASE, start(send)._app.config["CONFIG_STORE"].vault, limit=5
    )
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
