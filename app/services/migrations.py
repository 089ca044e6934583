"""Whether the database's tables are the ones that this code was written for."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.config import ROOT
from app.extensions import db

MIGRATIONS: Path = ROOT / "migrations"


def is_behind() -> bool:
    """True when migrations have to be run first. Raises SQLAlchemyError when the database does not answer.

    A revision that we do not know is a newer version's, made so that ours can go on.
    """
    revision = current_revision()
    return revision is None or (is_known(revision) and revision != newest())


def newest() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def is_known(revision: str) -> bool:
    return revision in {step.revision for step in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def bring_up(connection: Connection) -> None:
    """Run all migrations on another database than the application's, in the transaction there."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def current_revision(connection: Connection | None = None) -> str | None:
    """The migration that the database is at; None for an empty one."""
    connection = connection or db.session.connection()
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
