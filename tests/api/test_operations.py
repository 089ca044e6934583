"""What operators' tools ask for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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
from tests.outbox import alert_of, incident_of


def figures(caller: Caller) -> dict[str, float]:
    lines = caller.get("/metrics").get_data(as_text=True).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_a_process_that_answers_is_healthy(nobody: Caller) -> None:
    assert nobody.get("/healthz").get_json() == {"status": "ok"}


def test_a_service_with_a_scheduler_is_ready(nobody: Caller, make: Factory) -> None:
    make.location()
    response = nobody.get("/readyz")

    assert response.status_code == 200
    names = ("database", "migrations", "scheduler", "references", "schedule")
    assert response.get_json() == {"status": "ok", "checks": dict.fromkeys(names, "ok")}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_service_without_a_scheduler_is_not_ready(nobody: Caller, make: Factory, is_known: bool) -> None:
    if is_known:
        make.location(heartbeat_at=utcnow() - timedelta(seconds=61))
    response = nobody.get("/readyz")

    assert response.status_code == 503
    assert response.get_json()["status"] == "unavailable"
    assert "no scheduler" in response.get_json()["checks"]["scheduler"]


def test_a_service_that_cannot_trust_what_it_sees_is_not_ready(nobody: Caller, make: Factory) -> None:
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)
    make.location(code="de-nbg", suspect_since=since)
    response = nobody.get("/readyz")

    assert response.status_code == 503
    text = "de-nbg reaches no reference target since 2026-03-01T12:00:00.000Z and holds its alerts"
    assert response.get_json()["checks"]["references"] == text


def test_one_location_that_trusts_itself_is_enough(nobody: Caller, make: Factory) -> None:
    make.location(code="de-nbg", suspect_since=utcnow())
    make.location(code="at-vie")
    make.location(code="gone", suspect_since=utcnow(), heartbeat_at=utcnow() - timedelta(hours=1))
    response = nobody.get("/readyz")

    assert response.status_code == 200
    assert response.get_json()["status"] == "ok"
    assert response.get_json()["checks"]["references"].startswith("de-nbg reaches no reference target")
    assert "gone" not in response.get_json()["checks"]["references"]


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 503)])
def test_a_service_that_is_far_behind_is_not_ready(
    nobody: Caller, make: Factory, minutes: int, status: int
) -> None:
    make.location()
    [row] = make.monitor().schedules
    row.next_check_at_ms = to_ms(utcnow() - timedelta(minutes=minutes))
    db.session.commit()
    response = nobody.get("/readyz")

    assert response.status_code == status
    late = "checks wait for more than 5 minutes, at every location"
    assert response.get_json()["checks"]["schedule"] == ("ok" if status == 200 else late)


def test_a_busy_server_does_not_make_the_service_late(
    make_app: Callable[..., Flask], nobody: Caller, make: Factory
) -> None:
    """How many checks a server may have in flight is a setting of the web process too."""
    make.location()
    for minutes in (-10, 10):
        [row] = make.monitor().schedules
        row.next_check_at_ms = to_ms(utcnow() + timedelta(minutes=minutes))
        row.lease_until_ms = to_ms(utcnow()) + 60_000 if minutes > 0 else None
    db.session.commit()

    assert nobody.get("/readyz").status_code == 503
    assert nobody.on(make_app(CHECKS_PER_HOST="2")).get("/readyz").status_code == 200


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


def test_metrics_tell_who_suspects_itself_and_what_is_held(nobody: Caller, make: Factory) -> None:
    suspect, sound = make.location(code="suspect"), make.location(code="sound")
    monitor = make.monitor()
    for location, subject in ((suspect, "downtime"), (sound, "slow_response")):
        alert_of(incident_of(monitor, location, subject=subject), utcnow())
    assert figures(nobody)["pillarbox_alerts_held"] == 0
    suspect.suspect_since = utcnow()
    db.session.commit()

    shown = figures(nobody)

    assert shown['pillarbox_location_suspects_itself{location="suspect"}'] == 1
    assert shown['pillarbox_location_suspects_itself{location="sound"}'] == 0
    assert shown["pillarbox_alerts_held"] == 1


def test_metrics_ask_for_their_token(make_app: Callable[..., Flask], nobody: Caller) -> None:
    guarded = nobody.on(make_app(METRICS_TOKEN="scrape"))

    for header in ("", "scrape", "Bearer wrong", "Bearer ä", "bearer scrape"):
        assert_failure(guarded.get("/metrics", headers={"Authorization": header}), 401, "Unauthorized")
    answer = guarded.get("/metrics", headers={"Authorization": "Bearer scrape"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
