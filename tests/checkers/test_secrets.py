"""Secrets neither leave by accident nor come back in what is kept, and nothing is smuggled in beside them."""

import base64
import gc
from dataclasses import replace

import pytest

from app import checkers
from app.checkers.attempt import Attempt
from app.checkers.imap import ImapSession
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.net.limits import Limits
from app.net.text import Cleaner, has_control_characters
from tests.checkers.faking import LOOPBACK, PASSWORD, USER, check, target_at
from tests.fakes import faults
from tests.fakes.server import Conversation

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
every_protocol = pytest.mark.parametrize("protocol", Protocol)
SMUGGLED = ["\r\n", "\n", "\r", "\0", "\x7f", "\t", "\ud800"]
SASL = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()


@every_protocol
@pytest.mark.parametrize("field", ["user", "password", "mailbox"])
@pytest.mark.parametrize("character", SMUGGLED, ids=repr)
def test_control_character_is_refused_before_anything_is_sent(
    protocol: Protocol, field: str, character: str
) -> None:
    outcome, server = check(protocol, **{field: f"x{character}A2 DELETE INBOX"})
    assert outcome.code is ErrorCode.INTERNAL_ERROR
    assert outcome.message is not None
    assert outcome.message.endswith("contains control characters; nothing was sent.")
    assert outcome.phase is (Phase.MAILBOX if field == "mailbox" else Phase.LOGIN)
    assert (server.connections, server.lines) == (0, [])


def test_ordinary_text_has_no_control_characters() -> None:
    assert not has_control_characters('pässwörd "with" \\ everything € 😀')


@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD,
        base64.b64encode(PASSWORD.encode()).decode(),
        SASL,
        SASL.rstrip("="),
        base64.b64encode(f"{USER}\0{USER}\0{PASSWORD}".encode()).decode(),
    ],
)
@pytest.mark.parametrize(
    ("protocol", "rung", "answer"),
    [
        (IMAP, "greeting", "* OK IMAP4rev1 %s\r\n"),
        (IMAP, "greeting", "* BYE %s\r\n"),
        (IMAP, "greeting", "nonsense %s\r\n"),
        (IMAP, "capability", "* CAPABILITY IMAP4rev1 X=%s\r\n{tag} OK\r\n"),
        (IMAP, "capability", "{tag} BAD %s\r\n"),
        (IMAP, "login", "{tag} NO wrong: %s\r\n"),
        (IMAP, "login", "{tag} BAD %s\r\n"),
        (IMAP, "login", "* BYE %s\r\n"),
        (IMAP, "mailbox", "{tag} NO not with %s\r\n"),
        (POP3, "greeting", "+OK %s\r\n"),
        (POP3, "greeting", "-ERR %s\r\n"),
        (POP3, "greeting", "nonsense %s\r\n"),
        (POP3, "capability", "+OK\r\nIMPLEMENTATION %s\r\n.\r\n"),
        (POP3, "login", "-ERR wrong: %s\r\n"),
        (POP3, "login", "nonsense %s\r\n"),
        (POP3, "mailbox", "-ERR %s\r\n"),
    ],
)
def test_echoed_secret_is_masked(protocol: Protocol, rung: str, answer: str, echo: str) -> None:
    outcome, _ = check(protocol, {rung: answer % echo})
    # imaplib passes capabilities on as words in capitals.
    kept = repr(outcome).casefold()
    assert echo.casefold() not in kept
    assert PASSWORD.split()[0] not in kept


@pytest.mark.parametrize("password", ['with "quotes" and \\', "ünïcödé"])
def test_echoed_command_line_is_masked(password: str) -> None:
    outcome, server = check(
        IMAP,
        {"capability": "* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n", "login": "{tag} NO {line}\r\n"},
        password=password,
    )
    assert outcome.message is not None
    assert "********" in outcome.message
    assert password not in outcome.message
    assert password.replace("\\", "\\\\").replace('"', '\\"') not in outcome.message
    assert len(server.lines) == 3


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("password", ["b\\a\\ck", "ünïcödé", "it's"])
def test_nonsense_is_quoted_without_the_secret_in_any_spelling(protocol: Protocol, password: str) -> None:
    outcome, _ = check(protocol, {"login": f"perhaps {password}\r\n"}, password=password)
    assert outcome.message == "The server's answer was not understood: perhaps ********"


@pytest.mark.parametrize(
    ("password", "echo"),
    [
        (" hidden ", "hidden"),
        (" hidden ", " hidden"),
        ("hid/den+ü ", "hid%2Fden%2B%C3%BC"),
        ("hid/den", "hid%2fden"),
        ("hid/den&", "hid/den%26"),
        (" hid den ", "%20hid%20den%20"),
        (" hid den& ", "hid+den%26"),
        ("hid%den\ud800", "hid%25den%ED%A0%80"),
    ],
)
def test_trimmed_or_percent_encoded_secret_is_masked(password: str, echo: str) -> None:
    clean = Cleaner(replace(target_at(1), password=password))
    assert clean(f"user=x&pass={echo}&wrong").replace(" ", "") == "user=x&pass=********&wrong"


def test_password_of_blanks_alone_does_not_mask_everything() -> None:
    assert Cleaner(replace(target_at(1), password="  "))("wrong") == "wrong"


def test_text_of_a_server_is_kept_valid_and_short() -> None:
    clean = Cleaner(target_at(1))
    assert clean(b" \x1b[31mred\xff\r\n") == "\ufffd[31mred\ufffd"
    assert clean("a\u202eb\u2028c\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert clean("x" * 1000) == "x" * 299 + "…"
    assert Cleaner(replace(target_at(1), password=None))("s3cret word") == "s3cret word"


@every_protocol
@pytest.mark.parametrize("step", [faults.silence, faults.close, "nonsense\r\n"])
def test_password_is_in_no_repr(protocol: Protocol, step: str) -> None:
    outcome, server = check(protocol, {"login": step}, deadline=0.3)
    attempt = Attempt(target_at(server.port, protocol), LOOPBACK, Limits(1))
    for thing in (outcome, attempt, attempt.target, attempt.clean, server):
        assert PASSWORD not in repr(thing)


def test_imaplib_remembers_no_protocol_line() -> None:
    seen = []

    def look(_: Conversation) -> None:
        gc.collect()
        seen.extend(thing for thing in gc.get_objects() if isinstance(thing, ImapSession))

    outcome, _ = check(IMAP, {"mailbox": [look, "* 1 EXISTS\r\n{tag} OK done\r\n"]})
    assert outcome.status is CheckStatus.SUCCESS
    assert [session._cmd_log for session in seen] == [{}]


@every_protocol
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_password_travels_behind_tls_only(protocol: Protocol, security: Security) -> None:
    outcome, server = check(protocol, security=security)
    assert outcome.status is CheckStatus.SUCCESS
    sent = b"\n".join(server.lines)
    assert PASSWORD.encode() in sent
    assert not any(PASSWORD.encode() in line for line in server.clear_lines)


def test_crash_of_the_check_itself_has_an_outcome_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: Attempt) -> None:
        raise RuntimeError(PASSWORD)

    monkeypatch.setitem(checkers.CHECKERS, IMAP, crash)
    outcome = checkers.run(target_at(1), 1, LOOPBACK)
    assert outcome.code is ErrorCode.INTERNAL_ERROR
    assert outcome.message is not None
    assert outcome.message.startswith("The check itself failed: RuntimeError in test_secrets.py:")
    assert PASSWORD not in repr(outcome)
