"""The way from SQLite to PostgreSQL: all rows of all tables, in one transaction of the new database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Table, func, inspect, select, text

from app.models import Base, CheckResult
from app.services import migrations, partitions
from app.services.backups import BackupError

if TYPE_CHECKING:
    import psycopg

BATCH = 2_000
"""Rows that are read, and told of, at once."""

Progress = Callable[[int], None]


@dataclass
class Digest:
    """Rows counted, and a sum over them that does not depend on their order."""

    rows: int = 0
    total: int = 0

    def add(self, row: tuple[Any, ...]) -> None:
        self.rows += 1
        self.total += int.from_bytes(blake2b(repr(row).encode(), digest_size=16).digest())


def count(source: Connection) -> int:
    """How many rows there are to move."""
    return sum(source.scalar(select(func.count()).select_from(table)) or 0 for table in _tables())


def run(source: Connection, target: Connection, now: datetime, progress: Progress) -> dict[str, int]:
    """Move everything. Returns the number of rows of each table.

    Nobody may write into the source meanwhile. Nothing is in the target unless the caller's transaction is
    committed. Raises BackupError when the target is not empty, or when something is different there.
    """
    _require_newest(source)
    _prepare(target)
    _make_days(source, target, now)
    digests = {table.name: _copy(table, source, target, progress) for table in _tables()}
    _set_sequences(source, target)
    for table in _tables():
        if _digest(table, target) != digests[table.name]:
            raise BackupError(f"the table {table.name} is not the same there; nothing was moved")
    target.execute(text("ANALYZE"))
    return {name: digest.rows for name, digest in digests.items()}


def _tables() -> list[Table]:
    """Those that others refer to come first."""
    return Base.metadata.sorted_tables


def _require_newest(source: Connection) -> None:
    if migrations.current_revision(source) != migrations.newest():
        raise BackupError("the database lacks migrations; run: flask --app wsgi db upgrade")


def _prepare(target: Connection) -> None:
    """Make the tables, unless they are there and empty. Raises BackupError."""
    revision = migrations.current_revision(target)
    if revision is None:
        if names := inspect(target).get_table_names():
            raise BackupError(f"the new database has tables already: {', '.join(sorted(names))}")
        migrations.bring_up(target)
    elif revision != migrations.newest():
        raise BackupError("the new database lacks migrations: take an empty one")
    for table in _tables():
        if target.scalar(select(select(table).exists())):
            raise BackupError(f"the new database has data already, in {table.name}")


def _make_days(source: Connection, target: Connection, now: datetime) -> None:
    """A table for each day of results. What bears a date to come goes to the one for all others."""
    known = set(inspect(target).get_table_names())
    day = func.date(CheckResult.checked_at)
    for found in source.scalars(select(day).distinct().order_by(day)):
        date = datetime.strptime(found, "%Y-%m-%d").replace(tzinfo=UTC).date()
        create, attach = partitions.statements_for(date)
        if date <= now.astimezone(UTC).date() and create.split()[2] not in known:
            target.execute(text(create))
            target.execute(text(attach))


def _copy(table: Table, source: Connection, target: Connection, progress: Progress) -> Digest:
    """Raises BackupError for what PostgreSQL does not take."""
    columns, digest = _stored(table), Digest()
    adapters = [_adapter(column, target) for column in columns]
    names = ", ".join(f'"{column.name}"' for column in columns)
    cursor: psycopg.Cursor[Any] = target.connection.cursor()  # type: ignore[assignment]  # psycopg's own
    try:
        with cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN'.encode()) as copy:
            for rows in _batches(table, source):
                for row in rows:
                    digest.add(row)
                    copy.write_row([adapt(value) for adapt, value in zip(adapters, row, strict=True)])
                progress(len(rows))
    except target.dialect.loaded_dbapi.Error as error:
        # Its whole text quotes the row.
        raise BackupError(f"{table.name}: {error.diag.message_primary or type(error).__name__}") from None
    return digest


def _adapter(column: Column[Any], target: Connection) -> Callable[[Any], Any]:
    """Turns what Python has into what psycopg takes for the column."""
    processor = column.type.dialect_impl(target.dialect).bind_processor(target.dialect)
    return processor or (lambda value: value)


def _digest(table: Table, connection: Connection) -> Digest:
    digest = Digest()
    for rows in _batches(table, connection):
        for row in rows:
            digest.add(row)
    return digest


def _batches(table: Table, connection: Connection) -> Iterator[list[tuple[Any, ...]]]:
    result = connection.execute(select(*_stored(table)), execution_options={"stream_results": True})
    for rows in result.partitions(BATCH):
        yield [tuple(row) for row in rows]


def _stored(table: Table) -> list[Column[Any]]:
    """Without what a database computes by itself."""
    return [column for column in table.columns if column.computed is None]


def _set_sequences(source: Connection, target: Connection) -> None:
    """Also behind the ids of rows that are no more: some must not be given out again."""
    given = {row.name: row.seq for row in source.execute(text("SELECT name, seq FROM sqlite_sequence"))}
    for table in _tables():
        number = table.columns.get("id")
        if number is None:
            continue
        sequence = target.scalar(select(func.pg_get_serial_sequence(table.name, "id")))
        if sequence is not None:
            last = max(target.scalar(select(func.max(number))) or 0, given.get(table.name, 0))
            target.scalar(select(func.setval(sequence, max(last, 1), last > 0)))
