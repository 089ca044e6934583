"""docs/command-line.md names every command and every option, and no others."""

import pytest

from app.documents.mailbox_csv import COLUMNS, ERROR
from tests.cli.commands import BY_NAME
from tests.docs.markdown import CODE, names, tables
from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "command-line.md")
COMMANDS, _, CSV_COLUMNS = tables(PAGE)
ROWS = {CODE.findall(row[0])[0]: row for row in COMMANDS}


def _called(name: str) -> str:
    arguments = [
        parameter.human_readable_name
        for parameter in BY_NAME[name].params
        if parameter.param_type_name == "argument"
    ]
    return " ".join([name, *arguments])


def _options(name: str) -> list[str]:
    return [option for parameter in BY_NAME[name].params for option in parameter.opts if option[0] == "-"]


def _row(name: str) -> str:
    """As it could stand in the table, with the first sentence of the command's help."""
    meaning = BY_NAME[name].get_short_help_str(200).rstrip(".")
    options = ", ".join(f"`{option}`" for option in _options(name)) or "none"
    return f"| `{_called(name)}` | {meaning} | {options} |"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_table_has_every_command_and_option(name: str) -> None:
    row = ROWS.get(_called(name), ["", "", ""])
    assert set(CODE.findall(row[2])) == set(_options(name)), f"the page needs: {_row(name)}"
    assert row[0], f"the page needs: {_row(name)}"


def test_the_table_has_no_other_command() -> None:
    assert sorted(ROWS.keys() - set(map(_called, BY_NAME))) == []


def test_the_table_has_every_column_of_a_csv_file() -> None:
    assert sorted(names(CSV_COLUMNS)) == sorted([*COLUMNS, ERROR])
