"""Every way in which a server says no, hangs up or talks nonsense: the code and the rung it leads to."""

import pytest

from app import checkers
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.domain.target import TlsPolicy
from app.net.text import MASK
from tests.checkers.faking import LOOPBACK, check, target_at
from tests.fakes import faults
from tests.fakes.server import Act, Conversation, start_tls

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
every_protocol = pytest.mark.parametrize("protocol", Protocol)


@every_protocol
def test_second_attempt_can_save_the_check(protocol: Protocol) -> None:
    def close_the_first(conversation: Conversation) -> None:
        if conversation.server.connections == 1:
            faults.close(conversation)
        conversation.perform(conversation.server.dialect.script["greeting"])

    outcome, _ = check(protocol, {"greeting": close_the_first})
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["attempts"] == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("* BYE\r\n{tag} NO [AUTHENTICATIONFAILED] no\r\n", ErrorCode.AUTHENTICATION_FAILED),
        ("* BYE bye\r\n{tag} NO wrong password\r\n", ErrorCode.AUTHENTICATION_FAILED),
        ("* BYE Too many\r\n{tag} NO [AUTHENTICATIONFAILED] no\r\n", ErrorCode.AUTHENTICATION_FAILED),
        ("* BYE [UNAVAILABLE] down\r\n{tag} NO login failed\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        ("* BYE bye\r\n{tag} BAD what?\r\n", ErrorCode.CONNECTION_CLOSED),
        ("* BYE bye\r\n{tag} OK in\r\n", ErrorCode.CONNECTION_CLOSED),
    ],
)
@pytest.mark.parametrize("ending", [faults.close, faults.silence])
@pytest.mark.parametrize("password", ["s3cret word", "pässwörd"])
def test_answer_behind_a_goodbye_counts(said: str, code: ErrorCode, ending: Act, password: str) -> None:
    outcome, server = check(IMAP, {"login": [said, ending]}, password=password)
    assert (outcome.code, outcome.phase, server.connections) == (code, Phase.LOGIN, 1)
    assert "logout" not in outcome.diagnostics["timings"]


@pytest.mark.parametrize("password", ["s3cret word", "pässwörd"])
def test_server_that_stays_behind_its_goodbye_is_left(password: str) -> None:
    outcome, _ = check(IMAP, {"login": ["* BYE go\r\n", faults.silence]}, password=password, deadline=60)
    assert outcome.code is ErrorCode.CONNECTION_CLOSED
    assert outcome.message == "The server ended the session: go"


@pytest.mark.parametrize(
    ("protocol", "password", "answer", "code"),
    [
        (IMAP, "temporarily", "{tag} NO temporarily down\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        (IMAP, "UNAVAILABLE", "{tag} NO [UNAVAILABLE] no\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        (IMAP, "disallowed", "{tag} NO Plaintext login disallowed\r\n", ErrorCode.LOGIN_DISABLED),
        (IMAP, "too many", "* BYE too many users\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        (POP3, "SYS/TEMP", "-ERR [SYS/TEMP] no\r\n", ErrorCode.TEMPORARILY_UNAVAILABLE),
        (POP3, "AUTH", "-ERR [AUTH] no, it is locked temporarily\r\n", ErrorCode.AUTHENTICATION_FAILED),
    ],
)
def test_password_in_the_words_of_a_refusal_is_masked_but_changes_no_verdict(
    protocol: Protocol, password: str, answer: str, code: ErrorCode
) -> None:
    outcome, _ = check(protocol, {"login": answer}, password=password)
    assert outcome.code is code
    assert MASK in (outcome.message or "")
    assert password not in (outcome.message or "")


@every_protocol
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_bad_certificate_is_recorded_all_the_same(protocol: Protocol, security: Security) -> None:
    outcome, _ = check(protocol, security=security, certificate="expired")
    tls = outcome.diagnostics["tls"]
    assert tls["verified"] is False
    assert tls["certificate"]["daysRemaining"] == -2
    assert outcome.diagnostics["errorCode"] == "certificate_expired"


@every_protocol
def test_server_that_shows_its_bad_certificate_once_only_is_still_judged(protocol: Protocol) -> None:
    def show_once(conversation: Conversation) -> None:
        if conversation.server.connections > 1:
            faults.close(conversation)
        start_tls(conversation)

    outcome, _ = check(protocol, {"tls": show_once}, Security.TLS, certificate="expired")
    assert outcome.code is ErrorCode.CERTIFICATE_EXPIRED
    assert "tls" not in outcome.diagnostics


@every_protocol
@pytest.mark.parametrize("kind", ["expired", "wrong_name", "untrusted"])
def test_bad_certificate_is_let_pass_where_verification_is_off(protocol: Protocol, kind: str) -> None:
    outcome, _ = check(
        protocol,
        security=Security.TLS,
        certificate=kind,
        tls=TlsPolicy(verify=False),
        certificate_warning_days=0,
    )
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["tls"]["certificate"]["notAfter"].endswith("Z")


@every_protocol
def test_plain_server_on_a_tls_port_is_a_tls_failure(protocol: Protocol) -> None:
    script = {"tls": "* OK I speak plainly\r\n" * 10}
    outcome, _ = check(protocol, script, Security.TLS)
    assert (outcome.code, outcome.phase) == (ErrorCode.TLS_FAILURE, Phase.TLS)
    assert outcome.message == "The server does not speak TLS on this port."


@every_protocol
def test_refused_port_is_tried_twice_and_reported_as_refused(protocol: Protocol) -> None:
    with faults.refusing_port() as port:
        outcome = checkers.run(target_at(port, protocol), 5, LOOPBACK)
    assert (outcome.code, outcome.phase) == (ErrorCode.CONNECTION_REFUSED, Phase.CONNECT)
    assert outcome.diagnostics["attempts"] == 2
    assert outcome.diagnostics["address"] == "127.0.0.1"
