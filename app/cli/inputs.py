"""What people hand to commands, held to the same rules as what comes over HTTP."""

import secrets
import sys
from typing import Any, BinaryIO
from unicodedata import category

import click
from email_validator import EmailNotValidError, validate_email

from app.domain.bounds import MAX_PASSWORD, MIN_PASSWORD

MAX_LINE = 255
_GENERATED_BYTES = 18


class Line(click.ParamType[str]):
    """One line of text without control characters, trimmed. What the shell could not decode is none."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        if not text or len(text) > MAX_LINE or not is_storable(text):
            self.fail(f"must be 1 to {MAX_LINE} characters without control characters.", param, ctx)
        return text


class EmailAddress(Line):
    name = "email"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        try:
            return validate_email(text, check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError:
            self.fail("must be an e-mail address.", param, ctx)


def is_storable(text: str) -> bool:
    """Whether every database can hold it: no control characters, no lone surrogates."""
    return not any(category(character) in {"Cc", "Cs"} for character in text)


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
