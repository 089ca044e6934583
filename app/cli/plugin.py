"""Commands whose exit codes are verdicts, so that nothing that fails may end like one."""

from typing import Any

import click

UNKNOWN = 3
"""To monitoring systems 0, 1 and 2 are verdicts. Click's own is 2 for wrong usage, and 1 for the rest."""


class VerdictCommand(click.Command):
    """A command whose other exit codes say something: all errors, those of Click too, end with `failure`.

    Also as part of a group that knows nothing of this.
    """

    failure = 1

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.ClickException as error:
            error.exit_code = self.failure  # type: ignore[misc] # Click reads it from the instance
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.exit_code = self.failure  # type: ignore[misc] # Click reads it from the instance
            raise


class PluginCommand(VerdictCommand):
    """A command that monitoring systems call."""

    failure = UNKNOWN
