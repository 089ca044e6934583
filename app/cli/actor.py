"""What all administrative commands share: who acts, in which organization, and one line for what fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from flask import current_app
from sqlalchemy.exc import ProgrammingError

from app.errors import RequestError
from app.extensions import DATABASE_AWAY, db
from app.services import operators
from app.services.access import Actor
from app.services.monitor_config import ConfigStore

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_ID = 2**63 - 1


def config_store() -> ConfigStore:
    store: ConfigStore = current_app.config["CONFIG_STORE"]
    return store


def organization_option(command: Command) -> Command:
    """The option `--organization`, which the command gets as `organization`."""
    return click.option(
        "--organization",
        type=click.IntRange(1, MAX_ID),
        metavar="ID",
        help="Act in this organization; without it, in the first one.",
    )(command)


def command_actor(organization_id: int | None) -> Actor:
    """The command line itself, in that organization or the first one.

    Raises click.ClickException when there is none, or none with that id.
    """
    with one_line_errors():
        return operators.actor_for(organization_id)


@contextmanager
def committing() -> Iterator[None]:
    """Commit what the block has done; when it fails, keep nothing of it and say why in one line."""
    with one_line_errors():
        yield
        db.session.commit()


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the API would answer with an error body into a click.ClickException."""
    try:
        yield
    except RequestError as error:
        db.session.rollback()
        raise click.ClickException(_sentence(error)) from None
    except (*DATABASE_AWAY, ProgrammingError) as error:
        db.session.rollback()
        raise click.ClickException(
            f"The database cannot be used ({type(error).__name__}): is it there, and upgraded?"
        ) from None


def _sentence(error: RequestError) -> str:
    """The title and what more there is to say: `Customer has monitors: Delete or move them first.`"""
    faults = [f"{path} {text}" for path, texts in (error.faults or {}).items() for text in texts]
    more = "; ".join(faults) or error.message
    return error.title if more == error.title else f"{error.title}: {more}"
