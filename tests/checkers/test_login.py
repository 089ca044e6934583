"""How credentials are given: quoted, encoded, or not at all."""

import base64

import pytest

from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.net.folder import encode_folder
from tests.checkers.faking import PASSWORD, USER, check
from tests.fakes import faults
from tests.fakes.server import Act, Conversation, Script

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
every_protocol = pytest.mark.parametrize("protocol", Protocol)
FOREIGN = "pässwörd"
SASL = base64.b64encode(f"\0{USER}\0{FOREIGN}".encode())
WITHOUT_IR = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK\r\n"
PLAIN_ONLY: Script = {"capability": "+OK\r\nSTLS\r\nSASL LOGIN plain\r\n.\r\n", "unknown": "+OK in\r\n"}
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


def challenged(*challenges: str, ending: str = "{tag} OK in\r\n") -> Act:
    """Send one challenge after another, note what comes back, and end it."""

    def act(conversation: Conversation) -> None:
        for challenge in challenges:
            conversation.send(f"{challenge}\r\n")
            conversation.server.received.append((conversation.read_line(), conversation.is_secured))
        conversation.send(ending)

    return act


@pytest.mark.parametrize("challenge", ["+ ", "+", "+ go ahead, please", "+ =", "+ VXNlcm5hbWU6"])
def test_foreign_credentials_wait_for_any_challenge_without_sasl_ir(challenge: str) -> None:
    script: Script = {"capability": WITHOUT_IR, "login": challenged(challenge)}
    outcome, server = check(IMAP, script, password=FOREIGN)
    assert outcome.status is CheckStatus.SUCCESS
    assert command(server.lines[1]) == b"AUTHENTICATE PLAIN"
    assert server.lines[2] == SASL


def test_initial_response_that_was_ignored_is_given_again() -> None:
    outcome, server = check(IMAP, {"login": challenged("+ ")}, password=FOREIGN)
    assert outcome.status is CheckStatus.SUCCESS
    assert server.lines[2] == SASL


@pytest.mark.parametrize("more", ["", " SASL-IR"])
def test_second_challenge_is_called_off(more: str) -> None:
    capability = f"* CAPABILITY IMAP4rev1 AUTH=PLAIN{more}\r\n{{tag}} OK\r\n"
    login = challenged("+ ", "+ ", ending="{tag} NO called off\r\n")
    outcome, server = check(IMAP, {"capability": capability, "login": login}, password=FOREIGN)
    assert (outcome.code, outcome.phase) == (ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN)
    assert server.lines[2:] == [SASL, b"*", server.lines[-1]]


def challenge_for_ever(conversation: Conversation) -> None:
    while True:
        challenged("+ ", ending="")(conversation)


@every_protocol
def test_challenges_without_end_are_no_dialogue(protocol: Protocol) -> None:
    script = {"login" if protocol is IMAP else "unknown": challenge_for_ever}
    if protocol is POP3:
        script["capability"] = "+OK\r\nSASL PLAIN\r\n.\r\n"
    outcome, server = check(protocol, script, password=FOREIGN)
    assert (outcome.code, outcome.phase) == (ErrorCode.PROTOCOL_ERROR, Phase.LOGIN)
    assert server.lines[2:] == [SASL, b"*"]


