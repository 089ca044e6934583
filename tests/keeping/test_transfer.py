"""From SQLite to PostgreSQL: everything reads the same there, or nothing is there."""

import gc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask, has_app_context
from flask_migrate import upgrade
from sqlalchemy import Engine, inspect, select, text

from app.clock import utcnow
from app.extensions import db
from app.models import Customer, Monitor
from app.services.scheduler_lock import DatabaseLock
from tests.calling import CUSTOMERS, INCIDENTS, MONITORS, Caller, monitor_path
from tests.factories import PASSWORD, Factory
from tests.keeping.conftest import run
from tests.keeping.filling import House, fill, rows_of, sums_match_results
from tests.keeping.test_backup import as_a_web_process

pytestmark = pytest.mark.only_on("sqlite")
Elsewhere = Callable[..., Flask]


@pytest.fixture
def house(make: Factory) -> House:
    return fill(make)


@pytest.fixture
def target(elsewhere: Elsewhere) -> Flask:
    """An application on an empty PostgreSQL database."""
    return elsewhere("postgresql")


def transfer(app: Flask, target: Flask) -> Result:
    if has_app_context():
        db.session.rollback()  # or the test itself would have the database open
    close_what_others_left(app)
    with target.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    return run(app, "transfer", url)


def close_what_others_left(app: Flask) -> None:
    """Other tests of this process have had applications of their own on the same database."""
    with app.app_context():
        url = db.engine.url
    gc.collect()
    for engine in [one for one in gc.get_objects() if type(one) is Engine]:
        if engine.url.database == url.database:
            engine.dispose()


def refused(app: Flask, target: Flask) -> str:
    result = transfer(app, target)
    assert result.exit_code == 1, result.output
    return result.output.splitlines()[-1]


class TestMoved:
    @pytest.fixture
    def moved(self, app: Flask, make: Factory, house: House, target: Flask) -> Result:
        # Its id must not be given out again.
        self.gone = make.customer(house.organization).id
        db.session.delete(db.session.get_one(Customer, self.gone))
        db.session.commit()
        result = transfer(app, target)
        assert result.exit_code == 0, result.output
        return result

    def test_everything_is_there_and_reads_the_same(
        self, app: Flask, house: House, target: Flask, moved: Result
    ) -> None:
        assert "All of them are the same there." in moved.output
        before = rows_of(db.engine)
        with target.app_context():
            assert rows_of(db.engine) == before
            assert sums_match_results()
            assert db.session.scalar(text("SELECT count(*) FROM check_results_other")) == 0
            # As the database of that kind makes it out, not as the other one did.
            found = select(Monitor.name).where(Monitor.searched.like("%down%"))
            assert db.session.scalars(found).all() == ["Down"]
            sequence = text("SELECT nextval(pg_get_serial_sequence('customers', 'id'))")
            assert (db.session.scalar(sequence) or 0) > self.gone
        callers = [log_in(app, house), log_in(target, house)]
        for path in paths(house):
            first, second = (caller.get(path) for caller in callers)
            assert first.status_code == second.status_code == 200, path
        assert without_ages(first.get_json()) == without_ages(second.get_json()), path


def without_ages(answer: Any) -> Any:
    """What is still open has lasted longer in the second answer."""
    if isinstance(answer, dict):
        return {
            name: without_ages(value)
            for name, value in answer.items()
            if not name.startswith(("duration", "uptime", "until")) and not name.endswith("Ms")
        }
    return [without_ages(value) for value in answer] if isinstance(answer, list) else answer


def log_in(app: Flask, house: House) -> Caller:
    body = {"email": house.admin.email, "password": PASSWORD}
    answer = Caller(app, None).post("/api/auth/login", body)
    assert answer.status_code == 200, answer.get_json()
    return Caller(app, answer.get_json()["accessToken"])


def paths(house: House) -> Iterator[str]:
    yesterday = (utcnow() - timedelta(days=1)).date()
    yield from (MONITORS, CUSTOMERS, INCIDENTS, f"{MONITORS}?search=down")
    yield from ("/api/users", "/api/notification-channels", "/api/maintenance-windows", "/api/organization")
    for monitor in (house.well, house.down):
        yield from (monitor_path(monitor, suffix) for suffix in ("", "/check-history", "/incident-history"))
        yield monitor_path(monitor, f"/details?date={yesterday}")


class TestRefused:
    def test_a_target_with_data_is_left_as_it_is(self, app: Flask, house: House, target: Flask) -> None:
        with target.app_context():
            upgrade()
            Factory().organization()
            db.session.remove()
            before = rows_of(db.engine)

        assert "the new database has data already, in organizations" in refused(app, target)

        with target.app_context():
            assert rows_of(db.engine) == before

    def test_nothing_is_there_when_something_cannot_be_moved(
        self, app: Flask, make: Factory, house: House, target: Flask
    ) -> None:
        make.customer(house.organization, name="x" * 300)  # SQLite takes more than 255

        assert "customers: value too long" in refused(app, target)

        with target.app_context():
            assert inspect(db.engine).get_table_names() == []

    def test_a_scheduler_at_work_is_in_the_way(self, app: Flask, database_url: str, target: Flask) -> None:
        lock = DatabaseLock(Path(database_url.removeprefix("sqlite:///")))
        lock.take()
        try:
            assert "a scheduler (pid" in refused(app, target)
        finally:
            lock.give_back()

    def test_a_web_process_is_in_the_way(self, app: Flask, target: Flask) -> None:
        with as_a_web_process(app):
            assert "open: stop the web processes first" in refused(app, target)

    @pytest.mark.parametrize("url", ["sqlite:///hunter2.db", "hunter2", "mysql://a:hunter2@b/c"])
    def test_only_postgresql_is_moved_to(self, app: Flask, url: str) -> None:
        result = run(app, "transfer", url)

        assert result.exit_code == 2
        assert "hunter2" not in result.output

    def test_only_sqlite_is_moved_from(self, target: Flask) -> None:
        assert "is no SQLite file" in refused(target, target)
