"""`flask organizations`: list, add and change organizations."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask.cli import AppGroup

from app.cli.actor import command_actor, committing, one_line_errors, organization_option
from app.cli.parameters import Line, TimeZone
from app.cli.table import table
from app.clock import utcnow
from app.domain.bounds import MAX_CHECKS, MAX_REMINDER_MINUTES
from app.domain.enums import Language
from app.services import organizations
from app.services.pages import EVERYTHING

Command = TypeVar("Command", bound=Callable[..., Any])

_COUNT = click.IntRange(1, MAX_CHECKS)
_SETTINGS = (
    click.option("--language", type=click.Choice([language.value for language in Language])),
    click.option("--time-zone", type=TimeZone(), help="A name of the IANA database: Europe/Berlin."),
    click.option("--alert-consecutive-checks", type=_COUNT, help="Failures in a row before an alert."),
    click.option("--recovery-consecutive-checks", type=_COUNT, help="Successes in a row before it is over."),
    click.option("--alert-location-threshold-count", type=_COUNT, help="Locations that must agree."),
    click.option("--alert-reminder-minutes", type=click.IntRange(1, MAX_REMINDER_MINUTES)),
)

HEADER = ("ID", "PUBLIC ID", "NAME", "LANGUAGE", "TIME ZONE")

organizations_group = AppGroup("organizations", help="List, add and change organizations.")


def setting_options(command: Command) -> Command:
    """An option for each setting that the customers of an organization inherit."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


@organizations_group.command("list")
@click.option("--search", default="", metavar="TEXT", help="Part of the name.")
def list_command(search: str) -> None:
    """List all organizations.

    \b
    flask --app wsgi organizations list
    flask --app wsgi organizations list --search agency
    """
    with one_line_errors():
        page = organizations.list_page(page=1, per_page=EVERYTHING, search=search)
        rows = [(row.id, row.public_id, row.name, row.language, row.time_zone) for row in page.items]
    for line in table(HEADER, rows):
        click.echo(line)


@organizations_group.command("create")
@click.argument("name", type=Line())
@setting_options
def create_command(name: str, **options: Any) -> None:
    """Add the organization NAME.

    \b
    flask --app wsgi organizations create "Example Agency"
    flask --app wsgi organizations create "Beispiel GmbH" --language de --time-zone Europe/Berlin
    """
    actor = command_actor(None)
    with committing():
        made = organizations.create(actor, now=utcnow(), name=name, **_given(options))
    click.echo(f"Made the organization {made.name} with the id {made.id}.")


@organizations_group.command("update")
@organization_option
@click.option("--name", type=Line())
@setting_options
def update_command(organization: int | None, **options: Any) -> None:
    """Change settings of an organization.

    \b
    flask --app wsgi organizations update --name "Example Agency"
    flask --app wsgi organizations update --organization 2 --alert-reminder-minutes 30
    """
    values = _given(options)
    if not values:
        raise click.UsageError("Nothing to change: name at least one setting.")
    actor = command_actor(organization)
    with committing():
        changed = organizations.update(actor, now=utcnow(), **values)
    click.echo(f"The organization {changed.name} with the id {changed.id} is as you said.")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in options.items() if value is not None}
    return {name: Language(value) if name == "language" else value for name, value in values.items()}
