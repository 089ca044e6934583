"""STARTTLS and STLS: required, never skipped, and nothing said before them counts."""

import pytest

from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from tests.checkers.faking import PASSWORD, check
from tests.fakes.server import start_tls

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
every_protocol = pytest.mark.parametrize("protocol", Protocol)


@pytest.mark.parametrize(
    ("protocol", "injected"),
    [
        (IMAP, "{tag} OK begin\r\n* CAPABILITY IMAP4rev1 EVIL\r\n"),
        (IMAP, "{tag} OK begin\r\n* PREAUTH hello\r\n"),
        (POP3, "+OK begin\r\n+OK logged in\r\n"),
        (POP3, "+OK begin\r\nx"),
    ],
)
def test_text_injected_behind_the_consent_is_a_protocol_error(protocol: Protocol, injected: str) -> None:
    outcome, server = check(protocol, {"starttls": [injected, start_tls]}, Security.STARTTLS)
    assert (outcome.code, outcome.phase) == (ErrorCode.PROTOCOL_ERROR, Phase.STARTTLS)
    assert outcome.message == "The server sent unprotected data behind its consent to start TLS."
    assert not any(PASSWORD.encode() in line for line in server.lines)


@every_protocol
def test_capabilities_are_those_said_behind_tls(protocol: Protocol) -> None:
    outcome, _ = check(protocol, security=Security.STARTTLS)
    assert outcome.status is CheckStatus.SUCCESS
    assert not {"STARTTLS", "STLS"} & set(outcome.diagnostics["server"]["capabilities"])


def test_responses_from_before_tls_do_not_survive() -> None:
    outcome, _ = check(
        IMAP,
        {
            "greeting": "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n",
            "starttls": ["* 99 EXISTS\r\n* BYE\r\n"[:13], "{tag} OK begin\r\n", start_tls],
            "mailbox": "{tag} OK done\r\n",
        },
        Security.STARTTLS,
    )
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["mailbox"] == {"name": "INBOX", "messages": None}


@every_protocol
def test_starttls_and_tls_are_timed_apart(protocol: Protocol) -> None:
    outcome, _ = check(protocol, security=Security.STARTTLS)
    assert list(outcome.diagnostics["timings"]) == [
        "dns", "connect", "greeting", "capability", "starttls", "tls", "login", "mailbox", "logout",
    ]  # fmt: skip
