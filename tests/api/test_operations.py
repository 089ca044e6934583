"""What operators' tools ask for."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from app import create_app
from app.clock import to_ms, utcnow
from app.domain.enums import MonitorStatus
from app.extensions import db
from app.services import locations
from tests.calling import Caller, assert_failure
from tests.conftest import ENVIRON
from tests.factories import Factory


def figures(caller: Caller) -> dict[str, float]:
    lines = caller.get("/metrics").get_data(as_text=True).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_a_process_that_answers_is_healthy(nobody: Caller) -> None:
    assert nobody.get("/healthz").get_json() == {"status": "ok"}


def test_a_service_with_a_scheduler_is_ready(nobody: Caller, make: Factory) -> None:
    make.location()
    response = nobody.get("/readyz")

    assert response.status_code == 200
    checks = {"database": "ok", "migrations": "ok", "scheduler": "ok"}
    assert response.get_json() == {"status": "ok", "checks": checks}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_service_without_a_scheduler_is_not_ready(nobody: Caller, make: Factory, is_known: bool) -> None:
    if is_known:
        make.location(heartbeat_at=utcnow() - timedelta(seconds=61))
    response = nobody.get("/readyz")

    assert response.status_code == 503
    assert response.get_json()["status"] == "unavailable"
    assert "no scheduler" in response.get_json()["checks"]["scheduler"]


def test_a_service_without_a_database_is_not_ready() -> None:
    app = create_app({**ENVIRON, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    response = app.test_client().get("/readyz")

    assert response.status_code == 503
    assert response.get_json()["checks"] == {"database": "does not answer"}


def test_metrics_count_monitors_by_status(nobody: Caller, make: Factory) -> None:
    for status in (MonitorStatus.ACTIVE, MonitorStatus.ACTIVE, MonitorStatus.DISABLED):
        make.monitor(status=status)

    shown = figures(nobody)

    counts = [shown[f'pillarbox_monitors{{status="{status}"}}'] for status in MonitorStatus]
    assert counts == [2, 0, 1]


def test_metrics_tell_how_late_checks_are(nobody: Caller, make: Factory) -> None:
    make.location(heartbeat_at=utcnow() - timedelta(seconds=30))
    monitor = make.monitor()
    monitor.schedules[0].next_check_at_ms = to_ms(utcnow()) - 20_000
    db.session.commit()

    shown = figures(nobody)

    assert shown['pillarbox_checks_due{lane="main",location="local"}'] == 1
    assert 20 <= shown['pillarbox_check_lag_seconds{lane="main",location="local"}'] < 30
    assert 30 <= shown['pillarbox_location_heartbeat_age_seconds{location="local"}'] < 40


def test_metrics_tell_what_the_schedulers_counted(nobody: Caller, make: Factory) -> None:
    location = make.location()
    locations.count(location.id, checks_begun=7, checks_put_off=2)
    db.session.commit()

    shown = figures(nobody)

    counted = {
        name: shown[name] for name in shown if name.startswith("pillarbox_checks_") and "lane" not in name
    }
    assert counted == {
        'pillarbox_checks_begun_total{location="local"}': 7,
        'pillarbox_checks_late_total{location="local"}': 0,
        'pillarbox_checks_put_off_total{location="local"}': 2,
        'pillarbox_checks_skipped_total{location="local"}': 0,
    }


def test_metrics_ask_for_their_token(make_app: Callable[..., Flask], nobody: Caller) -> None:
    guarded = nobody.on(make_app(METRICS_TOKEN="scrape"))

    for header in ("", "scrape", "Bearer wrong", "Bearer ä", "bearer scrape"):
        assert_failure(guarded.get("/metrics", headers={"Authorization": header}), 401, "Unauthorized")
    answer = guarded.get("/metrics", headers={"Authorization": "Bearer scrape"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