@pytest.mark.parametrize(
    ("goodbye", "code"),
    [
        ("* BYE [UNAVAILABLE] later\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        ("* BYE\r\n", ErrorCode.CONNECTION_CLOSED),
    ],
)
def test_goodbye_instead_of_a_challenge_says_why(goodbye: str, code: ErrorCode) -> None:
    script = {"capability": WITHOUT_IR, "login": [goodbye, faults.close]}
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


@pytest.mark.parametrize("security", Security)
def test_pop3_login_goes_by_sasl_where_user_is_not_offered(security: Security) -> None:
    outcome, server = check(POP3, PLAIN_ONLY, security)
    assert outcome.status is CheckStatus.SUCCESS
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    assert [line for line in server.lines if line.startswith(b"AUTH")] == [b"AUTH PLAIN " + plain]
    assert not any(line.startswith((b"USER", b"PASS")) for line in server.lines)
    if security is not Security.PLAIN:
        assert not any(line.startswith(b"AUTH") for line in server.clear_lines)


def test_pop3_foreign_credentials_go_by_sasl_where_it_is_offered() -> None:
    script = {**PLAIN_ONLY, "capability": "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"}
    outcome, server = check(POP3, script, password=FOREIGN)
    assert outcome.status is CheckStatus.SUCCESS
    assert server.lines[1] == b"AUTH PLAIN " + SASL
    assert check(POP3, script)[1].lines[1].startswith(b"USER ")


@pytest.mark.parametrize(("length", "takes_two"), [(159, False), (160, True)])
def test_pop3_long_response_waits_for_the_challenge(length: int, takes_two: bool) -> None:
    """255 octets are the longest line (RFC 5034, 4), its end included."""
    login = challenged("+ ", ending="+OK in\r\n") if takes_two else "+OK in\r\n"
    outcome, server = check(POP3, {**PLAIN_ONLY, "unknown": login}, password="p" * length)
    assert outcome.status is CheckStatus.SUCCESS
    assert (server.lines[1] == b"AUTH PLAIN") is takes_two
    assert len(server.lines[1]) <= 253
    response = server.lines[2] if takes_two else server.lines[1].split()[2]
    assert base64.b64decode(response).endswith(b"\0" + b"p" * length)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("-ERR [AUTH] no\r\n", ErrorCode.AUTHENTICATION_FAILED),
        ("-ERR [SYS/TEMP] no\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        ("perhaps\r\n", ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_pop3_login_by_sasl_may_be_refused(answer: str, code: ErrorCode) -> None:
    outcome, _ = check(POP3, {**PLAIN_ONLY, "unknown": answer})
    assert (outcome.code, outcome.phase) == (code, Phase.LOGIN)
    assert PASSWORD not in repr(outcome)


@pytest.mark.parametrize("odd", ["", "  ", "IMPLEMENTATION \xff"], ids=repr)
def test_odd_line_hides_no_pop3_capability(odd: str) -> None:
    script = {"capability": f"+OK\r\nsasl PLAIN\r\n{odd}\r\nStls\r\n.\r\n", "unknown": "+OK\r\n"}
    outcome, server = check(POP3, script, Security.STARTTLS)
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["server"]["capabilities"] == ["SASL PLAIN", "STLS"]
    assert server.clear_lines == [b"CAPA", b"STLS"]
    assert server.lines[3].startswith(b"AUTH PLAIN ")


@pytest.mark.parametrize(
    ("protocol", "capability"),
    [
        (IMAP, "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN\r\n{tag} OK\r\n"),
        (POP3, "+OK\r\nSTLS\r\nRESP-CODES\r\n.\r\n"),
        (POP3, "+OK\r\nSTLS\r\nSASL CRAM-MD5\r\n.\r\n"),
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


@pytest.mark.parametrize(
    ("offered", "wire"),
    [("IMAP4rev2", "Entwürfe"), ("imap4REV2 IMAP4rev1", "Entw&APw-rfe"), ("IMAP4", "Entw&APw-rfe")],
)
def test_imap4rev2_is_understood(offered: str, wire: str) -> None:
    script = {"capability": f"* CAPABILITY {offered}\r\n{{tag}} OK\r\n"}
    outcome, server = check(IMAP, script, mailbox="Entwürfe")
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["server"]["capabilities"] == offered.upper().split()
    assert command(server.lines[2]) == f'EXAMINE "{wire}"'.encode()


def test_folder_is_opened_read_only_and_quoted() -> None:
    _, server = check(IMAP, mailbox='My "ü" \\ folder')
    assert command(server.lines[2]) == b'EXAMINE "My \\"&APw-\\" \\\\ folder"'
    assert command(server.lines[3]) == b"LOGOUT"
