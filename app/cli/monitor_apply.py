"""`flask monitors export | apply | schema`: monitors as a file (docs/monitors-as-code.md)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
from flask.cli import with_appcontext

from app.cli.actor import command_actor, committing, config_store, one_line_errors, organization_option
from app.cli.parameters import Reference as ReferenceParameter
from app.cli.plugin import VerdictCommand
from app.cli.secret_references import look_up
from app.clock import utcnow
from app.documents import monitors_file, yaml_text
from app.documents.monitors_file import MonitorsFile
from app.documents.monitors_schema import json_schema
from app.documents.yaml_text import YamlError, YamlText
from app.domain.secret_references import Suggestions
from app.domain.secrets import MASK
from app.errors import RequestError
from app.services import monitor_export, monitor_plan
from app.services.access import Actor
from app.services.monitor_plan import Change, Plan

HEADING = """\
# Written by `flask --app wsgi monitors export`; `flask --app wsgi monitors apply FILE` makes it so again.
# Secrets stand in variables of the environment; where one is missing, the stored secret is kept.
"""
DIFFERENT = 2
"""How `--dry-run` ends when there is something to do."""
SHOWN_REASONS = 20
SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}


@click.command("export")
@click.option("--customer", type=ReferenceParameter(), help="Only this customer's (number or UUID).")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write there instead of to the terminal.",
)
@organization_option
@with_appcontext
def export_command(customer: int | UUID | None, output: Path | None, organization: int | None) -> None:
    """Print the monitors as YAML, to be kept in version control. No secret is in it.

    Each secret becomes a reference to a variable of the environment, with `else: keep`: applied without
    that variable, the file leaves the stored secret as it is.

    \b
    Examples:
      flask --app wsgi monitors export --output monitors.yaml
      flask --app wsgi monitors export --customer 10
    """
    actor = command_actor(organization)
    names = Suggestions()
    with one_line_errors():
        found = monitor_export.export(
            actor,
            config_store(),
            lambda config, monitor: names.referring(config, monitor.name, monitor.public_id),
            organization_id=actor.organization_id,
            customer_id=customer,
        )
    for public_id in found.unreadable:
        click.echo(f"The config of {public_id} cannot be decrypted and is left out.", err=True)
    text = HEADING + yaml_text.write(monitors_file.document_of(found.entries, found.customers))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@click.command("apply", cls=VerdictCommand)
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Show what would be done, do nothing, end with 2 if anything.")
@click.option("--prune", is_flag=True, help="Delete the monitors that the file does not name.")
@organization_option
@click.pass_context
@with_appcontext
def apply_command(
    ctx: click.Context, /, file: BinaryIO, dry_run: bool, prune: bool, organization: int | None
) -> None:
    """Make the monitors what FILE says; `-` reads the standard input.

    The whole file is judged first; when anything is wrong, each fault is told with its line and nothing is
    done. Otherwise the differences are shown and all of them are made, or none. Applied again, a file
    changes nothing. Monitors that it does not name stay, unless --prune is given.

    Ends with 0 when it is done or nothing was to be done, with 1 when something is wrong, the command
    itself included, and under --dry-run with 2 when there is something to do.

    \b
    Examples:
      flask --app wsgi monitors apply monitors.yaml --dry-run
      flask --app wsgi monitors apply monitors.yaml --prune
      flask --app wsgi monitors export | flask --app wsgi monitors apply -
    """
    actor = command_actor(organization)
    text = _read(file)
    document = monitors_file.read(text.value, look_up(_folder(file)))
    _require_no_faults(file.name, text, document, document.faults.told())
    now = utcnow()
    try:
        plan = _plan(actor, document, prune=prune)
    except RequestError as error:
        _require_no_faults(file.name, text, document, error.faults or {"": [error.message]})
        raise
    for line in _told(plan):
        click.echo(line)
    if not dry_run:
        with committing():
            monitor_plan.carry_out(actor, plan, now=now)
    click.echo(_summary(plan, is_dry_run=dry_run))
    for line in _kept(document):
        click.echo(line, err=True)
    ctx.exit(DIFFERENT if dry_run and not plan.is_empty else 0)


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of the file that `apply` reads, for editors.

    \b
    Example:
      flask --app wsgi monitors schema > monitors.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))


def _read(file: BinaryIO) -> YamlText:
    try:
        data = file.read(yaml_text.MAX_BYTES + 1)
        if len(data) > yaml_text.MAX_BYTES:
            raise click.ClickException(f"{file.name} has more than {yaml_text.MAX_BYTES:,} bytes.")
        return yaml_text.read(data.decode("utf-8-sig"))
    except OSError as error:
        raise click.ClickException(f"{file.name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        # The error would quote what it could not decode.
        raise click.ClickException(f"{file.name} is no UTF-8 text.") from None
    except YamlError as error:
        where = f":{error.line}" if error.line else ""
        raise click.ClickException(f"{file.name}{where}: {error}") from None


def _folder(file: BinaryIO) -> Path:
    """Where the paths of references begin: beside the file."""
    return Path() if file.name in {"-", "<stdin>"} else Path(file.name).parent


def _plan(actor: Actor, document: MonitorsFile, *, prune: bool) -> Plan:
    return monitor_plan.make(
        actor,
        config_store(),
        document.monitors,
        now=utcnow(),
        customers=document.customers,
        prune=prune,
        allow_empty=document.allow_empty,
    )


def _require_no_faults(name: str, text: YamlText, document: MonitorsFile, faults: Mapping[str, Any]) -> None:
    """Tell each fault with its line. Raises click.ClickException when there is one."""
    if not faults:
        return
    lines = sorted((text.line_of(path) or 0, path, sentence) for path in faults for sentence in faults[path])
    for line, path, sentence in lines:
        why = f": {document.kept[path]}" if path in document.kept else ""
        click.echo(f"{name}:{line}: {path or 'the document'} {sentence}{why}", err=True)
    raise click.ClickException("Nothing was changed.")


def _kept(document: MonitorsFile) -> Iterator[str]:
    """Which stored secrets a run has left alone, and why: somebody may have meant to change them."""
    if document.kept:
        yield f"{len(document.kept)} stored secrets are kept, because their references lead nowhere:"
        reasons = list(dict.fromkeys(document.kept.values()))
        yield from (f"    {reason}" for reason in reasons[:SHOWN_REASONS])
        if len(reasons) > SHOWN_REASONS:
            yield f"    and {len(reasons) - SHOWN_REASONS} more"


def _told(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        sign, colour = SIGNS[change.action]
        head = f"{sign} {change.name} ({change.customer.name}, {change.public_id})"
        yield click.style(head, fg=colour)
        yield from (f"    {line}" for line in _fields(change))


def _fields(change: Change) -> Iterator[str]:
    for path, values in change.changes.items():
        before, after = values["before"], values["after"]
        if MASK in (before, after):
            yield f"{path}: {_secret_change(before, after)}"
        elif change.action == "create":
            yield f"{path}: {_value(after)}"
        else:
            yield f"{path}: {_value(before)} → {_value(after)}"


def _secret_change(before: Any, after: Any) -> str:
    if before is None:
        return "(secret)"
    return "(secret) removed" if after is None else "(secret) changed"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _summary(plan: Plan, *, is_dry_run: bool) -> str:
    counts = plan.counts()
    if plan.is_empty:
        return f"Nothing to do: {plan.unchanged} monitors are as the file says."
    verb = "would be" if is_dry_run else "were"
    parts = f"{counts['create']} {verb} created, {counts['change']} changed, {counts['delete']} deleted"
    return f"{parts}; {plan.unchanged} are as the file says."
