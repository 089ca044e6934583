"""What `flask check` prints: to people, to terminals, and to monitoring systems."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.cli.ladder import ladder
from app.cli.plugin_line import plugin_line
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security, WarningCode
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget
from tests.parts.dovecot import Dovecot
from tests.terminal import run_at_terminal

TARGET = CheckTarget("mail.example.com", security=Security.TLS, response_time_warning_ms=2000)
SEEN: dict[str, Any] = {
    "address": "192.0.2.1",
    "timings": {"dns": 1, "connect": 12, "tls": 30, "greeting": 4, "login": 70, "mailbox": 6},
    "tls": {"version": "TLSv1.3", "certificate": {"daysRemaining": 61, "notAfter": "2027-01-25T00:00:00Z"}},
    "server": {"greeting": "* OK Grüße | time=0;;;\n"},
    "mailbox": {"name": "INBOX", "messages": 42},
    "warnings": [],
}
# What a plugin's output is: text, then labels with values, units and ranges.
DATUM = r"[a-z_]+=-?[0-9.]+s?;[0-9.:]*;[0-9.:]*(;[0-9]*(;[0-9.]+)?)?"
LINE = re.compile(rf"(IMAP|POP3) (OK|WARNING|CRITICAL) - [^|;\n]+ \| {DATUM}( {DATUM})*")


def outcome(
    status: CheckStatus = CheckStatus.SUCCESS,
    code: ErrorCode | WarningCode | None = None,
    phase: Phase | None = None,
    message: str | None = None,
    **diagnostics: Any,
) -> CheckOutcome:
    return CheckOutcome(status, 123, code, phase, message, {**SEEN, **diagnostics})


REFUSED = outcome(
    CheckStatus.ERROR,
    ErrorCode.AUTHENTICATION_FAILED,
    Phase.LOGIN,
    "The server refused the login: NO | time=9s;1;2\n| x;y",
    timings={"dns": 1, "login": 70},
)
EXPIRING = outcome(
    CheckStatus.WARNING,
    WarningCode.CERTIFICATE_EXPIRING,
    message="The server's certificate expires in 2 days.",
    warnings=["certificate_expiring", "mailbox_stale"],
)


def test_a_success_is_one_line_with_performance_data() -> None:
    assert plugin_line(TARGET, outcome(), 30.0) == (
        "IMAP OK - mail.example.com:993 (TLS) 123 ms, 42 messages | time=0.123s;2;;0;30 dns=0.001s;;;0 "
        "connect=0.012s;;;0 tls=0.030s;;;0 greeting=0.004s;;;0 login=0.070s;;;0 mailbox=0.006s;;;0 "
        "certificate_days=61;14:;0: messages=42;;;0"
    )


@pytest.mark.parametrize("found", [outcome(), REFUSED, EXPIRING], ids=["ok", "critical", "warning"])
@pytest.mark.parametrize("target", [TARGET, CheckTarget("::1", Protocol.POP3, certificate_warning_days=0)])
def test_no_word_of_a_server_breaks_the_line(target: CheckTarget, found: CheckOutcome) -> None:
    assert LINE.fullmatch(plugin_line(target, found, 0.5))


def test_a_failure_tells_its_code_rung_and_words() -> None:
    assert (
        "CRITICAL - mail.example.com:993 (TLS) 123 ms, authentication_failed at login: The server refused"
        " the login: NO / time=9s,1,2 / x,y | time=0.123s;" in plugin_line(TARGET, REFUSED, 30)
    )


def test_a_failure_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = ladder(TARGET, REFUSED, "utf-8")
    assert lines[1:3] == ["  ✓ dns             1 ms", "  ✗ login          70 ms"]
    assert lines[-1] == "To do: Correct the user name and password of the monitor, or unlock the account."


def test_each_warning_is_marked_at_its_rung_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = ladder(TARGET, EXPIRING, "utf-8")
    assert [line.split()[1] for line in lines if line.startswith("  !")] == ["tls", "mailbox"]
    assert len([line for line in lines if line.startswith("To do: ")]) == 2


def test_an_encoding_without_marks_gets_letters() -> None:
    text = "\n".join([*ladder(TARGET, outcome(), "ascii"), *ladder(TARGET, REFUSED, "ascii")])
    assert text.isascii()
    assert "Gr\\xfc\\xdfe" in text


def test_colours_are_left_out_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in "".join(ladder(TARGET, REFUSED, "utf-8"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in "".join(ladder(TARGET, REFUSED, "utf-8"))


def test_a_terminal_shows_colours(dovecot: Dovecot, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(dovecot.ca_pem)
    code, shown = run_at_terminal(
        [
            *("check", "localhost", "--tls", "--port", str(dovecot.ports[Protocol.IMAP, Security.TLS])),
            *("--ca-file", str(authority), "--user", dovecot.user, "--password-env", "MAILBOX_PASSWORD"),
        ],
        {"ALLOW_PRIVATE_TARGETS": "true", "MAILBOX_PASSWORD": dovecot.password, "PYTHONUTF8": "1"},
    )
    assert code == 0, shown
    assert "\x1b[" in shown
    assert "  ✓ mailbox " in re.sub(r"\x1b\[[0-9;]*m", "", shown)
