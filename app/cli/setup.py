"""Commands that bring an installation up."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.clock import utcnow
from app.config import Settings
from app.extensions import db
from app.services import organizations


@click.command("init")
@with_appcontext
def init_command() -> None:
    """Make the first organization, admin and customer, unless there is an organization already.

    The admin is ADMIN_EMAIL with ADMIN_PASSWORD, which is made up and kept in instance/ when not given.

    \b
    flask --app wsgi init
    """
    found_first()


def found_first() -> None:
    settings: Settings = current_app.config["SETTINGS"]
    organization = organizations.found_first(
        email=settings.admin_email, password=settings.admin_password, now=utcnow()
    )
    db.session.commit()
    if organization is not None:
        click.echo(f"Made the first organization, its admin {settings.admin_email} and its first customer.")
