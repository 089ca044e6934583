"""Backup and restore, of SQLite and of PostgreSQL: everything of one instant, or nothing."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, select, text, update

from app import create_app
from app.cli.database import holding
from app.clock import to_ms, utcnow
from app.domain.enums import AlertEvent, AlertStatus
from app.extensions import db, prepare_engine
from app.models import (
    Alert,
    AuditEntry,
    Incident,
    Location,
    Monitor,
    MonitorSchedule,
    Organization,
    Session,
)
from app.services import alerts, checks, migrations, postgresql_tools, restored, sqlite_backup
from app.services.checks import CheckRecord
from app.services.claims import claim
from app.worker.process import Process
from tests.calling import caller_of, monitor_path
from tests.conftest import ENVIRON
from tests.factories import Factory
from tests.incidents.watching import see
from tests.keeping.conftest import close, run
from tests.keeping.filling import House, fill, rows_of, sums_match_results, unsettled
from tests.parts import require
from tests.worker.conftest import SUCCESS
from tests.worker.waiting import until

OTHER_KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU="
VISIT = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT 1 FROM users').close()"
NEWER = "9999"
MARK = text("UPDATE alembic_version SET version_num = :revision")
CHANGED = {"alerts", "incidents", "sessions"}
"""The tables in which a restore sets right what depends on the time."""

Elsewhere = Callable[..., Flask]


@pytest.fixture(autouse=True)
def programs(database_url: str) -> None:
    """Skips the tests of PostgreSQL where its client programs are missing."""
    if database_url.startswith("postgresql"):
        is_there = shutil.which("pg_dump") or any(postgresql_tools.DEBIAN.glob("*/bin/pg_dump"))
        require(bool(is_there), "Backup", "PostgreSQL's client programs (apt-get install postgresql-client)")


@pytest.fixture
def house(make: Factory) -> House:
    return fill(make)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pillarbox.backup"


def back_up(app: Flask, file: Path) -> None:
    result = run(app, "backup", file)
    assert result.exit_code == 0, result.output


class TestBackup:
    def test_it_says_what_it_wrote_and_which_keys_it_needs(
        self, app: Flask, house: House, file: Path
    ) -> None:
        key_id = app.config["CONFIG_STORE"].vault.key_id

        written, keys = run(app, "backup", file).output.splitlines()

        assert written == f"Wrote {file}: {file.stat().st_size} bytes, at migration {newest()}."
        assert keys.endswith(f"not in it (and how many each): {key_id} (3).")

    def test_it_is_for_its_owner_alone_and_nothing_lies_beside_it(
        self, app: Flask, house: House, tmp_path: Path
    ) -> None:
        folder = tmp_path / "backups"
        folder.mkdir()
        back_up(app, folder / "one")

        assert [path.name for path in folder.iterdir()] == ["one"]
        assert (folder / "one").stat().st_mode & 0o777 == 0o600

    def test_what_is_there_is_replaced_only_when_that_is_said(
        self, app: Flask, house: House, file: Path
    ) -> None:
        file.write_text("precious")

        refused = run(app, "backup", file)

        assert (refused.exit_code, refused.output) == (1, f"Error: {file} exists already\n")
        assert file.read_text() == "precious"
        assert run(app, "backup", file, "--overwrite").exit_code == 0

    def test_a_folder_that_is_not_there_is_told_in_one_line(self, app: Flask, tmp_path: Path) -> None:
        result = run(app, "backup", tmp_path / "no" / "backup")

        assert result.output == f"Error: cannot write {tmp_path}/no/backup: No such file or directory\n"

    @pytest.mark.only_on("sqlite")
    def test_the_database_is_not_replaced_by_its_backup(self, app: Flask, database_url: str) -> None:
        path = database_url.removeprefix("sqlite:///")

        assert "is the database itself" in run(app, "backup", path, "--overwrite").output

    @pytest.mark.only_on("postgresql")
    def test_a_missing_or_too_old_program_is_told_in_one_line(
        self, app: Flask, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.services.postgresql_tools.DEBIAN", tmp_path)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "pg_dump is neither on PATH nor in" in run(app, "backup", file).output

        old = tmp_path / "pg_dump"
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
        old.chmod(0o755)
        said = run(app, "backup", file).output
        assert "pg_dump 9 is older than the server (" in said
        assert "postgresql-client-" in said
        assert not file.exists()

    def test_no_password_is_on_a_command_line(self) -> None:
        place = "postgresql://somebody:hunter2@127.0.0.1:1/x?sslmode=disable&password=hunter2"
        url = make_url(place)
        assert postgresql_tools.place(url) == "postgresql://somebody@127.0.0.1:1/x?sslmode=disable"
        assert postgresql_tools.environment(url)["PGPASSWORD"] == "hunter2"


class TestRestore:
    def test_an_empty_database_is_as_the_other_was(
        self, app: Flask, house: House, file: Path, elsewhere: Elsewhere
    ) -> None:
        back_up(app, file)
        target = elsewhere(CREDENTIALS_KEYS=OTHER_KEY)

        result = run(target, "restore", file)

        assert result.exit_code == 0, result.output
        assert f"Restored {file}. Start Pillarbox again.\n" in result.output
        key_id = app.config["CONFIG_STORE"].vault.key_id
        assert f"Not among CREDENTIALS_KEYS: {key_id}." in result.output
        before = rows_of(db.engine)
        with target.app_context():
            after = rows_of(db.engine)
            assert all(row.due_at > utcnow() for row in unsettled())
        assert {name for name in before if before[name] != after[name]} == CHANGED

    def test_what_has_data_is_replaced_only_when_that_is_said_and_never_by_half(
        self, app: Flask, house: House, file: Path, elsewhere: Elsewhere
    ) -> None:
        target = backed_up_and_restored(app, file, elsewhere)
        rename(target, "Changed since")

        def refused(*words: str) -> str:
            result = run(target, "restore", file, *words)
            assert (result.exit_code, result.output.count("\n")) == (1, 1)
            assert name_of(target) == "Changed since"
            return result.output

        assert "the database has data, which would be lost: say --force" in refused()
        with at_work(target):
            assert "scheduler" in refused("--force")
        forget_heartbeats(target)
        if app.config["SETTINGS"].is_sqlite:
            with as_a_web_process(target):
                assert "open: stop the web processes first" in refused("--force")
        cut_off(file)
        refused("--force")

        back_up(app, file.with_name("whole"))
        done = run(target, "restore", file.with_name("whole"), "--force")
        assert done.exit_code == 0, done.output
        assert name_of(target) == house.organization.name

    @pytest.mark.only_on("sqlite")
    def test_nobody_opens_the_old_file_while_another_takes_its_place(
        self, app: Flask, house: House, file: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = backed_up_and_restored(app, file, elsewhere)
        replace, said = Path.replace, []

        def meanwhile(draft: Path, database: Path) -> Path:
            with closing(sqlite3.connect(database, timeout=0)) as late:
                for statement in ("PRAGMA journal_mode=WAL", "SELECT * FROM organizations"):
                    with pytest.raises(sqlite3.OperationalError, match="database is locked") as refused:
                        late.execute(statement)
                    said.append(refused.value)
            return replace(draft, database)

        monkeypatch.setattr(Path, "replace", meanwhile)
        done = run(target, "restore", file, "--force")

        assert done.exit_code == 0, done.output
        assert len(said) == 2
        assert name_of(target) == house.organization.name

    @pytest.mark.only_on("sqlite")
    def test_whoever_has_it_open_goes_on_with_it(
        self, app: Flask, house: House, file: Path, elsewhere: Elsewhere
    ) -> None:
        target = backed_up_and_restored(app, file, elsewhere)
        with target.app_context():
            database = Path(str(db.engine.url.database))
        with as_a_web_process(target):
            assert run(target, "restore", file, "--force").exit_code == 1
            # Were it without its locks, the last other process to leave would remove the WAL.
            subprocess.run([sys.executable, "-c", VISIT, database], check=True)
            assert database.with_name("test.db-wal").exists()

    @pytest.mark.only_on("sqlite")
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_the_service_can_open_what_root_restored(
        self, app: Flask, house: House, file: Path, tmp_path: Path
    ) -> None:
        back_up(app, file)
        folder = tmp_path / "service"
        folder.mkdir()
        os.chown(folder, 65534, 65534)
        database = folder / "pillarbox.db"

        for mode in (0o600, 0o640):
            with holding(database):
                sqlite_backup.restore(file, database, utcnow())
            assert {path.stat().st_uid for path in folder.iterdir()} == {65534}
            assert database.stat().st_mode & 0o777 == mode
            database.chmod(0o640)

    def test_what_is_no_backup_is_refused(self, app: Flask, file: Path) -> None:
        assert "No such file" in run(app, "restore", file).output
        file.write_text("hello")
        assert "Error: " in run(app, "restore", file, "--force").output

    def test_a_newer_versions_is_refused(
        self, app: Flask, house: House, file: Path, elsewhere: Elsewhere
    ) -> None:
        head = newest()
        db.session.execute(MARK, {"revision": NEWER})
        db.session.commit()
        try:
            # Nobody makes one with an older version; a dump by hand would be like it.
            made = run(app, "backup", file)
        finally:
            db.session.execute(MARK, {"revision": head})
            db.session.commit()

        assert made.exit_code == 1
        assert f"it is at migration {NEWER}" in made.output
        assert not file.exists()


def backed_up_and_restored(app: Flask, file: Path, elsewhere: Elsewhere) -> Flask:
    """An application on a database that has what was backed up into the file."""
    back_up(app, file)
    target = elsewhere()
    assert run(target, "restore", file).exit_code == 0
    return target


def newest() -> str:
    revision = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    db.session.rollback()
    return str(revision)


def rename(app: Flask, name: str) -> None:
    with app.app_context():
        db.session.execute(update(Organization).values(name=name))
        db.session.commit()


def name_of(app: Flask) -> str | None:
    with app.app_context():
        return db.session.scalar(select(Organization.name))


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def forget_heartbeats(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(Location).values(heartbeat_at=utcnow() - timedelta(hours=1)))
        db.session.commit()


@contextmanager
def as_a_web_process(app: Flask) -> Iterator[None]:
    """Somebody has the database open, and is idle."""
    with app.app_context():
        engine = create_engine(db.engine.url)
    prepare_engine(engine)
    with engine.connect() as connection:
        connection.execute(select(Organization.id)).all()
        connection.rollback()
        yield
    engine.dispose()


@contextmanager
def at_work(app: Flask) -> Iterator[None]:
    """A scheduler on the application's database, whose checks all go well."""
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    own = create_app({**ENVIRON, "DATABASE_URL": url, "CHECK_THREADS": "4"})
    process = Process(own, lambda _: SUCCESS, 10)
    process.start()
    try:
        yield
    finally:
        process.stop()
        close(own)


