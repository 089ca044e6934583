"""New passwords, as people hand them to commands."""

import secrets
import sys
from typing import BinaryIO

import click

from app.cli.parameters import is_storable
from app.domain.bounds import MAX_PASSWORD, MIN_PASSWORD

_GENERATED_BYTES = 18


def new_password(file: BinaryIO | None, *, generate: bool) -> str:
    """A password from a file, made up, or typed twice at a terminal; never from an argument.

    Every user of the machine can read arguments. Raises click.UsageError.
    """
    if file is not None and generate:
        raise click.UsageError("--password-file and --generate exclude each other.")
    if generate:
        return secrets.token_urlsafe(_GENERATED_BYTES)
    password = _read(file) if file is not None else _ask()
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or not is_storable(password):
        raise click.UsageError(
            f"The password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters and no control characters."
        )
    return password


def _read(file: BinaryIO) -> str:
    try:
        return file.read().decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        # The error would quote what it could not decode.
        raise click.UsageError("The file of --password-file cannot be read as UTF-8 text.") from None


def _ask() -> str:
    if not is_terminal():
        raise click.UsageError("Without a terminal this needs --password-file or --generate.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def is_terminal() -> bool:
    return sys.stdin.isatty()
