"""Maintenance: windows as they are planned, and the periods that come of them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
IS_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("monitors", sa.Column("customer_since", INSTANT))
    _add_windows()
    op.create_table(
        "maintenance_targets",
        sa.Column("window_id", BIG_ID, nullable=False),
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("window_id", "monitor_id", name="pk_maintenance_targets"),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["maintenance_windows.id"],
            name="fk_maintenance_targets_window_id_maintenance_windows",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["monitors.id"],
            name="fk_maintenance_targets_monitor_id_monitors",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_maintenance_targets_monitor_id", "maintenance_targets", ["monitor_id"])
    _add_periods()


def _add_windows() -> None:
    op.create_table(
        "maintenance_windows",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("customer_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("start_time", INSTANT, nullable=False),
        sa.Column("end_time", INSTANT, nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("is_recurring", sa.Boolean(), nullable=False),
        sa.Column("recurrence_pattern", sa.JSON()),
        sa.Column("covers_customer", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("noted_until", INSTANT, nullable=False),
        sa.Column("next_start_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_windows"),
        sa.UniqueConstraint("public_id", name="uq_maintenance_windows_public_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_maintenance_windows_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name="fk_maintenance_windows_organization_id_customer_id_customers",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_maintenance_windows_organization_id_id", "maintenance_windows", ["organization_id", "id"]
    )
    op.create_index("ix_maintenance_windows_customer_id", "maintenance_windows", ["customer_id"])
    op.create_index("ix_maintenance_windows_next_start_at", "maintenance_windows", ["next_start_at"])


def _add_periods() -> None:
    op.create_table(
        "maintenance_periods",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("window_id", BIG_ID),
        sa.Column("customer_id", BIG_ID, nullable=False),
        sa.Column("monitor_id", BIG_ID),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_periods"),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["maintenance_windows.id"],
            name="fk_maintenance_periods_window_id_maintenance_windows",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name="fk_maintenance_periods_customer_id_customers",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["monitors.id"],
            name="fk_maintenance_periods_monitor_id_monitors",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_maintenance_periods_ended_at", "maintenance_periods", ["ended_at"])
    for columns in (
        ["monitor_id", "ended_at"],
        ["customer_id", "monitor_id", "ended_at"],
        ["window_id", "ended_at"],
    ):
        op.create_index(f"ix_maintenance_periods_{'_'.join(columns)}", "maintenance_periods", columns)
    op.create_index(
        "uq_maintenance_periods_open",
        "maintenance_periods",
        ["monitor_id"],
        unique=True,
        postgresql_where=IS_OPEN,
        sqlite_where=IS_OPEN,
    )
    # Who is in maintenance by status has been so for longer than anybody wrote down.
    op.execute(
        "INSERT INTO maintenance_periods (customer_id, monitor_id, started_at)"
        " SELECT customer_id, id, updated_at FROM monitors WHERE status = 'maintenance'"
    )


def downgrade() -> None:
    for table in ("maintenance_periods", "maintenance_targets", "maintenance_windows"):
        op.drop_table(table)
    op.drop_column("monitors", "customer_since")