def test_last_nights_state_does_not_wake_anybody_for_what_is_over(
    make: Factory, app: Flask, house: House, file: Path, elsewhere: Elsewhere
) -> None:
    """What a restore does about what it cannot know."""
    now = utcnow()
    kept = [
        make.alert(house.incident, AlertStatus.PENDING, due_at=due, event=event).id
        for due, event in (
            (now - timedelta(hours=3), AlertEvent.RECOVERY),
            (now - timedelta(minutes=10), AlertEvent.ALERT),
            (now + timedelta(hours=3), AlertEvent.ALERT),
        )
    ]
    untold = [row.id for row in unsettled() if row.id not in kept]
    assert untold
    late = make.alert(
        house.incident,
        AlertStatus.PENDING,
        due_at=now - timedelta(hours=3),
        event=AlertEvent.REMINDER,
    ).id
    target = backed_up_and_restored(app, file, elsewhere)

    with target.app_context():
        assert [row.id for row in unsettled()] == sorted(kept + untold)
        cancelled = db.session.get_one(Alert, late)
        assert (cancelled.status, cancelled.error_message) == (AlertStatus.CANCELLED, restored.NOT_SENT)
        # Who had not been told that it is down is told when it is known whether it still is.
        moved = db.session.scalars(select(Alert).where(Alert.id.in_(untold))).all()
        assert {row.status for row in moved} == {AlertStatus.PENDING}
        assert all(now < row.due_at <= utcnow() + restored.REMINDED_AFTER for row in moved)
        assert None not in db.session.scalars(select(Session.revoked_at)).all()
        db.session.execute(update(Alert).values(status=AlertStatus.CANCELLED))
        db.session.commit()

        (incident,) = db.session.scalars(select(Incident))
        assert incident.next_reminder_at
        assert timedelta() < incident.next_reminder_at - utcnow() <= restored.REMINDED_AFTER
        # Who is still down is told of.
        assert alerts.remind(incident.next_reminder_at) == 1
        assert {row.event for row in unsettled()} == {AlertEvent.REMINDER}
        db.session.rollback()
        # Who works again is not told of at all.
        location, down = db.session.get_one(Location, house.location.id), house.down.id
        for seconds in (0, 30):
            see(db.session.get_one(Monitor, down), location, "ok", utcnow() + timedelta(seconds=seconds))
        db.session.commit()
        assert db.session.scalars(select(Incident.ended_at)).one() is not None
        assert unsettled() == []


