"""`flask tokens`: list, make and revoke API tokens."""

from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup

from app.cli.actor import command_actor, committing, one_line_errors, organization_option
from app.cli.parameters import Line, Reference
from app.cli.table import table
from app.clock import to_iso, utcnow
from app.domain.bounds import MAX_TOKEN_DAYS
from app.services import api_tokens
from app.services.pages import EVERYTHING

HEADER = ("ID", "NAME", "BEGINS WITH", "CUSTOMER", "EXPIRES", "LAST USED")

tokens_group = AppGroup("tokens", help="List, make and revoke API tokens.")


@tokens_group.command("list")
@click.option("--customer", type=Reference(), help="Those of this customer alone.")
@organization_option
def list_command(customer: int | UUID | None, organization: int | None) -> None:
    """List the API tokens of an organization and of its customers.

    \b
    flask --app wsgi tokens list
    flask --app wsgi tokens list --customer 10
    """
    actor = command_actor(organization)
    with one_line_errors():
        page = api_tokens.list_page(actor, page=1, per_page=EVERYTHING, customer_id=customer)
        rows = [_row(token) for token in page.items]
    for line in table(HEADER, rows):
        click.echo(line)


@tokens_group.command("create")
@click.argument("name", type=Line())
@click.option("--customer", type=Reference(), help="For this customer alone; without it, for all.")
@click.option("--expires-in-days", type=click.IntRange(1, MAX_TOKEN_DAYS), metavar="N")
@organization_option
def create_command(
    name: str, customer: int | UUID | None, expires_in_days: int | None, organization: int | None
) -> None:
    """Make an API token called NAME and print it, this once.

    The token alone goes to the standard output, so that a script can take it.

    \b
    flask --app wsgi tokens create Deployment --expires-in-days 90
    TOKEN=$(flask --app wsgi tokens create Dashboard --customer 10)
    """
    actor = command_actor(organization)
    with committing():
        token = api_tokens.create(
            actor, now=utcnow(), name=name, customer_id=customer, expires_in_days=expires_in_days
        )
    click.echo(f"Made the token {token.row.id}. It is shown here and never again:", err=True)
    click.echo(token.text)


@tokens_group.command("revoke")
@click.argument("token", type=Reference())
def revoke_command(token: int | UUID) -> None:
    """Revoke the API token with the number or UUID TOKEN; it is worth nothing from now on.

    \b
    flask --app wsgi tokens revoke 3
    """
    actor = command_actor(None)
    with committing():
        api_tokens.delete(actor, str(token), now=utcnow())
    click.echo(f"Revoked the token {token}.")


def _row(token: Any) -> tuple[Any, ...]:
    customer = token.customer.name if token.customer else "all"
    dates = (instant and to_iso(instant) for instant in (token.expires_at, token.last_used_at))
    return (token.id, token.name, token.token_hint, customer, *dates)
