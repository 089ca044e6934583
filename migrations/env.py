"""Runs the migrations: all that are due in one transaction, one process at a time, on either database."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from app.models import Base
from app.services import partitions

LOCK_KEY = 7_455_273
"""Any number will do, as long as every process that migrates takes the same."""

LOCK_TIMEOUT = "5s"
"""Waiting longer for a table's lock would hold up everyone behind us."""


def run_migrations() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        # Another database than the application's, in the caller's transaction (app/services/transfer.py).
        _migrate(given)
        return
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            _on_sqlite(connection)
        else:
            _on_postgresql(connection)


def _on_sqlite(connection: Connection) -> None:
    """The driver begins no transaction for DDL, so we do; and tables are rebuilt, not altered.

    Foreign keys are off meanwhile, or dropping the old copy of a table would delete what refers to it.
    """
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    connection.commit()
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        _migrate(connection)
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"the migration would leave broken foreign keys: {broken[:5]}")
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _on_postgresql(connection: Connection) -> None:
    with connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
        _migrate(connection)


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=True,
        include_object=_is_comparable,
    )
    context.run_migrations()


def _is_comparable(_object: object, name: str | None, kind: str, *_: object) -> bool:
    return kind != "table" or not partitions.is_partitioned(name)


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; there is no offline mode.")
run_migrations()
