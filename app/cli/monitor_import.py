"""`flask monitors import`: a CSV file of mailboxes becomes monitors."""

import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.cli.actor import command_actor, committing, config_store, one_line_errors, organization_option
from app.cli.import_plan import Plan, Planner
from app.cli.parameters import Reference
from app.clock import utcnow
from app.documents.mailbox_csv import CsvError, Line, Table, read_table
from app.extensions import db
from app.services import customers, monitor_import
from app.services.access import Actor

SLICE = 100
"""So many in one transaction: on SQLite nobody else writes meanwhile, the scheduler neither."""
BREATH_SECONDS = 0.02
"""Between two slices, for whoever waits to write."""
SHOWN = 50
"""So many refused lines are told; more would only bury the first."""
INTERRUPTED = 130


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--customer", type=Reference(), help="Customer (number or UUID) of lines that name none.")
@organization_option
@click.option("--dry-run", is_flag=True, help="Look at every line and import none.")
@click.option("--skip-errors", is_flag=True, help="Import the good lines though others are wrong.")
@click.option(
    "--error-report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the refused lines there, with a column that says what is wrong.",
)
@click.pass_context
@with_appcontext
def import_command(
    ctx: click.Context,
    /,
    *,
    file: BinaryIO,
    customer: int | UUID | None,
    organization: int | None,
    dry_run: bool,
    skip_errors: bool,
    error_report: Path | None,
) -> None:
    """Make monitors of the mailboxes in FILE, a CSV file; `-` reads the standard input.

    The first line names the columns, which are called as the keys of the API: name, hostname, port,
    protocol, user, password, tls, startTls, customerId or customerName, checkInterval and so on.
    Commas or semicolons, UTF-8. When any line is wrong nothing is imported, unless --skip-errors is
    given. A mailbox that its customer has already is passed over, so a file can be imported again.
    Ends with 1 when lines were refused.

    \b
    Examples:
      flask --app wsgi monitors import mailboxes.csv --customer 10 --dry-run
      flask --app wsgi monitors import mailboxes.csv --skip-errors --error-report refused.csv
    """
    actor = command_actor(organization)
    table = _read(file, error_report)
    plan = _plan(actor, customer, table)
    _tell_refused(plan)
    if error_report:
        _write_report(error_report, table.report(plan.refused))
    if dry_run or (plan.refused and not skip_errors):
        click.echo(_summary(plan, f"{len(plan.good)} would be imported"))
    else:
        click.echo(_summary(plan, f"{_add(actor, plan.good)} imported"))
    if plan.refused and not skip_errors and not dry_run:
        click.echo("Nothing is imported: mend the refused lines, or give --skip-errors.", err=True)
    ctx.exit(1 if plan.refused else 0)


def _read(file: BinaryIO, error_report: Path | None) -> Table:
    try:
        if error_report and _is_same(file, error_report):
            raise click.UsageError("--error-report would overwrite the file that is imported.")
        table = read_table(file.read())
    except (CsvError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise click.ClickException(f"{reason}") from None
    if table.has_passwords and _is_open_to_all(file):
        click.echo("Warning: every user of this machine can read the passwords in this file.", err=True)
    return table


def _is_same(file: BinaryIO, other: Path) -> bool:
    return other.exists() and os.path.samestat(os.fstat(file.fileno()), other.stat())


def _is_open_to_all(file: BinaryIO) -> bool:
    try:
        mode = os.fstat(file.fileno()).st_mode
    except OSError:
        return False  # no file at all
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


def _plan(actor: Actor, customer: int | UUID | None, table: Table) -> Plan:
    with one_line_errors():
        default = None if customer is None else customers.find(actor, customer, actor.organization_id).id
        known = monitor_import.known(actor.organization_id)
    db.session.rollback()  # what follows takes a while and asks no database
    with _progress("Reading", len(table.lines)) as bar:
        return Planner(config_store(), known, default).plan(table, _counting(table.lines, bar))


def _counting(lines: Sequence[Line], bar: Any) -> Iterator[Line]:
    for line in lines:
        yield line
        bar.update(1)


def _add(actor: Actor, wanted: Sequence[dict[str, Any]]) -> int:
    """Slice by slice; what is in stays in, whatever ends it."""
    added, rest = 0, iter(wanted)
    try:
        with _progress("Importing", len(wanted)) as bar:
            while some := list(islice(rest, SLICE)):
                with committing():
                    monitor_import.add(actor, config_store(), some, utcnow())
                db.session.expunge_all()
                added += len(some)
                bar.update(len(some))
                time.sleep(BREATH_SECONDS)
    except KeyboardInterrupt:
        db.session.rollback()
        click.echo(f"\nInterrupted: {_so_far(added, wanted)}", err=True)
        raise SystemExit(INTERRUPTED) from None
    except click.ClickException as error:
        raise click.ClickException(f"{error.message} {_so_far(added, wanted)}") from None
    return added


def _so_far(added: int, wanted: Sequence[Any]) -> str:
    return f"{added} of {len(wanted)} are imported; import the file again for the others."


@contextmanager
def _progress(label: str, length: int) -> Iterator[Any]:
    """A bar at a terminal, drawn a hundred times at most."""
    with click.progressbar(
        length=length,
        label=label,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
        show_pos=True,
        update_min_steps=max(length // 100, 1),
    ) as bar:
        yield bar
        bar.update_min_steps = 1
        bar.update(0)


def _tell_refused(plan: Plan) -> None:
    for line, fault in plan.refused[:SHOWN]:
        click.echo(f"line {line.number}: {fault}", err=True)
    if len(plan.refused) > SHOWN:
        click.echo(f"... and {len(plan.refused) - SHOWN} lines more; --error-report has them all", err=True)
    for line in plan.namesakes:
        click.echo(
            f"line {line.number}: name is that of a monitor of another mailbox, so it is passed over",
            err=True,
        )


def _write_report(path: Path, text: str) -> None:
    """With mode 600 from the start: there are passwords in it."""
    try:
        with open(path, "w", encoding="utf-8", opener=_open_for_owner) as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"--error-report cannot be written: {error.strerror}") from None


def _open_for_owner(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _summary(plan: Plan, done: str) -> str:
    existing = plan.existing + len(plan.namesakes)
    return f"{done}, {existing} exist and are passed over, {len(plan.refused)} refused."
