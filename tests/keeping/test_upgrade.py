"""A database of the release before, with data in it, under this version."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, inspect, select, text

from app import create_app
from app.clock import utcnow
from app.config import ROOT
from app.domain.enums import Health
from app.extensions import db
from app.models import Incident, MaintenancePeriod, Monitor, MonitorHealth, MonitorSchedule
from app.services import migrations, schedules
from tests.calling import MONITORS, Caller, FreshClient
from tests.conftest import DATABASES, ENVIRON, new_database
from tests.factories import IMAP_CONFIG, PASSWORD, PASSWORD_HASH
from tests.incidents.watching import see
from tests.keeping.conftest import close

DATA = Path(__file__).with_name("releases")
RELEASES = [
    line.split()
    for line in (ROOT / "migrations" / "releases.txt").read_text().splitlines()
    if not line.startswith("#")
]
LAST_RELEASE, LAST_REVISION = RELEASES[-1]
WORKS, FAILED_LAST, IN_MAINTENANCE = 1, 2, 3
BEHIND_IDS = text(
    "SELECT setval(pg_get_serial_sequence(table_name, 'id'), 100) FROM information_schema.columns"
    " WHERE table_schema = 'public' AND column_name = 'id' AND column_default LIKE 'nextval%'"
    " AND pg_get_serial_sequence(table_name, 'id') IS NOT NULL"
)
"""The ids were given, where the database would have given them out."""
CHECKED_AT = datetime(2026, 1, 5, 8, 55, 0, 250_000, tzinfo=UTC)


def test_each_release_is_at_a_migration_that_there_is() -> None:
    revisions = [revision for _, revision in RELEASES]

    assert all(map(migrations.is_known, revisions))
    assert sorted(revisions) == revisions
    assert migrations.newest() != LAST_REVISION, "nothing to upgrade"


@pytest.fixture(params=DATABASES)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application on a database that the last release has left."""
    with new_database(request.param, tmp_path) as url:
        app = create_app({**ENVIRON, "DATABASE_URL": url})
        app.test_client_class = FreshClient
        with app.app_context():
            upgrade(revision=LAST_REVISION)
            fill(app)
            yield app
        close(app)


def fill(app: Flask) -> None:
    """By plain SQL: the models are those of now."""
    config = app.config["CONFIG_STORE"].seal(UUID("70000000-0000-4000-8000-000000000001"), IMAP_CONFIG)
    script = (DATA / f"{LAST_RELEASE}.sql").read_text(encoding="utf-8")
    script = script.replace("@config@", config).replace("@hash@", PASSWORD_HASH)
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        for statement in re.split(r";$", script, flags=re.MULTILINE):
            if statement.strip():
                connection.exec_driver_sql(statement)
        if connection.dialect.name == "postgresql":
            connection.execute(BEHIND_IDS)


def counted() -> dict[str, int]:
    with db.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return {
            name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0  # noqa: S608 - known names
            for name in names
            if not name.startswith("check_results_") and name != "alembic_version"
        }


def test_what_the_last_release_stored_is_kept_and_goes_on(released: Flask) -> None:
    before = counted()
    assert all(before.values()), "something of each table"
    db.session.remove()

    upgrade()

    after = counted()
    assert {name: after[name] for name in before} == before
    # Who can log in sees what there was, and the secrets.
    body = {"email": "ada@example.com", "password": PASSWORD}
    session = Caller(released, None).post("/api/auth/login", body).get_json()
    ada = Caller(released, session["accessToken"])
    listed = ada.get(MONITORS).get_json()["items"]
    assert [(row["name"], row["health"]) for row in listed] == [
        ("Works", "no_data"),
        ("Failed last", "no_data"),
        ("In maintenance", "no_data"),
        ("Disabled", "pending"),
    ]
    assert listed[0]["imapPopConfig"] == IMAP_CONFIG
    (result,) = ada.get(f"{MONITORS}/{listed[0]['publicId']}/check-history").get_json()["data"]
    assert result["diagnostics"]["timings"] == {"login": 31}
    # What was known of health is: what worked last is up, what failed once is not confirmed.
    assert db.session.scalars(select(MonitorHealth.monitor_id)).all() == [WORKS]
    health = db.session.get_one(MonitorHealth, WORKS)
    assert (health.health, health.since) == (Health.UP, CHECKED_AT)
    period = db.session.scalars(select(MaintenancePeriod)).one()
    assert (period.monitor_id, period.ended_at) == (IN_MAINTENANCE, None)

    goes_on()


def goes_on() -> None:
    """A scheduler of this version checks, and the next failure is a confirmed one."""
    now = utcnow()
    schedules.take_back(1, now)
    db.session.commit()
    is_due = select(MonitorSchedule.monitor_id).where(MonitorSchedule.next_check_at_ms.is_not(None))
    assert set(db.session.scalars(is_due)) == {WORKS, FAILED_LAST, IN_MAINTENANCE}
    failed = db.session.get_one(Monitor, FAILED_LAST)
    see(failed, failed.schedules[0].location, "connection_refused", now)
    db.session.commit()
    incident = db.session.scalars(select(Incident)).one()
    assert (incident.monitor_id, incident.started_at) == (FAILED_LAST, CHECKED_AT)
    assert db.session.scalar(select(func.count()).select_from(MonitorSchedule)) == 4
