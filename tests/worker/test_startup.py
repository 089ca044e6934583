"""What keeps a scheduler from starting, and what it makes true before its first check."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from app import create_app
from app.extensions import db
from app.models import Location, Monitor, MonitorSchedule
from app.services.scheduler_lock import DatabaseLock, LockError
from app.worker import startup
from app.worker.errors import StartError
from tests.conftest import ENVIRON
from tests.factories import Factory


def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    app = create_app({**ENVIRON, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"})
    with pytest.raises(StartError, match=r"is not migrated; run: flask --app wsgi db upgrade"):
        startup.require_database(app)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:////nowhere/test.db", "unable to open database file"),
        ("postgresql://u:s3cret-pw@127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_a_database_that_is_away_is_named_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(StartError, match=r"^cannot reach the database") as caught:
        startup.require_database(create_app({**ENVIRON, "DATABASE_URL": url}))
    assert reason in str(caught.value)
    assert "s3cret-pw" not in str(caught.value)


def test_a_migrated_database_is_accepted(app: Flask) -> None:
    startup.require_database(app)


def test_a_key_that_is_lost_is_told_of(app: Flask, make: Factory, caplog: pytest.LogCaptureFixture) -> None:
    make.monitor()
    startup.tell_of_missing_keys(app)
    assert caplog.messages == []
    db.session.execute(update(Monitor).values(config_encrypted="v1:0123abcd:AAAA"))
    db.session.commit()
    startup.tell_of_missing_keys(app)
    assert caplog.messages == ["credentials_key_missing key=0123abcd holder=monitors rows=1"]


@pytest.mark.parametrize(("revision", "is_refused"), [("0001", True), ("9999", False)])
def test_an_older_database_is_refused_and_a_newer_one_is_not(
    app: Flask, context: None, revision: str, is_refused: bool
) -> None:
    newest = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    _set_revision(revision)
    try:
        if is_refused:
            with pytest.raises(StartError):
                startup.require_database(app)
        else:
            startup.require_database(app)
    finally:
        _set_revision(newest)


def _set_revision(revision: str) -> None:
    db.session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    db.session.commit()


def test_a_location_opens_with_rows_for_all_monitors(make: Factory, app: Flask) -> None:
    monitor = make.monitor()
    location_id = startup.open_location(app)
    row = db.session.scalars(select(MonitorSchedule)).one()
    assert (row.monitor_id, row.location_id) == (monitor.id, location_id)


def test_a_location_carries_its_settings(make_app: Callable[..., Flask], context: None) -> None:
    app = make_app(LOCATION_CODE="de-nbg", LOCATION_NAME="Nuremberg", LOCATION_COUNTRY="DE")
    location = db.session.get_one(Location, startup.open_location(app))
    assert (location.code, location.name, location.country) == ("de-nbg", "Nuremberg", "DE")


def test_opening_a_location_again_finds_it(app: Flask) -> None:
    assert startup.open_location(app) == startup.open_location(app)


def test_a_failing_database_ends_the_opening(tmp_path: Path) -> None:
    app = create_app({**ENVIRON, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"})
    with pytest.raises(StartError, match="no such table"):
        startup.open_location(app)
    with app.app_context():
        db.engine.dispose()


# --- one scheduler for each SQLite file


@pytest.fixture
def lock(tmp_path: Path) -> DatabaseLock:
    return DatabaseLock(tmp_path / "test.db")


def test_a_locked_database_names_itself_and_its_scheduler(lock: DatabaseLock, tmp_path: Path) -> None:
    lock.take()
    with pytest.raises(
        LockError, match=r"a scheduler \(pid \d+\) runs on .*/test\.db already; use PostgreSQL"
    ):
        DatabaseLock(tmp_path / "test.db").take()
    lock.give_back()


def test_another_path_to_the_database_is_the_same_lock(lock: DatabaseLock, tmp_path: Path) -> None:
    (tmp_path / "other.db").symlink_to(tmp_path / "test.db")
    lock.take()
    with pytest.raises(LockError):
        DatabaseLock(tmp_path / "other.db").take()
    lock.give_back()


def test_a_lock_that_was_given_back_can_be_taken(lock: DatabaseLock, tmp_path: Path) -> None:
    lock.take()
    lock.give_back()
    lock.give_back()
    DatabaseLock(tmp_path / "test.db").take()


def test_a_folder_that_does_not_exist_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="No such file"):
        DatabaseLock(tmp_path / "missing" / "test.db").take()


def test_only_a_sqlite_file_is_locked(app: Flask) -> None:
    lock = startup.lock_database(app)
    assert (lock is not None) is app.config["SETTINGS"].is_sqlite
    if lock:
        lock.give_back()
