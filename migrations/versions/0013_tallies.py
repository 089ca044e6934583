"""Indexes for what is counted every few seconds."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LEASED = sa.text("lease_until_ms IS NOT NULL")
UNPLANNED = sa.text("next_check_at_ms IS NULL")


def upgrade() -> None:
    op.create_index("ix_monitors_organization_id_status", "monitors", ["organization_id", "status"])
    op.create_index(
        "ix_monitor_schedules_leased",
        "monitor_schedules",
        ["location_id", "lease_until_ms"],
        postgresql_where=LEASED,
        sqlite_where=LEASED,
    )
    op.create_index(
        "ix_monitor_schedules_unplanned",
        "monitor_schedules",
        ["monitor_id"],
        postgresql_where=UNPLANNED,
        sqlite_where=UNPLANNED,
    )


def downgrade() -> None:
    op.drop_index("ix_monitor_schedules_unplanned", "monitor_schedules")
    op.drop_index("ix_monitor_schedules_leased", "monitor_schedules")
    op.drop_index("ix_monitors_organization_id_status", "monitors")
