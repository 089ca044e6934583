"""`flask database`: backup, restore, and the way from SQLite to PostgreSQL."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from flask_migrate import upgrade
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from app.cli.actor import one_line_errors
from app.cli.table import table
from app.clock import utcnow
from app.errors import PillarboxError
from app.extensions import db, engine_options
from app.services import locations, postgresql_backup, sqlite_backup, transfer
from app.services.backups import BackupError, Contents
from app.services.scheduler_lock import DatabaseLock
from app.setting_values import database_url

database_group = AppGroup("database", help="Back up, restore and move the database.")

File = click.Path(dir_okay=False, path_type=Path)


@database_group.command("backup")
@click.argument("file", type=File)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
def backup_command(file: Path, overwrite: bool) -> None:
    """Write the whole database into FILE, as it is at one instant. Pillarbox may be at work meanwhile.

    FILE is not there before it is whole. Of PostgreSQL it is what pg_dump writes in its custom format. The
    keys are not in it: keep those that are named elsewhere.

    \b
    flask --app wsgi database backup /var/backups/pillarbox.backup
    """
    with telling():
        if path := _sqlite_file():
            made = sqlite_backup.back_up(path, file, overwrite=overwrite)
        else:
            with db.engine.connect() as connection:
                made = postgresql_backup.back_up(connection, file, overwrite=overwrite)
    click.echo(f"Wrote {file}: {file.stat().st_size} bytes, at migration {made.revision}.")
    _tell_keys(made)


@database_group.command("restore")
@click.argument("file", type=File)
@click.option("--force", is_flag=True, help="Replace what is in the database without asking.")
def restore_command(file: Path, force: bool) -> None:
    """Put the backup FILE in the place of the database. All schedulers have to be stopped.

    It is there as a whole or not at all. An older version's is brought up to date. Messages that were due
    more than 15 minutes ago are not sent, incidents that are still open are reminded of after 15 minutes,
    and everybody has to log in again.

    \b
    flask --app wsgi database restore /var/backups/pillarbox.backup
    """
    with telling():
        if path := _sqlite_file():
            found = _restore_sqlite(file, path, force=force)
        else:
            found = _restore_postgresql(file, force=force)
    if found.is_older:
        click.echo(f"It is at migration {found.revision}: bringing it up to date.")
        with telling():
            upgrade()
    click.echo(f"Restored {file}. Start Pillarbox again.")
    _tell_keys(found)


@database_group.command("transfer")
@click.argument("url", envvar="TRANSFER_URL")
def transfer_command(url: str) -> None:
    """Move everything from the configured SQLite database to the PostgreSQL database at URL, an empty one.

    It happens in one transaction: everything is there in the end, compared row by row, or nothing. The
    scheduler and the web processes have to be stopped. The SQLite database stays as it is.
    A URL with a password is better given as TRANSFER_URL in the environment.

    \b
    flask --app wsgi database transfer postgresql://pillarbox@db.example.com/pillarbox
    """
    with postgresql_engine(url) as target, telling():
        path = _sqlite_file()
        if path is None:
            raise BackupError("the configured database is no SQLite file: there is nothing to move")
        with holding(path):
            # What a web process wrote there afterwards would be left behind.
            sqlite_backup.require_nobody(path)
            moved = _moved(target)
    for line in table(("TABLE", "ROWS"), sorted(moved.items())):
        click.echo(line)
    click.echo("All of them are the same there. Set DATABASE_URL to it, and start Pillarbox again.")


def _moved(target: Engine) -> dict[str, int]:
    with db.engine.connect() as source, target.begin() as connection:
        # From here on nobody writes what would not be moved.
        source.exec_driver_sql("BEGIN IMMEDIATE")
        with click.progressbar(length=transfer.count(source), label="Rows") as bar:
            moved = transfer.run(source, connection, utcnow(), bar.update)
        source.rollback()
    return moved


@contextmanager
def postgresql_engine(url: str) -> Iterator[Engine]:
    """Raises click.BadParameter, which does not quote the URL: it may hold a password."""
    try:
        read = database_url(url)
    except ValueError as error:
        raise click.BadParameter(f"it {error}", param_hint="URL") from None
    if not read.startswith("postgresql"):
        raise click.BadParameter("it is not a postgresql: URL", param_hint="URL")
    engine = create_engine(read, **engine_options(read))
    try:
        yield engine
    finally:
        engine.dispose()


def _restore_sqlite(file: Path, path: Path, *, force: bool) -> Contents:
    found = sqlite_backup.inspected(file)
    with holding(path):
        _require_consent(has_data=sqlite_backup.has_data(path), force=force)
        sqlite_backup.restore(file, path, utcnow())
    return found


def _restore_postgresql(file: Path, *, force: bool) -> Contents:
    with db.engine.connect() as connection:
        found = postgresql_backup.inspected(file, connection)
        _require_no_scheduler(locations.last_heard(connection))
        _require_consent(has_data=postgresql_backup.has_data(connection), force=force)
        postgresql_backup.restore(connection, file, utcnow())
    return found


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Keep schedulers off a SQLite file. Raises LockError when there is one."""
    lock = DatabaseLock(path)
    lock.take()
    try:
        yield
    finally:
        lock.give_back()


def _require_no_scheduler(heard_at: datetime | None) -> None:
    now = utcnow()
    if heard_at is None or heard_at <= now - locations.ACTIVE_FOR:
        return
    seconds = locations.ACTIVE_FOR.total_seconds()
    raise click.ClickException(
        f"a scheduler was heard of {(now - heard_at).total_seconds():.0f} s ago: stop all of them, and wait "
        f"until that is {seconds:.0f} s ago"
    )


def _require_consent(*, has_data: bool, force: bool) -> None:
    if not has_data or force:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("the database has data, which would be lost: say --force if that is meant")
    click.confirm("The database has data, which will be lost. Go on?", abort=True)


def _tell_keys(of: Contents) -> None:
    """Which keys a backup needs; a warning where one of them is not among CREDENTIALS_KEYS."""
    known: Sequence[str] = current_app.config["CONFIG_STORE"].vault.key_ids
    needed = ", ".join(f"{key_id} ({count})" for key_id, count in sorted(of.keys.items()))
    if needed:
        click.echo(
            f"Its secrets need the keys of these ids, which are not in it (and how many each): {needed}."
        )
    if missing := of.missing(known):
        told = f"Not among CREDENTIALS_KEYS: {', '.join(missing)}."
        click.echo(f"{told} What they encrypt cannot be used until they are.", err=True)


def _sqlite_file() -> Path | None:
    """The database's file, to which our own connections are closed; None with PostgreSQL."""
    url = db.engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    db.session.remove()
    db.engine.dispose()
    return Path(url.database).resolve()


@contextmanager
def telling() -> Iterator[None]:
    """Say in one line what keeps the command from being done."""
    try:
        with one_line_errors():
            yield
    except PillarboxError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        raise click.ClickException(f"The database cannot be used ({type(error).__name__}).") from None
