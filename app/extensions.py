"""Extensions, unbound until the factory binds them, and how a SQLite connection is set up."""

from typing import Any

from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, event
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.models.base import Base

DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""Errors about the database as a whole: unreachable, locked, full, read-only. Trying again may help."""

# What was committed is answered as it was then: reading it again might find it removed meanwhile.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()
jwt = JWTManager()

SQLITE_BUSY_SECONDS = 10
POSTGRESQL_PATIENCE = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
"""libpq's names, in seconds and (the last) milliseconds: a connection that died in silence is noticed."""


def engine_options(database_url: str) -> dict[str, Any]:
    """SQLite writes begin IMMEDIATE, so that two writers wait for each other instead of failing.

    An error's text goes to the log, so it must not quote what was to be stored.
    """
    if database_url.startswith("sqlite"):
        connect_args = {"timeout": SQLITE_BUSY_SECONDS, "isolation_level": "IMMEDIATE"}
        return {"connect_args": connect_args, "hide_parameters": True}
    return {
        "hide_parameters": True,
        "pool_size": 8,
        "max_overflow": 4,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "connect_args": POSTGRESQL_PATIENCE,
    }


def prepare_engine(engine: Engine) -> None:
    """Readers must not block the one writer (WAL), and SQLite checks foreign keys only when told to."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)


def _set_pragmas(connection: Any, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
