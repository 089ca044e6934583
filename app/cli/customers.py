"""`flask customers`: list and add customers."""

import click
from flask.cli import AppGroup

from app.cli.actor import command_actor, committing, one_line_errors, organization_option
from app.cli.parameters import EmailAddress, Line
from app.cli.table import table
from app.clock import utcnow
from app.services import customers
from app.services.pages import EVERYTHING

HEADER = ("ID", "PUBLIC ID", "NAME", "E-MAIL", "STATUS")

customers_group = AppGroup("customers", help="List and add customers.")


@customers_group.command("list")
@click.option("--search", default="", metavar="TEXT", help="Part of the name.")
@organization_option
def list_command(search: str, organization: int | None) -> None:
    """List the customers of an organization.

    \b
    flask --app wsgi customers list
    flask --app wsgi customers list --organization 2 --search example
    """
    actor = command_actor(organization)
    with one_line_errors():
        page = customers.list_page(actor, page=1, per_page=EVERYTHING, search=search)
        rows = [(row.id, row.public_id, row.name, row.email, row.status) for row in page.items]
    for line in table(HEADER, rows):
        click.echo(line)


@customers_group.command("create")
@click.argument("name", type=Line())
@click.option("--email", type=EmailAddress())
@organization_option
def create_command(name: str, email: str | None, organization: int | None) -> None:
    """Add the customer NAME.

    \b
    flask --app wsgi customers create "Example Customer"
    flask --app wsgi customers create "Example Customer" --email ops@example.com --organization 2
    """
    actor = command_actor(organization)
    with committing():
        made = customers.create(actor, now=utcnow(), name=name, email=email)
    click.echo(f"Made the customer {made.name} with the id {made.id}.")
