"""deploy/systemd/pillarbox: what it asks of systemd-run, told by one that prints its arguments."""

import os
import subprocess
from pathlib import Path

import pytest

from app.config import ROOT
from tests.deploy.units import COMMON, VENV

COMMAND = ROOT / "deploy" / "systemd" / "pillarbox"
FLASK = [f"{VENV}/bin/flask", "--app", "wsgi"]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    fake = tmp_path / "systemd-run"
    fake.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    fake.chmod(0o755)
    return tmp_path


def typed(tools: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", **variables}
    return subprocess.run([COMMAND, *words], env=environ, capture_output=True, text=True, check=False)


def passed(ended: "subprocess.CompletedProcess[str]") -> set[str]:
    return {word for word in ended.stdout.splitlines() if word.startswith("--setenv")}


def test_a_command_is_run_as_a_service_of_pillarbox(tools: Path) -> None:
    words = typed(tools, "monitors", "import", "-", "--customer", "A B").stdout.splitlines()

    (unit,) = [word.partition("=")[2] for word in words if word.startswith("--unit=")]
    assert unit.startswith(COMMON.parent.name.removesuffix(".service.d"))
    assert words[words.index(FLASK[0]) :] == [*FLASK, "monitors", "import", "-", "--customer", "A B"]


def test_variables_that_commands_refer_to_are_passed_by_name(tools: Path) -> None:
    given = {"TRANSFER_URL": "s3cret", "MAILBOX_INFO_1CC0E87C_PASSWORD": "s3cret", "MAILBOX_EMPTY": ""}
    more = {
        "INFO_PASSWORD": "s3cret\nof two lines",
        "SALES_PASSWORD": "s3cret",
        "HOME": "/root",
        "OTHER": "x",
    }
    ended = typed(tools, "status", PILLARBOX_PASS="INFO_PASSWORD, SALES_PASSWORD", **given, **more)

    assert passed(ended) == {f"--setenv={name}" for name in (*given, "INFO_PASSWORD", "SALES_PASSWORD")}
    assert "s3cret" not in ended.stdout


def test_nothing_else_is_passed(tools: Path) -> None:
    assert passed(typed(tools, "status", DATABASE_URL="sqlite:///mine.db")) == set()


def test_a_name_without_a_variable_is_told(tools: Path) -> None:
    ended = typed(tools, "status", PILLARBOX_PASS="INFO_PASSWORD")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "INFO_PASSWORD" in ended.stderr
