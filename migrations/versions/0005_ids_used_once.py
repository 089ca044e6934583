"""Ids that are never given out again, and users without a password."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("organizations", "customers", "users", "monitors", "api_tokens")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _recreate(sqlite_autoincrement=True)
    with op.batch_alter_table("users", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.alter_column("password_hash", existing_type=sa.String(255), nullable=True)


def downgrade() -> None:
    # No password fits it, which is what having none comes to.
    op.execute("UPDATE users SET password_hash = '!' WHERE password_hash IS NULL")
    with op.batch_alter_table("users") as batch:
        batch.alter_column("password_hash", existing_type=sa.String(255), nullable=False)
    if op.get_bind().dialect.name == "sqlite":
        _recreate(sqlite_autoincrement=False)


def _recreate(*, sqlite_autoincrement: bool) -> None:
    """SQLite gives the id of a removed newest row to the next one, unless its table says otherwise."""
    for table in TABLES:
        options = {"sqlite_autoincrement": sqlite_autoincrement}
        with op.batch_alter_table(table, recreate="always", table_kwargs=options):
            pass
