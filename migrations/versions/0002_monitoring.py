"""Locations, monitors, their schedules (hot) and their check results (big)."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
CHECK_STATUSES = "('success', 'warning', 'error')"


def upgrade() -> None:
    op.create_table(
        "locations",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("country", sa.String(2)),
        sa.Column("heartbeat_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_locations"),
        sa.UniqueConstraint("public_id", name="uq_locations_public_id"),
        sa.UniqueConstraint("code", name="uq_locations_code"),
    )
    op.create_table(
        "monitors",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("customer_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("hostname", sa.String(253), nullable=False),
        sa.Column("port", sa.Integer()),
        sa.Column("protocol", sa.String(32), nullable=False),
        sa.Column("check_interval", sa.Float(53), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("allowed_check_country_codes", sa.JSON()),
        sa.Column("notification_email", sa.String(320)),
        sa.Column("notification_phone_number", sa.String(32)),
        sa.Column("mailbox_key", sa.String(32), nullable=False),
        sa.Column("config_encrypted", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_monitors"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_monitors_organization_id_organizations"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name="fk_monitors_organization_id_customer_id_customers",
        ),
        sa.UniqueConstraint("public_id", name="uq_monitors_public_id"),
        sa.CheckConstraint("protocol IN ('imap', 'pop3')", name=op.f("ck_monitors_protocol")),
        sa.CheckConstraint(
            "status IN ('active', 'maintenance', 'disabled')", name=op.f("ck_monitors_status")
        ),
    )
    op.create_index("ix_monitors_organization_id_id", "monitors", ["organization_id", "id"])
    op.create_index("ix_monitors_customer_id_id", "monitors", ["customer_id", "id"])
    op.create_table(
        "monitor_schedules",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("mailbox_key", sa.String(32), nullable=False),
        # Milliseconds since the epoch: the claim computes with them in SQL.
        sa.Column("interval_ms", sa.BigInteger(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("timeout_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_check_at_ms", sa.BigInteger()),
        sa.Column("lease_until_ms", sa.BigInteger()),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("triggered_at_ms", sa.BigInteger()),
        sa.Column("last_checked_at", INSTANT),
        sa.Column("last_status", sa.String(32)),
        sa.Column("last_error_code", sa.String(64)),
        sa.Column("last_error_message", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_monitor_schedules"),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["monitors.id"],
            name="fk_monitor_schedules_monitor_id_monitors",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name="fk_monitor_schedules_location_id_locations"
        ),
        sa.UniqueConstraint("monitor_id", "location_id", name="uq_monitor_schedules_monitor_id_location_id"),
        sa.CheckConstraint(f"last_status IN {CHECK_STATUSES}", name=op.f("ck_monitor_schedules_last_status")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_monitor_schedules_mailbox_key_location_id", "monitor_schedules", ["mailbox_key", "location_id"]
    )
    is_scheduled = sa.text("next_check_at_ms IS NOT NULL")
    op.create_index(
        "ix_monitor_schedules_location_id_next_check_at_ms",
        "monitor_schedules",
        ["location_id", "next_check_at_ms"],
        postgresql_where=is_scheduled,
        sqlite_where=is_scheduled,
    )
    op.create_table(
        "check_results",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("checked_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text()),
        sa.Column("warning_message", sa.Text()),
        sa.Column("timing_ms", sa.Integer(), nullable=False),
        sa.Column("diagnostics", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_check_results"),
        sa.ForeignKeyConstraint(
            ["monitor_id"], ["monitors.id"], name="fk_check_results_monitor_id_monitors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name="fk_check_results_location_id_locations"
        ),
        sa.UniqueConstraint("public_id", name="uq_check_results_public_id"),
        sa.CheckConstraint(f"status IN {CHECK_STATUSES}", name=op.f("ck_check_results_status")),
    )
    op.create_index(
        "ix_check_results_monitor_id_checked_at_id", "check_results", ["monitor_id", "checked_at", "id"]
    )


def downgrade() -> None:
    for table in ("check_results", "monitor_schedules", "monitors", "locations"):
        op.drop_table(table)
