"""Backup and restore of a SQLite file, by SQLite's own means."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from app.services import key_rotation, migrations, restored
from app.services.backups import BackupError, Contents, beginning, contents

MAGIC = b"SQLite format 3\0"
"""What every file of SQLite begins with."""
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database while it is open, or after a crash."""


def back_up(database: Path, file: Path, *, overwrite: bool) -> Contents:
    """Copy the database as it is at one instant, while others write. Nobody is kept from writing.

    The file, for its owner alone, is there when it is whole and has been read through, or not at all.
    Raises BackupError.
    """
    if not database.exists():
        raise BackupError(f"there is no database at {database}")
    if file.exists() and file.samefile(database):
        raise BackupError(f"{file} is the database itself")
    with draft_of(file, overwrite=overwrite) as draft:
        _copy(database, draft)
        with _opened(draft) as connection:
            return _read(connection)


def inspected(file: Path) -> Contents:
    """What is in a backup. Raises BackupError when it is none, or not whole."""
    with _opened(file) as connection:
        return _read(connection)


def restore(file: Path, database: Path, now: datetime) -> Contents:
    """Put the backup in the place of the database, in one step. The scheduler's lock is held by the caller.

    Raises BackupError, and nothing has changed then; also when another process has the database open.
    """
    with draft_of(database, overwrite=True, within=lambda: _alone(database)) as draft:
        _own_as(draft, database)
        _copy(file, draft)
        found = inspected(draft)
        with _opened(draft) as connection, connection.begin():
            for statement in restored.statements(now, inspect(connection).get_table_names()):
                connection.execute(statement)
    return found


def _own_as(draft: Path, database: Path) -> None:
    """Root may restore what the service has to open: as the file that is replaced, or as its folder."""
    is_there = database.exists()
    found = database.stat() if is_there else database.parent.stat()
    descriptor = os.open(draft, os.O_RDWR | os.O_NOFOLLOW)
    try:
        with suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)
        if is_there:
            os.fchmod(descriptor, found.st_mode & 0o777)
    finally:
        os.close(descriptor)


def has_data(database: Path) -> bool:
    """Whether something would be lost; what cannot be read may be something too."""
    if not database.exists() or not database.stat().st_size:
        return False
    try:
        with closing(_connect(database)) as connection:
            known = "SELECT 1 FROM sqlite_master WHERE name = 'organizations'"
            is_migrated = connection.execute(known).fetchone()
            return bool(is_migrated and connection.execute("SELECT 1 FROM organizations").fetchone())
    except sqlite3.Error:
        return True


@contextmanager
def draft_of(
    file: Path, *, overwrite: bool, within: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[Path]:
    """A new file beside this one, for its owner alone, which takes its place when the block has ended well.

    It takes it inside `within`, when it is on the disk already.
    Raises BackupError when there is one already, or when none can be written.
    """
    if file.exists() and not overwrite:
        raise BackupError(f"{file} exists already")
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
        _sync(draft)
        with within():
            if overwrite:
                draft.replace(file)
            else:
                os.link(draft, file)
            _sync(file.parent)
    except OSError as error:
        raise BackupError(f"cannot write {file}: {error.strerror}") from None
    finally:
        for suffix in ("", *BESIDE):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until what was written is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    try:
        with closing(_connect(source)) as opened, closing(sqlite3.connect(target)) as copy:
            # All pages in one step: one transaction that reads, which in WAL mode holds up no writer.
            opened.backup(copy)
            # One file that holds everything, and no other beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"cannot copy {source}: {error}") from None


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=10)


@contextmanager
def _opened(file: Path) -> Iterator[Connection]:
    """Raises BackupError for what is no database of SQLite."""
    if beginning(file) != MAGIC:
        raise BackupError(f"{file} is no database of SQLite")
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _read(connection: Connection) -> Contents:
    """Read it through. Raises BackupError when something is broken."""
    try:
        faults = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        strays = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except DatabaseError as error:
        raise BackupError(f"it is broken: {error.orig}") from None
    if faults != ["ok"] or strays:
        raise BackupError(f"it is broken: {faults[0] if faults != ['ok'] else strays[0]}")
    counted = sum(key_rotation.count(connection).values(), Counter())
    return contents(migrations.current_revision(connection), counted)


def require_nobody(database: Path) -> None:
    """Raises BackupError when a process has the database open."""
    if database.exists():
        _held(database).close()


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Keep everybody else off the database while another file takes its place.

    Raises BackupError when a process has it open: it would go on with what is gone.
    """
    if not database.exists():
        _remove_beside(database)
        yield
        return
    # The file is opened only when nobody else of this process has it open either: to close it ends the locks
    # of all of them (fcntl(2)), and others would then remove the WAL under their feet.
    with closing(_held(database)), database.open("r+b", buffering=0) as old:
        _remove_beside(database)
        yield
        if not os.fstat(old.fileno()).st_nlink:
            # Whoever waits for our lock has opened what is gone: let it be no database any more.
            old.write(bytes(len(MAGIC)))


def _held(database: Path) -> sqlite3.Connection:
    """A connection that keeps everybody else off. Raises BackupError when a process has the database open.

    Nobody can leave WAL mode while others are there; and while we write without WAL, nobody can read, write,
    or go back to it. A file that is no database is nobody's.
    """
    connection = sqlite3.connect(database, timeout=0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        # Somebody may have come and gone back to WAL between the two.
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    except sqlite3.OperationalError:
        mode = "locked"
    except sqlite3.DatabaseError:
        mode = "delete"
    if mode != "delete":
        connection.close()
        raise BackupError(f"a process has {database} open: stop the web processes first")
    return connection


def _remove_beside(database: Path) -> None:
    """What belongs to another database than the one that is about to be there."""
    for suffix in BESIDE:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
