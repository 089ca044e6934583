"""Commands that monitoring systems call: 0, 1 and 2 are verdicts to them, and all that fails is 3."""

from typing import Any

import click

UNKNOWN = 3
"""Click's own is 2 for wrong usage, which monitoring systems read as "critical", and 1 for the rest."""


class WrongUsageError(click.UsageError):
    exit_code = UNKNOWN


class UnknownStateError(click.ClickException):
    exit_code = UNKNOWN


class PluginCommand(click.Command):
    """A command whose errors end with 3, also as part of a group that knows nothing of this."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise WrongUsageError(error.format_message(), error.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise WrongUsageError(error.format_message(), error.ctx) from None
        except click.ClickException as error:
            raise UnknownStateError(error.message) from None
