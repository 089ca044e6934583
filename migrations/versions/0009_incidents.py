"""Health as it is confirmed, its history, and the incidents that come of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
HEALTH = "health IN ('pending', 'up', 'degraded', 'down', 'no_data')"
IS_OPEN = sa.text("ended_at IS NULL")
IN_MAINTENANCE = sa.text("in_maintenance")
IS_DOWN = sa.text("health = 'down'")
STREAK = (
    "warning_alarms", "hard_failures", "streak_since", "streak", "in_maintenance",
    "data_until_ms",
)  # fmt: skip


def upgrade() -> None:
    _add_streaks()
    op.add_column(
        "check_results",
        sa.Column("in_maintenance", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    _add_health()
    _add_incidents()


def _add_streaks() -> None:
    """What worked last is up. What failed is not confirmed yet: the next failure will be."""
    # With its constraint in one statement, for which SQLite need not copy the table.
    op.execute(
        "ALTER TABLE monitor_schedules ADD COLUMN health VARCHAR(32) DEFAULT 'pending' NOT NULL"
        f" CONSTRAINT ck_monitor_schedules_health CHECK ({HEALTH})"
    )
    for column in (
        sa.Column("data_until_ms", sa.BigInteger()),
        sa.Column("in_maintenance", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("streak", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("streak_since", INSTANT),
        sa.Column("hard_failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("warning_alarms", sa.JSON()),
    ):
        op.add_column("monitor_schedules", column)
    op.execute(
        "UPDATE monitor_schedules SET streak = 1, streak_since = last_checked_at,"
        " health = CASE last_status WHEN 'success' THEN 'up' WHEN 'warning' THEN 'degraded'"
        " ELSE 'pending' END,"
        " hard_failures = CASE WHEN last_status = 'error' AND last_error_code <> 'temporarily_unavailable'"
        " THEN 1 ELSE 0 END"
        " WHERE last_checked_at IS NOT NULL"
    )
    op.execute(
        "UPDATE monitor_schedules SET data_until_ms = next_check_at_ms + 2 * interval_ms + timeout_ms"
        " WHERE next_check_at_ms IS NOT NULL"
    )
    op.create_index(
        "ix_monitor_schedules_in_maintenance",
        "monitor_schedules",
        ["location_id"],
        postgresql_where=IN_MAINTENANCE,
        sqlite_where=IN_MAINTENANCE,
    )
    op.create_index(
        "ix_monitor_schedules_down",
        "monitor_schedules",
        ["monitor_id"],
        postgresql_where=IS_DOWN,
        sqlite_where=IS_DOWN,
    )


def _add_health() -> None:
    op.create_table(
        "monitor_health",
        sa.Column("monitor_id", BIG_ID, nullable=False, autoincrement=False),
        sa.Column("health", sa.String(32), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("monitor_id", name="pk_monitor_health"),
        sa.ForeignKeyConstraint(
            ["monitor_id"], ["monitors.id"], name="fk_monitor_health_monitor_id_monitors", ondelete="CASCADE"
        ),
        sa.CheckConstraint(HEALTH, name=op.f("ck_monitor_health_health")),
    )
    op.create_index("ix_monitor_health_health_monitor_id", "monitor_health", ["health", "monitor_id"])
    op.create_table(
        "health_transitions",
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("health", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("monitor_id", "location_id", "started_at", name="pk_health_transitions"),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["monitors.id"],
            name="fk_health_transitions_monitor_id_monitors",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name="fk_health_transitions_location_id_locations"
        ),
        sa.CheckConstraint(HEALTH, name=op.f("ck_health_transitions_health")),
    )
    op.execute(
        "INSERT INTO monitor_health (monitor_id, health, since)"
        " SELECT monitor_id, CASE WHEN SUM(CASE health WHEN 'degraded' THEN 1 ELSE 0 END) > 0"
        " THEN 'degraded' ELSE 'up' END, MAX(last_checked_at) FROM monitor_schedules"
        " WHERE health <> 'pending' GROUP BY monitor_id"
    )
    op.execute(
        "INSERT INTO health_transitions (monitor_id, location_id, started_at, health)"
        " SELECT monitor_id, location_id, last_checked_at, 'up' FROM monitor_schedules"
        " WHERE health <> 'pending'"
    )


def _add_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", BIG_ID, nullable=False),
        sa.Column("monitor_id", BIG_ID, nullable=False),
        sa.Column("location_id", BIG_ID, nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("resolved_at", INSTANT),
        sa.Column("was_abandoned", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("error_message", sa.Text()),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("acknowledged_by", sa.String(320)),
        sa.Column("last_notified_at", INSTANT),
        sa.Column("next_reminder_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("public_id", name="uq_incidents_public_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_incidents_organization_id_organizations"
        ),
        sa.ForeignKeyConstraint(
            ["monitor_id"], ["monitors.id"], name="fk_incidents_monitor_id_monitors", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name="fk_incidents_location_id_locations"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["monitor_id", "subject"],
        unique=True,
        postgresql_where=IS_OPEN,
        sqlite_where=IS_OPEN,
    )
    for columns in (
        ["monitor_id", "id", "type", "ended_at"],
        ["organization_id", "id", "ended_at"],
        ["organization_id", "type", "id", "ended_at"],
    ):
        op.create_index("_".join(["ix_incidents", *columns]), "incidents", columns)
    op.create_index(
        "ix_incidents_open",
        "incidents",
        ["organization_id", "id", "type"],
        postgresql_where=IS_OPEN,
        sqlite_where=IS_OPEN,
    )
    op.create_index(
        "ix_incidents_next_reminder_at",
        "incidents",
        ["next_reminder_at"],
        postgresql_where=IS_OPEN,
        sqlite_where=IS_OPEN,
    )
    op.create_table(
        "incident_events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("incident_id", BIG_ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor_name", sa.String(320)),
        sa.Column("text", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_incident_events"),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name="fk_incident_events_incident_id_incidents",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "kind IN ('opened', 'acknowledged', 'commented', 'resolved')",
            name=op.f("ck_incident_events_kind"),
        ),
    )
    op.create_index("ix_incident_events_incident_id_id", "incident_events", ["incident_id", "id"])


def downgrade() -> None:
    for table in ("incident_events", "incidents", "health_transitions", "monitor_health"):
        op.drop_table(table)
    op.drop_column("check_results", "in_maintenance")
    op.drop_index("ix_monitor_schedules_down", "monitor_schedules")
    op.drop_index("ix_monitor_schedules_in_maintenance", "monitor_schedules")
    for column in STREAK:
        op.drop_column("monitor_schedules", column)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_column("monitor_schedules", "health")
        return
    # SQLite drops no column that a constraint of the table names, and ours is the column's own.
    with op.batch_alter_table("monitor_schedules") as batch:
        batch.drop_constraint("ck_monitor_schedules_health")
        batch.drop_column("health")
