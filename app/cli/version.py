"""`flask --app wsgi version`. `--version` is Flask's own there, and tells Flask's."""

import click

from app.version import VERSION


@click.command("version")
def version_command() -> None:
    """Tell the version of Pillarbox.

    \b
    flask --app wsgi version
    """
    click.echo(f"Pillarbox {VERSION}")
