"""Who reminds, takes back or settles locks rows in everybody's order, so nobody ends in a deadlock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import text, update

from app.domain.enums import AlertStatus
from app.extensions import db
from app.models import Alert, Customer, Incident, Monitor, NotificationChannel
from app.services import alerts, delivery
from app.services.alerts import LEASE
from app.services.locking import locked
from tests.incidents.telling import BROKEN, channel, claim
from tests.incidents.watching import at
from tests.worker.waiting import until

DAY = 86_400
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


# SQLite has one lock for all.
pytestmark = pytest.mark.only_on("postgresql")


def side_by_side(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    first: Callable[[], object],
    paused: tuple[Any, str],
    second: Callable[[], object],
) -> None:
    """Run `first` up to the function that `paused` names, then `second` until it waits, then the rest."""
    has_come, is_done = Event(), Event()
    real = getattr(*paused)

    def is_waiting() -> bool:
        with db.engine.connect() as connection:
            return is_done.is_set() or bool(connection.scalar(WAITING))

    def pause(*given: Any, **named: Any) -> Any:
        if not has_come.is_set():
            has_come.set()
            until(is_waiting)
        return real(*given, **named)

    def run(work: Callable[[], object]) -> None:
        with app.app_context():
            work()
            db.session.commit()

    def run_second() -> None:
        assert has_come.wait(10)
        try:
            run(second)
        finally:
            is_done.set()

    monkeypatch.setattr(*paused, pause)
    db.session.rollback()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run, first), pool.submit(run_second)]
        for one in both:
            one.result(20)


def remove(model: Any, number: int) -> None:
    db.session.delete(locked(db.session.get_one(model, number), "gone", for_removal=True))


@pytest.mark.parametrize("is_channel", [False, True])
def test_a_reminder_and_a_removal(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    customer: Customer,
    open_incident: Callable[[], Incident],
    is_channel: bool,
) -> None:
    made = channel(customer, "ops")
    monitor = open_incident().monitor
    db.session.execute(update(Alert).values(status=AlertStatus.SENT, sent_at=at(91)))
    db.session.commit()
    what: Any = (NotificationChannel, made.id) if is_channel else (Monitor, monitor.id)
    side_by_side(
        app,
        monkeypatch,
        lambda: alerts.remind(at(DAY)),
        (alerts, "_wanting" if is_channel else "_remind"),
        lambda: remove(*what),
    )
    assert db.session.get(*what, populate_existing=True) is None


@pytest.mark.parametrize("is_channel", [False, True])
def test_a_failure_and_a_removal(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    customer: Customer,
    open_incident: Callable[[], Incident],
    is_channel: bool,
) -> None:
    made = channel(customer, "ops")
    monitor = open_incident().monitor
    claimed = next(one for one in claim(at(31)) if one.destination.name == "ops")
    what: Any = (NotificationChannel, made.id) if is_channel else (Monitor, monitor.id)
    side_by_side(
        app,
        monkeypatch,
        lambda: delivery.settle(claimed, BROKEN, at(32)),
        (delivery, "_try_again"),
        lambda: remove(*what),
    )
    assert db.session.get(*what, populate_existing=True) is None


def test_taking_back_and_settling(
    app: Flask, monkeypatch: pytest.MonkeyPatch, open_incident: Callable[[], Incident]
) -> None:
    open_incident()
    (claimed,) = claim(at(31))
    vault = current_app.config["CONFIG_STORE"].vault
    side_by_side(
        app,
        monkeypatch,
        lambda: delivery.claim(at(32) + LEASE, vault, limit=4),
        (delivery, "_try_again"),
        lambda: delivery.settle(claimed, BROKEN, at(33) + LEASE),
    )
