"""Organizations, their users with sessions, their customers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.UniqueConstraint("public_id", name="uq_organizations_public_id"),
    )
    op.create_table(
        "customers",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("notification_email", sa.String(320)),
        sa.Column("notification_phone_number", sa.String(32)),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("custom_fields", sa.JSON()),
        sa.Column("allowed_check_country_codes", sa.JSON()),
        sa.Column("alert_consecutive_checks", sa.Integer()),
        sa.Column("recovery_consecutive_checks", sa.Integer()),
        sa.Column("alert_location_threshold_count", sa.Integer()),
        sa.Column("alert_reminder_minutes", sa.Integer()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_customers_organization_id_organizations"
        ),
        sa.UniqueConstraint("public_id", name="uq_customers_public_id"),
        # What a monitor refers to, so that its customer is of its own organization.
        sa.UniqueConstraint("organization_id", "id", name="uq_customers_organization_id_id"),
        sa.CheckConstraint(
            "status IN ('active', 'marked_for_cancellation')", name=op.f("ck_customers_status")
        ),
    )
    op.create_table(
        "users",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("first_name", sa.String(255)),
        sa.Column("last_name", sa.String(255)),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_users_organization_id_organizations"
        ),
        sa.UniqueConstraint("public_id", name="uq_users_public_id"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint(
            "role IN ('admin', 'editor', 'readonly', 'global_supporter', 'global_admin')",
            name=op.f("ck_users_role"),
        ),
    )
    op.create_index("ix_users_organization_id", "users", ["organization_id"])
    op.create_table(
        "user_customers",
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("customer_id", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "customer_id", name="pk_user_customers"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_user_customers_user_id_users", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name="fk_user_customers_customer_id_customers",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_user_customers_customer_id", "user_customers", ["customer_id"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("refresh_token_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_sessions_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def downgrade() -> None:
    for table in ("sessions", "user_customers", "users", "customers", "organizations"):
        op.drop_table(table)
