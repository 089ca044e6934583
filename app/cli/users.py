"""`flask users`: the people who sign in, managed from the command line."""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol, TypeVar

import click
from flask.cli import AppGroup

from app.cli.actor import command_actor, committing, one_line_errors, organization_option
from app.cli.parameters import EmailAddress, Line, Reference
from app.cli.passwords import new_password
from app.cli.table import table
from app.clock import utcnow
from app.domain.enums import Role
from app.services import users
from app.services.access import Actor

Command = TypeVar("Command", bound=Callable[..., Any])

HEADER = ("ID", "E-MAIL", "ROLE", "STATE", "CUSTOMERS", "NAME")
PER_PAGE = 200
ROLES = click.Choice([role.value for role in Role])


class UserLike(Protocol):
    """What is shown of a user."""

    id: int
    email: str
    first_name: str | None
    last_name: str | None
    role: Role
    is_active: bool

    @property
    def customer_ids(self) -> list[int] | None: ...


def password_options(command: Command) -> Command:
    """Where a new password comes from; without either option it is asked for."""
    file = click.option(
        "--password-file", type=click.File("rb"), help="File with the password; `-` reads it from stdin."
    )
    generate = click.option("--generate", is_flag=True, help="Make a password up and print it, once.")
    return file(generate(command))


def customer_option(command: Command) -> Command:
    return click.option(
        "--customer",
        "customers",
        type=Reference(),
        multiple=True,
        help="Restrict the user to this customer (number or UUID); may be given more than once.",
    )(command)


user_argument = click.argument("user")
users_group = AppGroup(
    "users", help="Manage the people who sign in. USER is an e-mail address, a number or a UUID."
)


@users_group.command("list")
@organization_option
@click.option("--search", default="", help="Part of the e-mail address or of a name.")
def list_command(organization: int | None, search: str) -> None:
    """Show the users of an organization.

    \b
    Example: flask --app wsgi users list --search example.com
    """
    with one_line_errors():
        rows = [_row(user) for user in _all(command_actor(organization), search)]
    for line in table(HEADER, rows):
        click.echo(line)


@users_group.command("create")
@click.argument("email", type=EmailAddress())
@click.option("--role", type=ROLES, required=True)
@click.option("--first-name", type=Line())
@click.option("--last-name", type=Line())
@customer_option
@password_options
@organization_option
def create_command(
    *,
    organization: int | None,
    role: str,
    customers: tuple[Any, ...],
    password_file: BinaryIO | None,
    generate: bool,
    **fields: Any,
) -> None:
    """Add a user with the address EMAIL, for all customers unless some are named.

    \b
    Example: flask --app wsgi users create ada@example.com --role editor --customer 10 --generate
    """
    actor = command_actor(organization)
    password = new_password(password_file, generate=generate)
    with committing():
        user = users.create(
            actor,
            now=utcnow(),
            role=Role(role),
            customer_ids=list(customers) or None,
            password=password,
            **fields,
        )
    click.echo(f"Made user {user.id}, {user.email}, as {user.role}.")
    _show(password, was_generated=generate)


@users_group.command("update")
@user_argument
@click.option("--email", type=EmailAddress())
@click.option("--role", type=ROLES)
@click.option("--first-name", type=Line())
@click.option("--last-name", type=Line())
@customer_option
@click.option("--all-customers", is_flag=True, help="Lift the restriction to some customers.")
def update_command(
    *, user: str, role: str | None, customers: tuple[Any, ...], all_customers: bool, **options: Any
) -> None:
    """Change what is given of USER, and keep the rest. The customers given replace those before.

    \b
    Example: flask --app wsgi users update ada@example.com --role admin --all-customers
    """
    if customers and all_customers:
        raise click.UsageError("--customer and --all-customers exclude each other.")
    changes = {name: value for name, value in options.items() if value is not None}
    if role:
        changes["role"] = Role(role)
    if customers or all_customers:
        changes["customer_ids"] = list(customers) or None
    if not changes:
        raise click.UsageError("Nothing to change: give at least one option.")
    click.echo(f"Updated {_update(user, **changes)}.")


@users_group.command("set-password")
@user_argument
@password_options
def set_password_command(user: str, password_file: BinaryIO | None, generate: bool) -> None:
    """Give USER another password, and end all sessions of USER.

    \b
    Example: flask --app wsgi users set-password ada@example.com --password-file -
    """
    password = new_password(password_file, generate=generate)
    click.echo(f"Set the password of {_update(user, password=password)}; all sessions have ended.")
    _show(password, was_generated=generate)


@users_group.command("disable")
@user_argument
def disable_command(user: str) -> None:
    """Keep USER from signing in, and end all sessions of USER.

    \b
    Example: flask --app wsgi users disable ada@example.com
    """
    click.echo(f"Disabled {_update(user, is_active=False)}; all sessions have ended.")


@users_group.command("enable")
@user_argument
def enable_command(user: str) -> None:
    """Let USER sign in again.

    \b
    Example: flask --app wsgi users enable ada@example.com
    """
    click.echo(f"Enabled {_update(user, is_active=True)}.")


@users_group.command("delete")
@user_argument
@click.confirmation_option(prompt="Remove this user for good?")
def delete_command(user: str) -> None:
    """Remove USER for good.

    \b
    Example: flask --app wsgi users delete ada@example.com --yes
    """
    actor = command_actor(None)
    with committing():
        users.delete(actor, _identifier(actor, user), now=utcnow())
    click.echo(f"Removed {user}.")


def _update(user: str, **changes: Any) -> str:
    """Returns the address of the user who was changed."""
    actor = command_actor(None)
    with committing():
        return users.update(actor, _identifier(actor, user), now=utcnow(), **changes).email


def _identifier(actor: Actor, user: str) -> str:
    """As the services take it: they know users by number and UUID only."""
    return str(users.get_by_email(actor, user).id) if "@" in user else user


def _all(actor: Actor, search: str) -> Iterator[UserLike]:
    page = users.list_page(actor, page=1, per_page=PER_PAGE, search=search)
    while page.items:
        yield from page.items
        page = users.list_page(actor, page=page.page + 1, per_page=PER_PAGE, search=search)


def _row(user: UserLike) -> tuple[Any, ...]:
    customers = "all" if user.customer_ids is None else ",".join(map(str, user.customer_ids)) or "none"
    name = " ".join(part for part in (user.first_name, user.last_name) if part)
    return user.id, user.email, user.role, "active" if user.is_active else "disabled", customers, name or None


def _show(password: str, *, was_generated: bool) -> None:
    if was_generated:
        click.echo(f"Password: {password} (this is the only time that it is shown)")