def test_an_older_versions_backup_is_brought_up_to_date(file: Path, elsewhere: Elsewhere) -> None:
    old, target = elsewhere(), elsewhere()
    with old.app_context():
        upgrade(revision="0010")
    assert ", at migration 0010." in run(old, "backup", file).output

    result = run(target, "restore", file)

    assert "It is at migration 0010: bringing it up to date." in result.output
    with target.app_context():
        assert not migrations.is_behind()


class Traffic:
    """People and a scheduler at work: mailboxes are checked and changed without a pause."""

    def __init__(self, app: Flask, house: House) -> None:
        self._app, self._location_id = app, house.location.id
        self._caller = caller_of(app, Factory().session(house.admin))
        self._path = monitor_path(house.well)
        self._ended = Event()
        self.recorded = 0

    @contextmanager
    def going_on(self) -> Iterator[None]:
        with ThreadPoolExecutor(2) as pool:
            going = [pool.submit(self._check), pool.submit(self._change)]
            try:
                until(lambda: self.recorded > 10)
                yield
            finally:
                self._ended.set()
            for one in going:
                one.result()

    def _check(self) -> None:
        now = utcnow()
        while not self._ended.is_set():
            now += timedelta(minutes=5)
            with self._app.app_context():
                claimed = claim(self._location_id, now, 100)
                db.session.commit()
                self.recorded += checks.record([CheckRecord(one, SUCCESS, now) for one in claimed])
                db.session.commit()

    def _change(self) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            answer = self._caller.patch(self._path, {"name": f"Well {number}"})
            assert answer.status_code == 200


