"""A PostgreSQL server to make test databases on: TEST_DATABASE_URL, else the one on 127.0.0.1:5432."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.parts import require

DEFAULT_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
REMEDY = "a PostgreSQL server (TEST_DATABASE_URL=postgresql://user:password@host/database)"


def server_url() -> URL:
    url = make_url(os.environ.get("TEST_DATABASE_URL") or DEFAULT_URL)
    return url.set(drivername="postgresql+psycopg")


@cache
def is_reachable() -> bool:
    engine = create_engine(server_url(), connect_args={"connect_timeout": 3})
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


@contextmanager
def new_database() -> Iterator[str]:
    """An empty database of its own, dropped afterwards. Skips the test where there is no server."""
    require(is_reachable(), "PostgreSQL", REMEDY)
    name = f"pillarbox_test_{uuid4().hex}"
    _on_server(f"CREATE DATABASE {name}")
    # Nothing here outlives the server.
    _on_server(f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        yield server_url().set(database=name).render_as_string(hide_password=False)
    finally:
        _on_server(f"DROP DATABASE {name} WITH (FORCE)")


def _on_server(statement: str) -> None:
    engine = create_engine(server_url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
