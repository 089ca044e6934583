"""How often in a row a mailbox was refused, so that its checks can back off."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default, with which neither database rewrites the table.
    op.add_column(
        "monitor_schedules", sa.Column("refusals", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("monitor_schedules", "refusals")
