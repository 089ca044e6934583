"""The monitors of a server are found by it, when it falls silent."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_monitors_server", "monitors", ["server"])


def downgrade() -> None:
    op.drop_index("ix_monitors_server", "monitors")
