"""How credentials are given: quoted, encoded, or not at all."""

import base64

import pytest

from app.checkers.folder import encode_folder
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from tests.checkers.faking import PASSWORD, USER, check
from tests.fakes import faults
from tests.fakes.server import Conversation

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
FOREIGN = "pässwörd"
SASL = base64.b64encode(f"\0{USER}\0{FOREIGN}".encode())
BARE = "* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n"


def command(line: bytes) -> bytes:
    return line.split(b" ", 1)[1]


def test_user_and_password_are_quoted() -> None:
    _, server = check(IMAP, user='a "b" (c)', password="d\\e")
    assert command(server.lines[1]) == b'LOGIN "a \\"b\\" (c)" "d\\\\e"'


def test_foreign_credentials_go_by_sasl_in_one_round_trip() -> None:
    outcome, server = check(IMAP, password=FOREIGN)
    assert outcome.status is CheckStatus.SUCCESS
    assert command(server.lines[1]) == b"AUTHENTICATE PLAIN " + SASL


def answer_challenge(conversation: Conversation) -> None:
    conversation.send("+ \r\n")
    conversation.server.received.append((conversation.read_line(), False))
    conversation.send("{tag} OK in\r\n")


def test_foreign_credentials_wait_for_the_challenge_without_sasl_ir() -> None:
    capability = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK\r\n"
    outcome, server = check(IMAP, {"capability": capability, "login": answer_challenge}, password=FOREIGN)
    assert outcome.status is CheckStatus.SUCCESS
    assert command(server.lines[1]) == b"AUTHENTICATE PLAIN"
    assert server.lines[2] == SASL


def challenge_twice(conversation: Conversation) -> None:
    conversation.send("+ \r\n")
    conversation.read_line()
    conversation.send("+ \r\n")
    conversation.server.received.append((conversation.read_line(), False))
    conversation.send("{tag} NO called off\r\n")


def test_second_challenge_is_called_off() -> None:
    capability = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK\r\n"
    outcome, server = check(IMAP, {"capability": capability, "login": challenge_twice}, password=FOREIGN)
    assert (outcome.code, outcome.phase) == (ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN)
    assert server.lines[2] == b"*"


@pytest.mark.parametrize(
    ("goodbye", "code"),
    [
        ("* BYE [UNAVAILABLE] later\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        ("* BYE\r\n", ErrorCode.CONNECTION_CLOSED),
    ],
)
def test_goodbye_instead_of_a_challenge_says_why(goodbye: str, code: ErrorCode) -> None:
    capability = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK\r\n"
    script = {"capability": capability, "login": [goodbye, faults.close]}
    outcome, server = check(IMAP, script, password=FOREIGN)
    assert (outcome.code, outcome.phase) == (code, Phase.LOGIN)
    assert server.connections == 1


def test_foreign_credentials_go_by_login_where_sasl_is_not_offered() -> None:
    outcome, server = check(IMAP, {"capability": BARE}, password=FOREIGN)
    assert outcome.status is CheckStatus.SUCCESS
    assert command(server.lines[1]) == f'LOGIN "{USER}" "{FOREIGN}"'.encode()


def test_pop3_credentials_are_sent_as_utf8() -> None:
    _, server = check(POP3, password=FOREIGN)
    assert server.lines[1:3] == [f"USER {USER}".encode(), f"PASS {FOREIGN}".encode()]


@pytest.mark.parametrize(
    ("protocol", "capability"),
    [
        (IMAP, "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN\r\n{tag} OK\r\n"),
        (POP3, "+OK\r\nSTLS\r\nRESP-CODES\r\n.\r\n"),
    ],
)
def test_password_is_kept_back_where_login_is_disabled(protocol: Protocol, capability: str) -> None:
    outcome, server = check(protocol, {"capability": capability})
    assert (outcome.code, outcome.phase) == (ErrorCode.LOGIN_DISABLED, Phase.LOGIN)
    assert not any(PASSWORD.encode() in line or b"LOGIN" in line for line in server.lines)


def test_sasl_is_used_behind_tls_where_only_login_is_disabled() -> None:
    capability = "* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN SASL-IR\r\n{tag} OK\r\n"
    outcome, server = check(IMAP, {"capability": capability}, Security.TLS)
    assert outcome.status is CheckStatus.SUCCESS
    assert command(server.lines[1]).startswith(b"AUTHENTICATE PLAIN ")


def test_preauthenticated_session_needs_no_login() -> None:
    outcome, server = check(IMAP, {"greeting": "* PREAUTH IMAP4rev1 welcome back\r\n"})
    assert outcome.status is CheckStatus.SUCCESS
    assert "login" not in outcome.diagnostics["timings"]
    assert not any(b"LOGIN" in line for line in server.lines)


@pytest.mark.parametrize(
    "script",
    [
        {"login": "{tag} OK\r\n"},
        {"login": "{tag} OK done\n", "mailbox": "* 7 EXISTS\n{tag} OK\n"},
        {"greeting": "* OK\r\n"},
        {"mailbox": "* OK [UIDVALIDITY 1] x\r\n* 7 EXISTS\r\n* SEARCH\r\n{tag} OK [READ-ONLY] done\r\n"},
        {"login": "* CAPABILITY IMAP4rev1\r\n* 3 EXISTS\r\n{tag} OK done\r\n"},
    ],
    ids=repr,
)
def test_sloppy_imap_servers_are_understood(script: dict[str, str]) -> None:
    outcome, _ = check(IMAP, script)
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["mailbox"]["messages"] == 7


@pytest.mark.parametrize(
    "script",
    [
        {"capability": "-ERR unknown\r\n"},
        {"capability": "+OK\r\n\r\nUSER\r\n.\r\n"},
        {"capability": "+OK\r\nIMPLEMENTATION \xff\r\n.\r\n"},
        {"greeting": "+OK\r\n", "login": "+OK\r\n"},
        {"greeting": "+OK hello\n"},
    ],
    ids=repr,
)
def test_sloppy_pop3_servers_are_understood(script: dict[str, str]) -> None:
    assert check(POP3, script)[0].status is CheckStatus.SUCCESS


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", "INBOX"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("Tom & Jerry", "Tom &- Jerry"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("😀", "&2D3eAA-"),
        ("", ""),
    ],
)
def test_folder_names_are_encoded_as_modified_utf7(name: str, wire: str) -> None:
    assert encode_folder(name) == wire


def test_folder_is_opened_read_only_and_quoted() -> None:
    _, server = check(IMAP, mailbox='My "ü" \\ folder')
    assert command(server.lines[2]) == b'EXAMINE "My \\"&APw-\\" \\\\ folder"'
    assert command(server.lines[3]) == b"LOGOUT"
