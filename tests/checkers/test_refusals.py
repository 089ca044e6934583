"""Every way in which a server says no, hangs up or talks nonsense: the code and the rung it leads to."""

import pytest

from app import checkers
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.domain.target import TlsPolicy
from tests.checkers.faking import LOOPBACK, check, target_at
from tests.fakes import faults
from tests.fakes.server import Conversation, start_tls

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
