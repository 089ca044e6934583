"""Whether the database's tables are the ones that this code was written for."""

from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app.config import ROOT
from app.extensions import db

MIGRATIONS: Path = ROOT / "migrations"


def is_behind() -> bool:
    """True when migrations have to be run first. Raises SQLAlchemyError when the database does not answer.

    A revision that we do not know is a newer version's, made so that ours can go on.
    """
    revision = current_revision()
    script = ScriptDirectory(str(MIGRATIONS))
    known = {step.revision for step in script.walk_revisions()}
    return revision is None or (revision in known and revision != script.get_current_head())


def current_revision() -> str | None:
    """The migration that the database is at; None for an empty one."""
    connection = db.session.connection()
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
