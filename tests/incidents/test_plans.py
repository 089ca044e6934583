"""What runs for incidents and their messages looks rows up, however many incidents there have been."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask, current_app
from sqlalchemy import select, update

from app.clock import to_ms, utcnow
from app.domain.notification import Delivery
from app.extensions import db
from app.models import Alert, Customer, Incident, Location, MonitorSchedule
from app.services import alerts, checks, claims, delivery, schedules, self_watch, verdicts
from app.services.checks import CheckRecord
from bench.api_fill import House, analyze, fill, lay_out_by_day
from bench.incident_fill import fill_incidents
from tests.conftest import empty
from tests.incidents.watching import outcome
from tests.services.scanning import scans

BIG = (
    "monitors", "monitor_schedules", "check_results", "check_rollups", "incidents", "incident_events",
    "alerts", "monitor_health", "health_transitions",
)  # fmt: skip
MONITORS, RESULTS, INCIDENTS = 400, 6, 10_000


@pytest.fixture(scope="module")
def filled(shared_app: Flask) -> Iterator[House]:
    with shared_app.app_context():
        (house,) = fill(db.engine, shared_app.config["CONFIG_STORE"], (MONITORS, RESULTS))
        fill_incidents(db.engine, house.id, INCIDENTS)
        # What was open is over: so it mostly is.
        db.session.execute(
            update(Incident).values(ended_at=Incident.opened_at, resolved_at=Incident.opened_at)
        )
        db.session.execute(update(Customer).values(notification_email="ops@example.com"))
        db.session.commit()
        lay_out_by_day()
        analyze(db.engine)
    with shared_app.app_context():
        yield house
        db.session.rollback()
    empty(shared_app)


@pytest.fixture(autouse=True)
def all_due(filled: House) -> Iterator[None]:
    due = {"next_check_at_ms": to_ms(utcnow()) - 1000, "is_slow": False}
    db.session.execute(update(MonitorSchedule).values(due))
    db.session.commit()
    yield
    db.session.rollback()


def record(kind: str, count: int = 20) -> None:
    now = utcnow()
    here = db.session.scalars(select(Location.id)).one()
    taken = claims.claim(here, now, count)
    assert len(taken) == count
    checks.record([CheckRecord(claim, outcome(kind), now) for claim in taken])


@pytest.fixture
def failed_once(all_due: None) -> None:
    failed = {"last_status": "error", "streak": 1, "hard_failures": 1, "streak_since": utcnow()}
    db.session.execute(update(MonitorSchedule).values(failed | {"health": "up"}))
    db.session.commit()


@pytest.mark.usefixtures("failed_once")
def test_opening_incidents() -> None:
    assert scans(lambda: record("timeout"), BIG) == []


@pytest.mark.usefixtures("failed_once")
def test_resolving_them() -> None:
    record("timeout")
    db.session.commit()
    db.session.execute(update(Alert).where(Alert.status == "pending").values(status="sent"))
    down = MonitorSchedule.health == "down"
    recovering = {"last_status": "success", "streak": 1, "lease_until_ms": None, "is_slow": False}
    db.session.execute(update(MonitorSchedule).where(~down).values(next_check_at_ms=None))
    db.session.execute(
        update(MonitorSchedule).where(down).values(recovering | {"next_check_at_ms": to_ms(utcnow()) - 1})
    )
    db.session.commit()
    assert scans(lambda: record("ok"), BIG) == []
    undo()


@pytest.mark.usefixtures("failed_once")
def test_looking_what_is_due() -> None:
    record("timeout")
    db.session.commit()
    vault = current_app.config["CONFIG_STORE"].vault
    later = utcnow() + timedelta(minutes=5)
    assert scans(lambda: delivery.is_any_due(later), BIG) == []
    assert scans(lambda: delivery.claim(later, vault, limit=5), BIG) == []
    (claimed, *_) = delivery.claim(later, vault, limit=5)
    db.session.commit()
    broken = Delivery(is_sent=False, error="No.")
    assert scans(lambda: delivery.settle(claimed, broken, later), BIG) == []
    assert scans(lambda: alerts.remind(later + timedelta(hours=2)), BIG) == []
    undo()


@pytest.mark.usefixtures("failed_once")
def test_concluding_without_a_result() -> None:
    record("timeout")
    # As if something had kept their incidents from being opened.
    db.session.execute(update(Incident).where(Incident.ended_at.is_(None)).values(ended_at=utcnow()))
    db.session.commit()
    assert scans(lambda: verdicts.reconsider(verdicts.doubtful(), utcnow()), BIG) == []
    undo()


def test_counting_what_is_held() -> None:
    assert scans(lambda: self_watch.count_held(utcnow()), BIG) == []


def test_looking_what_maintenance_has_left() -> None:
    here = db.session.scalars(select(Location.id)).one()
    assert scans(lambda: schedules.recheck_after_maintenance(here, utcnow()), BIG) == []


def undo() -> None:
    db.session.rollback()
    db.session.execute(update(Incident).where(Incident.ended_at.is_(None)).values(ended_at=utcnow()))
    db.session.execute(update(Alert).where(Alert.status.in_(["pending", "sending"])).values(status="sent"))
    db.session.commit()
