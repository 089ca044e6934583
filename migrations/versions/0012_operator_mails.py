"""What the operator was told of, for each location and kind of trouble."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "operator_mails",
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True)),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("location_id", "kind", name="pk_operator_mails"),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name="fk_operator_mails_location_id_locations"
        ),
        sa.CheckConstraint(
            "kind IN ('late', 'database_away', 'undelivered', 'cut_off')",
            name=op.f("ck_operator_mails_kind"),
        ),
    )


def downgrade() -> None:
    op.drop_table("operator_mails")
