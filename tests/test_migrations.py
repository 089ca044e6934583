"""Migrations: one line of them, the same schema as the models, and nothing lost or left half done."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Engine, MetaData, Table, create_engine, inspect, make_url, select, text
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.config import ROOT
from app.domain.enums import Language
from app.extensions import db
from app.models import (
    Base,
    CheckResult,
    Customer,
    MaintenancePeriod,
    Monitor,
    Organization,
    User,
    UserCustomer,
)
from app.services import migrations, partitions
from app.services.partitions import is_partitioned
from tests.conftest import DATABASES, ENVIRON, new_database
from tests.factories import Factory

MIGRATIONS = ROOT / "migrations"
BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{next}", "{last}", None, None


def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("UPDATE organizations SET name = 'half done'")
    with op.batch_alter_table("organizations") as batch:
        batch.add_column(sa.Column("half", sa.Integer()))
    op.execute("SELECT * FROM no_such_table")


def downgrade():
    pass
"""


@contextmanager
def application(url: str) -> Iterator[Flask]:
    app = create_app({**ENVIRON, "DATABASE_URL": url})
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def empty_app(empty_url: str) -> Iterator[Flask]:
    """An application whose database has no table yet."""
    with application(empty_url) as app:
        yield app


@pytest.fixture
def migrated_app(app: Flask) -> Iterator[Flask]:
    """An application whose database has had every migration, the one that other tests use as well."""
    with app.app_context():
        yield app
        db.session.remove()


