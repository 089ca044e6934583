"""What lists need: a text to search monitors by, and indexes by which pages are found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

IDS_USED_ONCE = {"sqlite_autoincrement": True}
"""SQLite makes the table anew, and forgets what it is not told."""

INDEXES = (
    ("monitors", ["organization_id", "id", "customer_id", "searched"], ["organization_id", "id"]),
    ("users", ["organization_id", "id"], ["organization_id"]),
    ("audit_entries", ["organization_id", "action", "id"], None),
)
"""Table, columns, and those of the index that is replaced."""


def upgrade() -> None:
    searched = sa.Computed("lower(name || '\n' || hostname)", persisted=True)
    with op.batch_alter_table("monitors", table_kwargs=IDS_USED_ONCE) as batch:
        batch.add_column(sa.Column("searched", sa.Text(), searched))
    for table, columns, replaced in INDEXES:
        op.create_index(_name(table, columns), table, columns)
        if replaced:
            op.drop_index(_name(table, replaced), table)


def downgrade() -> None:
    for table, columns, replaced in INDEXES:
        if replaced:
            op.create_index(_name(table, replaced), table, replaced)
        op.drop_index(_name(table, columns), table)
    with op.batch_alter_table("monitors", table_kwargs=IDS_USED_ONCE) as batch:
        batch.drop_column("searched")


def _name(table: str, columns: list[str]) -> str:
    return "_".join(("ix", table, *columns))
