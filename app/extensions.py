"""Extensions, unbound until the factory binds them, and how a SQLite connection is set up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from select import POLLIN, poll
from time import monotonic
from typing import Any

from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from app.models.base import Base

DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""Errors about the database as a whole: unreachable, locked, full, read-only. Trying again may help."""


class Session(FlaskSession):
    """Leaves a transaction quietly whose connection has died: the server has rolled it back already.

    Otherwise an outage between a commit and the end of its request would be told as a failure of what was
    committed.
    """

    def rollback(self) -> None:
        with _died_is_left():
            super().rollback()

    def close(self) -> None:
        with _died_is_left():
            super().close()


@contextmanager
def _died_is_left() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise


# What was committed is answered as it was then: reading it again might find it removed meanwhile.
db = SQLAlchemy(model_class=Base, session_options={"class_": Session, "expire_on_commit": False})
migrate = Migrate()
jwt = JWTManager()

SQLITE_BUSY_SECONDS = 10
POSTGRESQL_PATIENCE = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
"""libpq's names, in seconds and (the last) milliseconds: a connection that died in silence is noticed."""
PING_AFTER_SECONDS = 10.0
"""How long nobody may have used a connection to PostgreSQL that is taken without asking whether it lives."""
SHARED_OPTIONS = {
    "hide_parameters": True,
    # Without the blanks: most of a stored result is its diagnostics.
    "json_serializer": partial(json.dumps, separators=(",", ":")),
}


def engine_options(database_url: str) -> dict[str, Any]:
    """SQLite writes begin IMMEDIATE, so that two writers wait for each other instead of failing.

    An error's text goes to the log, so it must not quote what was to be stored.
    """
    if database_url.startswith("sqlite"):
        connect_args = {"timeout": SQLITE_BUSY_SECONDS, "isolation_level": "IMMEDIATE"}
        return {"connect_args": connect_args, **SHARED_OPTIONS}
    return {
        **SHARED_OPTIONS,
        "pool_size": 8,
        "max_overflow": 4,
        "pool_recycle": 1800,
        "connect_args": POSTGRESQL_PATIENCE,
    }


def reading() -> Connection:
    """A connection for a few statements that change nothing, quicker than the session's. To be closed.

    Each statement stands alone: on PostgreSQL a transaction around it would be two more trips to the server.
    """
    connection = db.engine.connect()
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    return connection


def prepare_engine(engine: Engine) -> None:
    """Readers must not block the one writer (WAL), and SQLite checks foreign keys only when told to.

    A connection to PostgreSQL that died while nobody used it is replaced before anybody does.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    else:
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_require_life, engine.dialect))


def _set_pragmas(connection: Any, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = monotonic()


def _require_life(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Like SQLAlchemy's pool_pre_ping, but asks the server only where there is reason to.

    Raises InvalidatePoolError, which has the pool connect anew.
    """
    used_at = record.info.get("used_at")
    if used_at is None or (monotonic() - used_at < PING_AFTER_SECONDS and not _is_called(connection)):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        raise InvalidatePoolError from None


def _is_called(connection: Any) -> bool:
    """Whether the server has said something unasked, as it does when it ends a connection."""
    incoming = poll()
    incoming.register(connection.fileno(), POLLIN)
    return bool(incoming.poll(0))
