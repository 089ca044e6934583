"""All commands there are, by name, with what their help says."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click

from app.cli import COMMANDS

EXAMPLE = re.compile(r"(?:Example: |\w+=\$\()?((?:\S*/)?flask --app wsgi .*?)\)?")


def all_commands(commands: Any = COMMANDS, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """`users create` and the command, for each that is no group."""
    for command in commands:
        name = f"{path} {command.name}".strip()
        if isinstance(command, click.Group):
            yield from all_commands(command.commands.values(), name)
        else:
            yield name, command


BY_NAME = dict(sorted(all_commands()))


def examples(command: click.Command) -> list[str]:
    """The calls of ours in its help, as they can be typed: without what the shell does."""
    lines = (line.strip() for line in (command.help or "").splitlines())
    calls = (call for line in lines for call in line.split(" | "))
    found = (EXAMPLE.fullmatch(call) for call in calls)
    return [re.split(r" [<>] ", match[1])[0] for match in found if match]


def parsed(example: str) -> tuple[str, dict[str, Any]]:
    """The name of the command that an example calls, and its parameters. Raises click.UsageError.

    Files are not opened: they are only examples. KeyError for a command that there is not.
    """
    words = shlex.split(example)[3:]
    size = 1 if words[0] in BY_NAME else 2
    name, arguments = " ".join(words[:size]), words[size:]
    command = BY_NAME[name]
    context = click.Context(command)
    given, rest, _ = command.make_parser(context).parse_args(list(arguments))
    if rest:
        raise click.UsageError(f"too many arguments: {rest}")
    values = {}
    for parameter in command.get_params(context):
        value = given.get(parameter.name or "")
        is_given = type(value) in {str, int, bool, list, tuple} and value != ()
        if parameter.required and not is_given:
            raise click.MissingParameter(param=parameter, ctx=context)
        if is_given and not isinstance(parameter.type, click.File):
            value = parameter.type_cast_value(context, value)
        if is_given:
            values[parameter.name or ""] = value
    return name, values