def test_a_backup_under_load_is_of_one_instant_and_a_scheduler_goes_on_from_it(
    app: Flask, house: House, file: Path, elsewhere: Elsewhere
) -> None:
    traffic = Traffic(app, house)
    with traffic.going_on():
        before = rows_of(db.engine)
        back_up(app, file)
        after = traffic.recorded
        until(lambda: traffic.recorded > after)
    now = rows_of(db.engine)
    target = elsewhere()
    assert run(target, "restore", file).exit_code == 0

    with target.app_context():
        kept = rows_of(db.engine)
        for table in ("check_results", "audit_entries", "health_transitions"):
            # Only ever added to: so all of before, and nothing but what was.
            assert before[table] <= kept[table] <= now[table]
        assert len(kept["check_results"]) < len(now["check_results"])
        assert sums_match_results()
        named = db.session.scalar(select(Monitor.name).where(Monitor.id == house.well.id))
        told = db.session.scalars(select(AuditEntry.changes).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert told["name"]["after"] == named
        seen = len(kept["check_results"])
        # The clock of the traffic is ahead.
        is_due = {"next_check_at_ms": to_ms(utcnow()), "lease_until_ms": None}
        db.session.execute(update(MonitorSchedule).values(is_due))
        db.session.commit()
        with at_work(target):
            until(lambda: len(rows_of(db.engine)["check_results"]) >= seen + 2)
