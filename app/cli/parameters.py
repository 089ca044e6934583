"""Kinds of arguments, held to the same rules as what comes over HTTP."""

from typing import Any
from unicodedata import category
from uuid import UUID

import click
from email_validator import EmailNotValidError, validate_email

from app.domain.time_zones import is_time_zone
from app.services.identifiers import parse_reference

MAX_LINE = 255


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


class Reference(click.ParamType[UUID | int]):
    """The number or the public UUID of something."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID | int:
        reference = parse_reference(str(value))
        if reference is None:
            self.fail("must be a number or a UUID.", param, ctx)
        return reference


class TimeZone(click.ParamType[str]):
    """A name of the IANA time zone database."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_time_zone(str(value)):
            self.fail("must be a name of the IANA time zone database, such as Europe/Berlin.", param, ctx)
        return str(value)


def is_storable(text: str) -> bool:
    """Whether every database can hold it: no control characters, no lone surrogates."""
    return not any(category(character) in {"Cc", "Cs"} for character in text)
