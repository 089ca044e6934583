"""Channels that people are told through, and the outbox of what they are told."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
IS_UNSETTLED = sa.text("status IN ('pending', 'sending')")
IS_TOLD = sa.text("status IN ('sent', 'failed')")


def upgrade() -> None:
    op.add_column(
        "locations", sa.Column("has_references", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("locations", sa.Column("suspect_since", INSTANT))
    _add_channels()
    _add_alerts()


def _add_channels() -> None:
    op.create_table(
        "notification_channels",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("customer_id", BIG_ID),
        sa.Column("monitor_id", BIG_ID),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("secrets_encrypted", sa.Text()),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("delay_seconds", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.JSON()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notification_channels"),
        sa.UniqueConstraint("public_id", name="uq_notification_channels_public_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name="fk_notification_channels_organization_id_organizations",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name="fk_notification_channels_organization_id_customer_id_customers",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["monitors.id"],
            name="fk_notification_channels_monitor_id_monitors",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "category IN ('direct', 'integration')", name=op.f("ck_notification_channels_category")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_notification_channels_organization_id_id", "notification_channels", ["organization_id", "id"]
    )
    op.create_index(
        "ix_notification_channels_organization_id_customer_id_monitor_id",
        "notification_channels",
        ["organization_id", "customer_id", "monitor_id"],
    )
    op.create_index("ix_notification_channels_monitor_id", "notification_channels", ["monitor_id"])


def _add_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=False),
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.Column("channel_id", BIG_ID),
        sa.Column("channel_type", sa.String(32), nullable=False),
        sa.Column("channel_name", sa.String(320), nullable=False),
        sa.Column("address", sa.String(320)),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("sent_at", INSTANT),
        sa.Column("error_message", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("message_id", "attempt", name="uq_alerts_message_id_attempt"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name="fk_alerts_incident_id_incidents", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["monitor_id"], ["monitors.id"], name="fk_alerts_monitor_id_monitors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["notification_channels.id"],
            name="fk_alerts_channel_id_notification_channels",
            ondelete="SET NULL",
        ),
        sa.CheckConstraint("event IN ('alert', 'reminder', 'recovery')", name=op.f("ck_alerts_event")),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'sent', 'failed', 'cancelled')", name=op.f("ck_alerts_status")
        ),
    )
    op.create_index("ix_alerts_incident_id_id", "alerts", ["incident_id", "id"])
    op.create_index("ix_alerts_monitor_id_id", "alerts", ["monitor_id", "id"])
    op.create_index("ix_alerts_channel_id", "alerts", ["channel_id"])
    op.create_index(
        "ix_alerts_due_at", "alerts", ["due_at"], postgresql_where=IS_UNSETTLED, sqlite_where=IS_UNSETTLED
    )
    op.create_index(
        "ix_alerts_told",
        "alerts",
        ["monitor_id", "sent_at", "id"],
        postgresql_where=IS_TOLD,
        sqlite_where=IS_TOLD,
    )


def downgrade() -> None:
    op.drop_table("alerts")
    op.drop_table("notification_channels")
    for column in ("suspect_since", "has_references"):
        op.drop_column("locations", column)