@pytest.fixture
def by_models(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database of the same kind, with the tables that the models describe."""
    with new_database(make_url(database_url).get_backend_name(), tmp_path_factory.mktemp("models")) as url:
        engine = create_engine(url)
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()


def revisions() -> list[Any]:
    """The newest first."""
    return list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def newest_revision() -> str:
    return str(revisions()[0].revision)


def test_migrations_are_numbered_in_one_line() -> None:
    scripts = revisions()[::-1]
    numbers = [f"{at + 1:04}" for at in range(len(scripts))]

    assert [script.revision for script in scripts] == numbers
    assert [script.down_revision for script in scripts] == [None, *numbers[:-1]]
    assert [Path(script.path).name[:5] for script in scripts] == [f"{number}_" for number in numbers]
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [numbers[-1]]


def test_every_migration_says_what_it_is_for() -> None:
    assert all(script.doc and script.doc.strip() for script in revisions())


def test_alembic_finds_nothing_to_migrate(migrated_app: Flask) -> None:
    with db.engine.connect() as connection:
        options = {"compare_type": True, "include_object": lambda _, name, *__: not is_partitioned(name)}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def _columns(found: Any, table: str) -> dict[str, Any]:
    return {
        column["name"]: (str(column["type"]), column["nullable"], column["default"])
        for column in found.get_columns(table)
    }


def _checks(found: Any, table: str) -> dict[str, str]:
    return {check["name"]: "".join(check["sqltext"].split()) for check in found.get_check_constraints(table)}


def is_comparable(table: str) -> bool:
    return table != "alembic_version" and not is_partitioned(table)


def schema_of(engine: Engine) -> dict[str, Any]:
    """All that the database says of its tables, apart from the order of their columns."""
    found = inspect(engine)
    return {
        table: {
            "columns": _columns(found, table),
            "primary key": found.get_pk_constraint(table),
            "foreign keys": sorted(map(_plain, found.get_foreign_keys(table))),
            "unique": sorted(map(_plain, found.get_unique_constraints(table))),
            "indexes": sorted(map(_plain, found.get_indexes(table))),
            "checks": _checks(found, table),
            "options": {key: str(value) for key, value in found.get_table_options(table).items()},
        }
        for table in filter(is_comparable, found.get_table_names())
    }


def _plain(described: Any) -> str:
    """A description as text, also of what has no text of its own but within a list or a dictionary."""
    if isinstance(described, dict):
        return str(sorted(f"{key}: {_plain(value)}" for key, value in described.items()))
    return str(described)


def test_migrated_tables_are_those_of_the_models_in_every_detail(
    migrated_app: Flask, by_models: Engine
) -> None:
    migrated, modelled = schema_of(db.engine), schema_of(by_models)
    assert migrated.keys() == modelled.keys() == set(filter(is_comparable, Base.metadata.tables))
    for table, described in modelled.items():
        assert migrated[table] == described


def test_an_upgrade_of_what_is_newest_changes_nothing(migrated_app: Flask) -> None:
    before = schema_of(db.engine)

    upgrade()

    assert schema_of(db.engine) == before


def test_the_last_migration_can_be_taken_back_without_losing_tenants(empty_app: Flask) -> None:
    upgrade()
    make = Factory()
    user = make.user(make.organization(), customers=[make.customer()])
    email, before = user.email, schema_of(db.engine)
    db.session.remove()

    downgrade()
    upgrade()

    assert schema_of(db.engine) == before
    assert db.session.query(User.email).all() == [(email,)]
    assert db.session.query(Organization).count() == 2


def store(table: str, **columns: Any) -> None:
    """A row in a table as it is now, of whatever revision that is."""
    known = Table(table, MetaData(), autoload_with=db.engine)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    dated = {"created_at": now, "updated_at": now}
    is_sqlite = db.engine.dialect.name == "sqlite"
    defaults = {**dated, "public_id": uuid4().hex if is_sqlite else uuid4()}
    row = {name: value for name, value in defaults.items() if name in known.c}
    db.session.execute(known.insert().values({**row, **columns}))


COUNTS = {
    "alert_consecutive_checks": 2,
    "recovery_consecutive_checks": 2,
    "alert_location_threshold_count": 1,
    "alert_reminder_minutes": 60,
}


def test_what_the_first_version_stored_is_kept(empty_app: Flask) -> None:
    upgrade(revision="0002")
    store("organizations", id=7, name="Old")
    store("customers", id=8, organization_id=7, name="Customer", status="active")
    user = {"email": "a@example.com", "password_hash": "hash", "is_restricted": True, "is_active": True}
    store("users", id=9, organization_id=7, role="admin", **user)
    store("user_customers", user_id=9, customer_id=8)
    plan = {"check_interval": 5, "timeout_seconds": 30, "status": "active", "protocol": "imap"}
    sealed = {"hostname": "a.example", "mailbox_key": "k", "config_encrypted": "v1:", **plan}
    store("monitors", id=10, organization_id=7, customer_id=8, name="Monitor", **sealed)
    db.session.commit()
    db.session.remove()

    upgrade()

    organization = db.session.get_one(Organization, 7)
    settings = (organization.language, organization.time_zone, organization.alert_reminder_minutes)
    assert settings == (Language.ENGLISH, "UTC", 60)
    monitor = db.session.get_one(Monitor, 10)
    assert (monitor.name, monitor.customer.name) == ("Monitor", "Customer")
    kept = db.session.get_one(User, 9)
    assert (kept.password_hash, kept.customer_ids) == ("hash", [8])


def test_who_was_in_maintenance_by_status_has_been_so_since_the_last_change(empty_app: Flask) -> None:
    upgrade(revision="0009")
    store("organizations", id=7, name="Old", language="en", time_zone="UTC", **COUNTS)
    store("customers", id=8, organization_id=7, name="Customer", status="active")
    plan = {"check_interval": 5, "timeout_seconds": 30, "protocol": "imap", "config_encrypted": "v1:"}
    for number, status in ((10, "active"), (11, "maintenance")):
        place = {"hostname": "a.example", "mailbox_key": "k", "organization_id": 7, "customer_id": 8}
        store("monitors", id=number, name="Monitor", status=status, **place, **plan)
    db.session.commit()
    db.session.remove()

    upgrade()

    (period,) = db.session.query(MaintenancePeriod).all()
    assert (period.monitor_id, period.customer_id, period.window_id) == (11, 8, None)
    assert (period.started_at, period.ended_at) == (datetime(2026, 1, 1, tzinfo=UTC), None)


@pytest.mark.only_on("postgresql")
def test_results_are_kept_where_they_are_parted_and_joined_again(empty_app: Flask) -> None:
    upgrade()
    make = Factory()
    monitor, location = make.monitor(), make.location()
    days = [datetime(2026, 3, day, 23, 59, tzinfo=UTC) for day in (1, 2)]
    kept = sorted(make.result(monitor, location, checked_at=day).public_id for day in days)
    db.session.remove()

    downgrade()
    assert sorted(db.session.scalars(text("SELECT public_id FROM check_results"))) == kept
    db.session.remove()
    upgrade()
    while partitions.make_day(days[1]):
        db.session.commit()

    assert sorted(db.session.scalars(select(CheckResult.public_id))) == kept
    assert db.session.scalar(text("SELECT count(*) FROM check_results_20260301")) == 1
    assert make.result(monitor, location).id > 2


def test_all_migrations_can_be_taken_back(empty_app: Flask) -> None:
    upgrade()

    downgrade(revision="base")

    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}


@pytest.fixture
def broken_migrations(tmp_path: Path) -> str:
    """The real ones, and one more that fails when half of it is done."""
    folder = copytree(MIGRATIONS, tmp_path / "migrations")
    last = newest_revision()
    names = {"last": last, "next": f"{int(last) + 1:04}"}
    (folder / "versions" / f"{names['next']}_broken.py").write_text(BROKEN.format(**names))
    return str(folder)


def test_a_migration_that_fails_midway_leaves_nothing_behind(
    empty_app: Flask, broken_migrations: str
) -> None:
    upgrade()
    name = Factory().organization().name
    before = schema_of(db.engine)
    db.session.remove()

    with pytest.raises(Exception, match="no_such_table"):
        upgrade(directory=broken_migrations)

    assert schema_of(db.engine) == before
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM organizations")).scalars().all() == [name]
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest_revision()
        )


@pytest.mark.only_on("sqlite")  # which has them switched off meanwhile
def test_foreign_keys_are_checked_again_after_a_migration(empty_app: Flask) -> None:
    upgrade()

    Factory().organization()
    db.session.add(UserCustomer(user_id=1, customer_id=1))
    with pytest.raises(IntegrityError):
        db.session.flush()


class TestInit:
    """`flask init`: the first organization, admin and customer."""

    def test_it_is_made_once(self, migrated_app: Flask) -> None:
        runner = migrated_app.test_cli_runner()

        first, second = runner.invoke(args=["init"]), runner.invoke(args=["init"])

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert "admin@example.com" in first.output
        assert second.output == ""
        assert ENVIRON["ADMIN_PASSWORD"] not in first.output
        assert [db.session.query(table).count() for table in (Organization, User, Customer)] == [1, 1, 1]

    def test_whoever_has_an_organization_keeps_it(self, migrated_app: Flask) -> None:
        Factory().organization()

        migrated_app.test_cli_runner().invoke(args=["init"])

        assert db.session.query(User).count() == 0


def test_readiness_names_what_is_missing(empty_app: Flask) -> None:
    client = empty_app.test_client()

    checks = client.get("/readyz").get_json()["checks"]

    assert checks == {"database": "ok", "migrations": "run `flask --app wsgi db upgrade`"}


def test_a_database_is_behind_until_every_migration_was_run(empty_app: Flask) -> None:
    upgrade(revision="0001")
    assert migrations.is_behind()

    downgrade(revision="base")
    assert migrations.is_behind()


def test_a_database_that_had_every_migration_is_not_behind(migrated_app: Flask) -> None:
    assert not migrations.is_behind()


def test_a_database_that_a_newer_version_migrated_is_not_behind(migrated_app: Flask) -> None:
    db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert not migrations.is_behind()
