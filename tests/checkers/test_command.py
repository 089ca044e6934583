"""`flask check`, in a small application without a database."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup

from app.cli.check import check_command
from app.domain.enums import Protocol, Security
from app.domain.target import TargetGuard
from tests.checkers.faking import DIALECTS, LOOPBACK, PASSWORD, USER
from tests.fakes import faults
from tests.fakes.server import FakeServer, Script
from tests.parts.certificates import authority

every_protocol = pytest.mark.parametrize("protocol", Protocol)


def make_app(guard: TargetGuard = LOOPBACK) -> Flask:
    app = Flask("check")
    app.config["SETTINGS"] = SimpleNamespace(target_guard=guard)
    app.cli.add_command(check_command)
    return app


def flask(*arguments: str, guard: TargetGuard = LOOPBACK, **kwargs: Any) -> Result:
    """Run it the way the `flask` program does: within its group, in standalone mode."""
    group = FlaskGroup(create_app=lambda: make_app(guard), load_dotenv=False)
    return CliRunner().invoke(group, ["check", *arguments], **kwargs)


def check(
    protocol: Protocol, *arguments: str, security: Security = Security.PLAIN, script: Script | None = None
) -> Result:
    with FakeServer(DIALECTS[protocol], security, script) as server:
        return flask(
            "localhost",
            *("--protocol", protocol.value, "--port", str(server.port), *arguments),
            env={"MAILBOX_PASSWORD": PASSWORD},
        )


LOGIN = ("--user", USER, "--password-env", "MAILBOX_PASSWORD")


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_text(authority().pem)
    return str(path)


@every_protocol
def test_success_is_shown_as_a_ladder_and_ends_with_0(protocol: Protocol, ca_file: str) -> None:
    result = check(protocol, "--tls", "--ca-file", ca_file, *LOGIN, security=Security.TLS)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith(f"{protocol} localhost port ")
    assert [line.split()[:2][-1] for line in lines[1:-1]] == [
        "dns", "connect", "tls", "greeting", "capability", "login", "mailbox", "logout",
    ]  # fmt: skip
    assert "INBOX: 7 messages" in result.output
    assert lines[-1].startswith("SUCCESS in ")


@every_protocol
def test_warning_ends_with_1(protocol: Protocol) -> None:
    with FakeServer(DIALECTS[protocol], Security.TLS, certificate="expired") as server:
        result = flask(
            "localhost", "--protocol", protocol.value, "--port", str(server.port), "--tls", "--insecure"
        )
    assert result.exit_code == 1
    assert "WARNING in " in result.output
    assert result.output.endswith(
        "certificate_expiring: The server's certificate has expired.\n"
        "To do: Renew the server's certificate before it ends.\n"
    )
    assert "  ! tls " in result.output


@every_protocol
def test_error_ends_with_2_and_names_the_rung(protocol: Protocol) -> None:
    result = check(protocol, "--starttls", "--timeout", "0.3", script={"greeting": faults.silence})
    assert result.exit_code == 2
    assert " at greeting: timeout: The time limit of 0.3 s ran out" in result.output
    assert "  ✓ connect " in result.output
    assert "  ✗ greeting " in result.output
    assert "To do: Find out why the server is slow or silent" in result.output


@every_protocol
def test_json_is_the_object_of_the_contract(protocol: Protocol) -> None:
    result = check(protocol, "--json", *LOGIN)
    printed = json.loads(result.output)
    assert list(printed) == ["status", "errorMessage", "warningMessage", "timingImapPop", "diagnostics"]
    assert (printed["status"], printed["errorMessage"]) == ("success", None)
    assert printed["diagnostics"]["mailbox"]["messages"] == 7


@every_protocol
def test_nagios_gets_one_line_and_the_same_exit_codes(protocol: Protocol) -> None:
    result = check(protocol, "--nagios", *LOGIN, "--timeout", "5")
    assert result.exit_code == 0
    assert result.output.startswith(f"{protocol.upper()} OK - localhost:")
    assert result.output.count("\n") == 1
    assert " ms, 7 messages | time=0." in result.output
    assert check(protocol, "--nagios", "--timeout", "0.3", script={"greeting": faults.silence}).exit_code == 2


def test_password_is_read_from_a_file_without_its_line_break(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\r\n")
    with FakeServer(DIALECTS[Protocol.POP3]) as server:
        result = flask(
            *("localhost", "--protocol", "pop3", "--port", str(server.port)),
            *("--user", USER, "--password-file", str(path)),
        )
    assert result.exit_code == 0
    assert f"PASS {PASSWORD}".encode() in server.lines
    assert PASSWORD not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("https://mail.example/",),
        ("mail.example", "another"),
        ("mail.example", "--unknown"),
        ("mail.example", "--port", "0"),
        ("mail.example", "--port", "x"),
        ("mail.example", "--protocol", "smtp"),
        ("mail.example", "--timeout", "0"),
        ("mail.example", "--timeout", "61"),
        ("mail.example", "--tls", "--starttls"),
        ("mail.example", "--json", "--nagios"),
        ("mail.example", "--warning-ms", "0"),
        ("mail.example", "--certificate-days", "-1"),
        ("mail.example", "--user", "u"),
        ("mail.example", "--password-env", "HOME"),
        ("mail.example", "--user", "u", "--password-env", "NO_SUCH_VARIABLE"),
        ("mail.example", "--user", "u", "--password-env", "HOME", "--password-file", "/dev/null"),
        ("mail.example", "--user", "u", "--password-file", "/no/such/file"),
        ("mail.example", "--ca-file", "/no/such/file"),
        ("mail.example", "--ca-file", "/bin/true"),
        ("mail.example", "--password", "secret"),
    ],
)
def test_wrong_usage_ends_with_3(arguments: tuple[str, ...]) -> None:
    result = flask(*arguments)
    assert result.exit_code == 3
    assert "Error: " in result.output


def test_other_commands_keep_clicks_exit_code() -> None:
    @click.command("other")
    def other() -> None: ...

    app = make_app()
    app.cli.add_command(other)
    group = FlaskGroup(create_app=lambda: app, load_dotenv=False)
    assert CliRunner().invoke(group, ["other", "--unknown"]).exit_code == 2


def test_guard_of_the_settings_holds_here_too() -> None:
    result = flask("127.0.0.1", "--json", guard=TargetGuard())
    assert result.exit_code == 2
    assert json.loads(result.output)["diagnostics"]["errorCode"] == "target_forbidden"


def test_help_ends_with_0() -> None:
    result = flask("--help")
    assert result.exit_code == 0
    assert "--password-env" in result.output
