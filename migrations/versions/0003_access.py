"""Settings of organizations, API tokens, and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)

# What organizations that exist already get (contract section 4); new ones get it from the model.
SETTINGS = {
    "language": (sa.String(32), "en"),
    "time_zone": (sa.String(64), "UTC"),
    "alert_consecutive_checks": (sa.Integer(), "2"),
    "recovery_consecutive_checks": (sa.Integer(), "2"),
    "alert_location_threshold_count": (sa.Integer(), "1"),
    "alert_reminder_minutes": (sa.Integer(), "60"),
}


def upgrade() -> None:
    with op.batch_alter_table("organizations") as batch:
        for name, (kind, value) in SETTINGS.items():
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=value))
    with op.batch_alter_table("organizations") as batch:
        batch.create_check_constraint(op.f("ck_organizations_language"), "language IN ('en', 'de')")
        for name, (kind, _) in SETTINGS.items():
            batch.alter_column(name, existing_type=kind, server_default=None)
    op.create_table(
        "api_tokens",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("customer_id", BIG_ID),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("token_hint", sa.String(16), nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_api_tokens_organization_id_organizations"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name="fk_api_tokens_organization_id_customer_id_customers",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("public_id", name="uq_api_tokens_public_id"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )
    op.create_index("ix_api_tokens_organization_id_id", "api_tokens", ["organization_id", "id"])
    op.create_index("ix_api_tokens_customer_id", "api_tokens", ["customer_id"])
    op.create_table(
        "audit_entries",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        # Not foreign keys: the trail outlives what it tells of.
        sa.Column("customer_id", BIG_ID),
        sa.Column("actor_kind", sa.String(32), nullable=False),
        sa.Column("actor_id", BIG_ID),
        sa.Column("actor_name", sa.String(320), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target_public_id", sa.Uuid(), nullable=False),
        sa.Column("target_name", sa.String(320), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(64)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_audit_entries_organization_id_organizations"
        ),
        sa.UniqueConstraint("public_id", name="uq_audit_entries_public_id"),
        sa.CheckConstraint(
            "actor_kind IN ('user', 'token', 'command')", name=op.f("ck_audit_entries_actor_kind")
        ),
    )
    op.create_index("ix_audit_entries_organization_id_id", "audit_entries", ["organization_id", "id"])
    op.create_index("ix_audit_entries_target_public_id", "audit_entries", ["target_public_id"])


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.drop_table("api_tokens")
    with op.batch_alter_table("organizations") as batch:
        batch.drop_constraint(op.f("ck_organizations_language"), type_="check")
        for name in SETTINGS:
            batch.drop_column(name)
