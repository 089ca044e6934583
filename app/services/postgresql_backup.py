"""Backup and restore of a PostgreSQL database, by pg_dump, pg_restore and psql."""

import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Dialect, inspect, text
from sqlalchemy.dialects import postgresql

from app.crypto import key_id_in
from app.models import Base
from app.services import key_rotation, partitions, restored
from app.services.backups import BackupError, Contents, beginning, contents
from app.services.key_rotation import UNREADABLE
from app.services.postgresql_tools import find, input_of, output_of, place, run
from app.services.sqlite_backup import draft_of

MAGIC = b"PGDMP"
"""What a file of `pg_dump --format=custom` begins with."""
PLAIN = ("--no-owner", "--no-privileges")
LOCK_TIMEOUT = "10s"
"""How long a restore waits for who uses the tables at this moment."""
REVISIONS = "alembic_version"
SECRETS = {column.table.name: column.name for column in key_rotation.COLUMNS.values()}
_COPY = re.compile(r"COPY (?:\w+\.)?(?P<table>\w+) \((?P<columns>[^)]*)\) FROM stdin;")


def back_up(connection: Connection, file: Path, *, overwrite: bool) -> Contents:
    """Dump the database as it is at one instant, while others write.

    The file, for its owner alone, is there when it is whole and has been read through, or not at all.
    Raises BackupError.
    """
    program = find("pg_dump", _server(connection))
    url = connection.engine.url
    with draft_of(file, overwrite=overwrite) as draft:
        run([program, "--format=custom", *PLAIN, "--no-password", f"--file={draft}", place(url)], url)
        return inspected(draft, connection)


def inspected(file: Path, connection: Connection) -> Contents:
    """What is in a backup, read through to its end. Raises BackupError when it is none, or not whole."""
    if not beginning(file).startswith(MAGIC):
        raise BackupError(f"{file} is no backup of PostgreSQL")
    program = find("pg_restore", _server(connection))
    run([program, "--file=/dev/null", str(file)])
    wanted = [f"--table={name}" for name in (REVISIONS, *SECRETS)]
    revision, keys = None, Counter[str]()
    with output_of([program, "--data-only", "--file=-", *wanted, str(file)]) as lines:
        for table, row in _rows(line.decode() for line in lines):
            if table == REVISIONS:
                revision = row["version_num"]
            elif (sealed := row[SECRETS[table]]) != r"\N":
                keys[key_id_in(sealed) or UNREADABLE] += 1
    return contents(revision, keys)


def _rows(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Table and columns of each row, as COPY writes them; what we ask for needs none of its escapes."""
    table, columns = None, list[str]()
    for line in lines:
        if begun := _COPY.match(line):
            table, columns = begun["table"], begun["columns"].split(", ")
        elif line.startswith("\\."):
            table = None
        elif table:
            yield table, dict(zip(columns, line.rstrip("\n").split("\t"), strict=True))


def restore(connection: Connection, file: Path, now: datetime) -> None:
    """Put the backup in the place of all that is there, in one transaction.

    Raises BackupError, and nothing has changed then.
    """
    server, url, dropped = _server(connection), connection.engine.url, _ours(connection)
    connection.rollback()  # or what we hold ourselves would be waited for
    dump = find("pg_restore", server)
    after = _after(now, _tables_in(dump, file))
    options = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
    with input_of([find("psql", server), *options, place(url)], url) as psql:
        psql.write(_before(dropped).encode())
        with output_of([dump, *PLAIN, "--file=-", str(file)]) as script:
            shutil.copyfileobj(script, psql)
        # Without the last line nothing counts: so when reading the backup fails midway, or we are killed.
        psql.write(f"RESET search_path;\n{after}COMMIT;\n".encode())


def _before(dropped: Iterable[str]) -> str:
    names = ", ".join(f'"{name}"' for name in dropped)
    drop = f"DROP TABLE {names} CASCADE;\n" if names else ""
    return f"SET client_min_messages = warning;\nBEGIN;\nSET LOCAL lock_timeout = '{LOCK_TIMEOUT}';\n{drop}"


def _after(now: datetime, tables: Collection[str]) -> str:
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    literal = {"literal_binds": True}
    compiled = (
        one.compile(dialect=dialect, compile_kwargs=literal) for one in restored.statements(now, tables)
    )
    return "".join(f"{one};\n" for one in compiled)


def _tables_in(dump: str, file: Path) -> list[str]:
    listed = run([dump, "--list", str(file)])
    return re.findall(r"^\d+; \d+ \d+ TABLE \S+ (\S+) ", listed, flags=re.MULTILINE)


def _ours(connection: Connection) -> list[str]:
    """The tables that go when a backup comes. Raises BackupError when others are there too.

    They may be a newer version's, and would be in its way later; or somebody else's.
    """
    names = inspect(connection).get_table_names()
    known = {*Base.metadata.tables, REVISIONS}
    others = [name for name in names if name not in known and not name.startswith(partitions.PARENT)]
    if others:
        told = ", ".join(sorted(others))
        raise BackupError(
            f"tables are there that this version does not know ({told}): take an empty database"
        )
    return names


def has_data(connection: Connection) -> bool:
    """Whether something would be lost."""
    if not inspect(connection).has_table("organizations"):
        return False
    return bool(connection.scalar(text("SELECT EXISTS (SELECT 1 FROM organizations)")))


def _server(connection: Connection) -> int:
    """The server's major version."""
    return int(connection.scalar(text("SHOW server_version_num"))) // 10_000
