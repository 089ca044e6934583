"""Results by day on PostgreSQL, roll-ups that outlive them, and what a scheduler needs to be fair."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
IS_SCHEDULED = sa.text("next_check_at_ms IS NOT NULL")
SUMS = (
    "checks", "warnings", "failures", "duration_ms",
    "dns_ms", "connect_ms", "tls_ms", "greeting_ms", "capability_ms", "starttls_ms", "login_ms",
    "mailbox_ms", "logout_ms",
    "within_10_ms", "within_20_ms", "within_30_ms", "within_50_ms", "within_75_ms", "within_100_ms",
    "within_150_ms", "within_200_ms", "within_300_ms", "within_500_ms", "within_750_ms", "within_1000_ms",
    "within_1500_ms", "within_2000_ms", "within_3000_ms", "within_5000_ms", "within_10000_ms",
    "within_20000_ms", "within_60000_ms", "longer",
)  # fmt: skip
COUNTERS = ("checks_begun", "checks_late", "checks_put_off", "checks_skipped")


def upgrade() -> None:
    _add_rollups()
    _add_servers()
    _add_lanes()
    for counter in COUNTERS:
        op.add_column("locations", sa.Column(counter, sa.BigInteger(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        _partition_results()


def _add_rollups() -> None:
    op.create_table(
        "check_rollups",
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("period", sa.String(32), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False, server_default="0") for name in SUMS),
        sa.PrimaryKeyConstraint("monitor_id", "period", "started_at", "location_id", name="pk_check_rollups"),
        sa.ForeignKeyConstraint(
            ["monitor_id"], ["monitors.id"], name="fk_check_rollups_monitor_id_monitors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name="fk_check_rollups_location_id_locations"
        ),
        sa.CheckConstraint("period IN ('hour', 'day')", name=op.f("ck_check_rollups_period")),
        postgresql_with={"fillfactor": 70},
        sqlite_with_rowid=False,
    )


def _add_servers() -> None:
    """Which server a mailbox is on. A port that only the config tells is put right with the next change."""
    op.add_column("monitors", sa.Column("server", sa.String(260), nullable=False, server_default=""))
    op.execute(
        "UPDATE monitors SET server = hostname || ':' ||"
        " COALESCE(port, CASE protocol WHEN 'imap' THEN 993 ELSE 995 END)"
    )


def _add_lanes() -> None:
    # Constant defaults, with which neither database rewrites the table.
    for column in (
        sa.Column("organization_id", BIG_ID, nullable=False, server_default="0"),
        sa.Column("server", sa.String(260), nullable=False, server_default=""),
        sa.Column("is_slow", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("due_at_ms", sa.BigInteger()),
    ):
        op.add_column("monitor_schedules", column)
    op.execute(
        "UPDATE monitor_schedules SET organization_id = monitors.organization_id, server = monitors.server"
        " FROM monitors WHERE monitors.id = monitor_schedules.monitor_id"
    )
    op.drop_index("ix_monitor_schedules_location_id_next_check_at_ms", "monitor_schedules")
    op.create_index(
        "ix_monitor_schedules_location_id_is_slow_next_check_at_ms",
        "monitor_schedules",
        ["location_id", "is_slow", "next_check_at_ms"],
        postgresql_where=IS_SCHEDULED,
        sqlite_where=IS_SCHEDULED,
    )


def _partition_results() -> None:
    """The table as it is becomes the partition for all that no day was made for; its rows stay in place.

    The scheduler makes the days, and moves the rows of each there (services/partitions.py).
    """
    op.drop_index("ix_check_results_monitor_id_checked_at_id", "check_results")
    op.drop_constraint("uq_check_results_public_id", "check_results")
    op.drop_constraint("pk_check_results", "check_results")
    op.rename_table("check_results", "check_results_other")
    op.execute(
        "CREATE TABLE check_results (LIKE check_results_other INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (checked_at)"
    )
    _constrain_results("check_results")
    op.execute("ALTER SEQUENCE check_results_id_seq OWNED BY check_results.id")
    op.execute("ALTER TABLE check_results ATTACH PARTITION check_results_other DEFAULT")


def _constrain_results(table: str) -> None:
    op.create_primary_key("pk_check_results", table, ["monitor_id", "checked_at", "id"])
    op.create_unique_constraint("uq_check_results_public_id_checked_at", table, ["public_id", "checked_at"])
    op.create_foreign_key(
        "fk_check_results_monitor_id_monitors", table, "monitors", ["monitor_id"], ["id"], ondelete="CASCADE"
    )
    op.create_foreign_key(
        "fk_check_results_location_id_locations", table, "locations", ["location_id"], ["id"]
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _gather_results()
    for counter in COUNTERS:
        op.drop_column("locations", counter)
    op.drop_index("ix_monitor_schedules_location_id_is_slow_next_check_at_ms", "monitor_schedules")
    for column in ("organization_id", "server", "is_slow", "due_at_ms"):
        op.drop_column("monitor_schedules", column)
    op.create_index(
        "ix_monitor_schedules_location_id_next_check_at_ms",
        "monitor_schedules",
        ["location_id", "next_check_at_ms"],
        postgresql_where=IS_SCHEDULED,
        sqlite_where=IS_SCHEDULED,
    )
    op.drop_column("monitors", "server")
    op.drop_table("check_rollups")


def _gather_results() -> None:
    op.execute("CREATE TABLE check_results_all (LIKE check_results INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    op.execute("INSERT INTO check_results_all SELECT * FROM check_results")
    op.execute("ALTER SEQUENCE check_results_id_seq OWNED BY check_results_all.id")
    op.drop_table("check_results")
    op.rename_table("check_results_all", "check_results")
    op.create_primary_key("pk_check_results", "check_results", ["id"])
    op.create_unique_constraint("uq_check_results_public_id", "check_results", ["public_id"])
    op.create_foreign_key(
        "fk_check_results_monitor_id_monitors", "check_results", "monitors", ["monitor_id"], ["id"],
        ondelete="CASCADE",
    )  # fmt: skip
    op.create_foreign_key(
        "fk_check_results_location_id_locations", "check_results", "locations", ["location_id"], ["id"]
    )
    op.create_index(
        "ix_check_results_monitor_id_checked_at_id", "check_results", ["monitor_id", "checked_at", "id"]
    )
