"""Fixtures that all tests share. Every test that asks for `app` runs on SQLite and on PostgreSQL."""

import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection

from app import create_app
from app.domain.enums import Role
from app.extensions import db
from app.models import Organization, User
from tests.calling import Caller, FreshClient, caller_of
from tests.factories import Factory
from tests.parts import MISSING, REQUIRE_PARTS, postgres

pytest_plugins = [
    "tests.spread",
    "tests.parts.dovecot",
    "tests.api.matrix_plugin",
    "tests.checkers.matrix_plugin",
]

# The same examples in every run, unless somebody goes looking for new ones. A fixture is not made anew for
# each example; tests that depend on it say so.
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile("new", settings.get_profile("same"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

DATABASES = ["sqlite", "postgresql"]
ENVIRON = {
    "JWT_SECRET_KEY": "a key for tests only, long enough to sign with",
    "CREDENTIALS_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "ADMIN_PASSWORD": "correct horse battery",
    "RATE_LIMIT": "off",
    "LOG_LEVEL": "WARNING",
}


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of that kind."""
    if kind == "postgresql":
        with postgres.new_database() as url:
            yield url
    else:
        yield f"sqlite:///{folder / 'test.db'}"


@pytest.fixture(scope="session", params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database, one for the whole session; `app` empties it after each test."""
    with new_database(request.param, tmp_path_factory.mktemp("database")) as url:
        app = create_app({**ENVIRON, "DATABASE_URL": url})
        with app.app_context():
            upgrade()
            db.engine.dispose()
        yield url


@pytest.fixture(scope="session")
def shared_app(database_url: str) -> Iterator[Flask]:
    app = create_app({**ENVIRON, "DATABASE_URL": database_url})
    app.test_client_class = FreshClient
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    yield shared_app
    empty(shared_app)


@pytest.fixture
def make_app(database_url: str) -> Iterator[Any]:
    """Builds further applications on the test's database, with other settings."""
    apps = []

    def make(**environ: str) -> Flask:
        app = create_app({**ENVIRON, "DATABASE_URL": database_url, **environ})
        app.test_client_class = FreshClient
        apps.append(app)
        return app

    yield make
    for app in apps:
        empty(app)
        with app.app_context():
            db.engine.dispose()


def empty(app: Flask) -> None:
    with app.app_context():
        empty_all(db.session.connection())
        db.session.commit()


def empty_all(connection: Connection) -> None:
    """Runs after every test: so the texts are made once, and PostgreSQL is told all at once."""
    texts = _emptying()
    for text in ("; ".join(texts),) if connection.dialect.name == "postgresql" else texts:
        connection.exec_driver_sql(text)


@cache
def _emptying() -> tuple[str, ...]:
    return tuple(str(table.delete()) for table in reversed(db.metadata.sorted_tables))


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """An application context for tests that call services directly."""
    with app.app_context():
        yield


@pytest.fixture
def make(context: None) -> Factory:
    """Builds rows, with defaults for all that a test does not care about."""
    return Factory()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def login(app: Flask, make: Factory) -> Callable[[User], Caller]:
    """Turns a user into a caller with a session of its own."""
    return lambda user: caller_of(app, make.session(user))


@pytest.fixture
def nobody(app: Flask) -> Caller:
    """A caller without a token."""
    return Caller(app, None)


@pytest.fixture
def house(make: Factory) -> Organization:
    """The organization that the callers below are of."""
    return make.organization()


@pytest.fixture
def caller(login: Callable[[User], Caller], make: Factory, house: Organization) -> Callable[[Role], Caller]:
    """Makes a caller of the house with a role."""
    return lambda role: login(make.user(house, role))


@pytest.fixture
def admin(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.ADMIN)


@pytest.fixture
def readonly(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.READONLY)


@pytest.fixture(autouse=True)
def quiet_alembic() -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """All that is collected stays, so nothing looks for garbage among it: a fifth of the time it takes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what makes no sense on a kind of database: that is no test skipped."""
    left_out = [item for item in items if _is_elsewhere(item)]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def _is_elsewhere(item: pytest.Item) -> bool:
    marker, given = item.get_closest_marker("only_on"), getattr(item, "callspec", None)
    # A module may be marked as a whole, and one of its tests may use no database.
    return marker is not None and given is not None and marker.args[0] not in given.params.values()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every part is promised, a skip is a failure, whatever its reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get(REQUIRE_PARTS) == "1" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line for each missing part what was skipped and how to get it."""
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])}
    for reason in sorted(reasons):
        if MISSING in reason:
            terminalreporter.write_line(f"SKIPPED: {reason.split(MISSING, 1)[1]}")
