"""Every command says how it is called, and the shell can complete it."""

import os
import subprocess
from pathlib import Path

import click
import pytest

from app.cli import COMMANDS
from tests.cli.commands import BY_NAME, examples, parsed
from tests.conftest import ENVIRON

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "bin" / "pillarbox"
COMPLETING = """
eval "$(_PILLARBOX_COMPLETE=bash_source "$1")"
shift
complete -p pillarbox
for typed in "$@"; do
    COMPREPLY=()
    read -ra COMP_WORDS <<< "$typed"
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    _pillarbox_completion "${COMP_WORDS[0]}"
    echo "${COMPREPLY[@]}"
done
"""


@pytest.mark.parametrize("name", BY_NAME)
def test_every_command_has_examples_that_can_be_typed(name: str) -> None:
    called = {parsed(example)[0] for example in examples(BY_NAME[name])}
    assert name in called, "its help has no line with `flask --app wsgi`"


@pytest.mark.parametrize("name", BY_NAME)
def test_every_line_of_an_example_stays_a_line(name: str) -> None:
    context = click.Context(BY_NAME[name], info_name=name)
    text = BY_NAME[name].get_help(context)
    assert all(example in text for example in examples(BY_NAME[name])), "it needs a \\b above it"


@pytest.mark.parametrize(
    "example",
    [
        "flask --app wsgi users create ada@example.com",
        "flask --app wsgi users create ada --role admin",
        "flask --app wsgi check mail.example.com --port 0",
        "flask --app wsgi check mail.example.com --unknown",
        "flask --app wsgi check",
        "flask --app wsgi init now",
    ],
)
def test_an_example_that_is_wrong_is_found(example: str) -> None:
    with pytest.raises(click.UsageError):
        parsed(example)


def test_every_group_says_what_it_is_for() -> None:
    assert all(command.help for command in COMMANDS)


def test_bash_completes_an_option_of_a_command_in_a_group(tmp_path: Path) -> None:
    typed = [f"{SCRIPT} monitors import --dr"]
    shell = subprocess.run(
        ["/bin/bash", "--norc", "-c", COMPLETING, "bash", str(SCRIPT), *typed],
        env={**os.environ, **ENVIRON, "DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.splitlines()[1:] == ["--dry-run"], shell.stderr
