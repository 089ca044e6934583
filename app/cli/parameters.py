"""Kinds of arguments that several commands take."""

from typing import Any
from uuid import UUID

import click

from app.domain.time_zones import is_time_zone
from app.services.identifiers import parse_reference


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
