"""Every way in which a server says no, hangs up or talks nonsense: the code and the rung it leads to."""

import pytest

from app import checkers
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.domain.target import TlsPolicy
from tests.checkers.faking import LOOPBACK, PASSWORD, check, target_at
from tests.fakes import faults
from tests.fakes.server import Conversation, Step, start_tls

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
every_protocol = pytest.mark.parametrize("protocol", Protocol)

NONSENSE = ErrorCode.PROTOCOL_ERROR
LATER = ErrorCode.TEMPORARILY_UNAVAILABLE
WRONG = ErrorCode.AUTHENTICATION_FAILED
DISABLED = ErrorCode.LOGIN_DISABLED
REJECTED = ErrorCode.GREETING_REJECTED
CLOSED = ErrorCode.CONNECTION_CLOSED
NO_MAILBOX = ErrorCode.MAILBOX_UNAVAILABLE

REFUSALS: list[tuple[Protocol, str, Step, ErrorCode]] = [
    (IMAP, "greeting", "* BYE go away\r\n", REJECTED),
    (IMAP, "greeting", "* BYE\r\n", REJECTED),
    (IMAP, "greeting", "* BYE Too many connections\r\n", LATER),
    (IMAP, "greeting", "* BYE [UNAVAILABLE] later\r\n", LATER),
    (IMAP, "greeting", "+OK POP3 ready\r\n", NONSENSE),
    (IMAP, "greeting", "220 SMTP ready\r\n", NONSENSE),
    (IMAP, "capability", "{tag} NO\r\n", NONSENSE),
    (IMAP, "capability", "{tag} OK\r\n", NONSENSE),
    (IMAP, "capability", "* CAPABILITY X\r\n{tag} OK\r\n", NONSENSE),
    (IMAP, "capability", "* CAPABILITY IMAP4rev1 \xff\r\n{tag} OK\r\n", NONSENSE),
    (IMAP, "capability", "* BYE bored\r\n", CLOSED),
    (IMAP, "login", "{tag} NO [AUTHENTICATIONFAILED] no\r\n", WRONG),
    (IMAP, "login", "{tag} NO wrong\r\n", WRONG),
    (IMAP, "login", "{tag} NO\r\n", WRONG),
    (IMAP, "login", "{tag} NO [EXPIRED] renew it\r\n", WRONG),
    (IMAP, "login", "{tag} NO [ALERT] Invalid credentials\r\n", WRONG),
    (IMAP, "login", "{tag} NO [UNAVAILABLE] down\r\n", LATER),
    (IMAP, "login", "{tag} NO [LIMIT] enough\r\n", LATER),
    (IMAP, "login", "{tag} NO [INUSE] busy\r\n", LATER),
    (IMAP, "login", "{tag} NO [ALERT] Too many simultaneous connections\r\n", LATER),
    (IMAP, "login", "{tag} NO Temporary authentication failure\r\n", LATER),
    (IMAP, "login", "{tag} NO account temporarily unavailable\r\n", LATER),
    (IMAP, "login", "{tag} NO your temporary password expired\r\n", WRONG),
    (IMAP, "login", "{tag} NO temporary app password failed\r\n", WRONG),
    (IMAP, "login", "{tag} NO [PRIVACYREQUIRED] no\r\n", DISABLED),
    (IMAP, "login", "{tag} NO Plaintext authentication disallowed\r\n", DISABLED),
    (IMAP, "login", "{tag} BAD what?\r\n", NONSENSE),
    (IMAP, "login", "* BYE Too many failures\r\n", LATER),
    (IMAP, "login", ["* BYE\r\n", faults.close], CLOSED),
    (IMAP, "login", "{tag} YES\r\n", NONSENSE),
    (IMAP, "login", "X1 OK of another\r\n", NONSENSE),
    (IMAP, "mailbox", "{tag} NO [NONEXISTENT] none\r\n", NO_MAILBOX),
    (IMAP, "mailbox", "{tag} NO\r\n", NO_MAILBOX),
    (IMAP, "mailbox", "{tag} NO [INUSE] busy\r\n", LATER),
    (IMAP, "mailbox", "{tag} BAD\r\n", NONSENSE),
    (IMAP, "mailbox", "* " + "9" * 5000 + " EXISTS\r\n{tag} OK\r\n", NONSENSE),
    (IMAP, "mailbox", "* X {6000000000}\r\n", NONSENSE),
    (IMAP, "mailbox", "* X {" + "9" * 5000 + "}\r\n", NONSENSE),
    (POP3, "greeting", "-ERR go away\r\n", REJECTED),
    (POP3, "greeting", "-ERR [SYS/TEMP] later\r\n", LATER),
    (POP3, "greeting", "* OK IMAP4rev1 ready\r\n", NONSENSE),
    (POP3, "greeting", "220 SMTP ready\r\n", NONSENSE),
    (POP3, "capability", "what?\r\n", NONSENSE),
    (POP3, "capability", "+OK\r\n" + "x" * 3000 + "\r\n.\r\n", NONSENSE),
    (POP3, "user", "-ERR who?\r\n", WRONG),
    (POP3, "login", "-ERR temporary failure\r\n", LATER),
    (POP3, "login", "-ERR your temporary password expired\r\n", WRONG),
    (POP3, "login", "-ERR [AUTH] wrong\r\n", WRONG),
    (POP3, "login", "-ERR\r\n", WRONG),
    (POP3, "login", "-ERR [IN-USE] busy\r\n", LATER),
    (POP3, "login", "-ERR [SYS/TEMP] down\r\n", LATER),
    (POP3, "login", "-ERR [LOGIN-DELAY] wait\r\n", LATER),
    (POP3, "login", "-ERR maildrop already locked\r\n", LATER),
    (POP3, "login", "-ERR [AUTH] Plaintext authentication disallowed\r\n", DISABLED),
    (POP3, "login", "perhaps\r\n", NONSENSE),
    (POP3, "mailbox", "-ERR no maildrop\r\n", NO_MAILBOX),
    (POP3, "mailbox", "+OK\r\n", NONSENSE),
    (POP3, "mailbox", "+OK many large\r\n", NONSENSE),
]  # fmt: skip


def in_short(value: object) -> str:
    """A test's name has to be the same in every process, so functions in it go by their names."""
    parts = value if isinstance(value, list) else [value]
    return " ".join(getattr(part, "__name__", str(part)) for part in parts)[:40]


TALKING = ("greeting", "capability", "login", "mailbox")
UNUSABLE = [faults.garbage, faults.endless_line, faults.endless_lines]


@pytest.mark.parametrize(("protocol", "rung", "step", "code"), REFUSALS, ids=in_short)
def test_refusal_leads_to_its_code_and_rung(
    protocol: Protocol, rung: str, step: Step, code: ErrorCode
) -> None:
    phase = Phase.LOGIN if rung == "user" else Phase(rung)
    outcome, _ = check(protocol, {rung: step})
    assert (outcome.status, outcome.code, outcome.phase) == (CheckStatus.ERROR, code, phase)
    assert outcome.message
    assert (outcome.diagnostics["errorCode"], outcome.diagnostics["phase"]) == (code, phase)


@every_protocol
@pytest.mark.parametrize("rung", TALKING)
@pytest.mark.parametrize("fault", UNUSABLE, ids=["garbage", "endless line", "endless lines"])
def test_unusable_answer_is_a_protocol_error(protocol: Protocol, rung: str, fault: Step) -> None:
    outcome, _ = check(protocol, {rung: fault})
    assert (outcome.code, outcome.phase) == (ErrorCode.PROTOCOL_ERROR, Phase(rung))
    assert outcome.diagnostics["attempts"] == 1


@every_protocol
@pytest.mark.parametrize("security", Security)
@pytest.mark.parametrize(
    ("rung", "fault"),
    [
        ("greeting", faults.close),
        ("capability", faults.close),
        ("capability", faults.reset),
        ("login", faults.close),
        ("login", faults.reset),
    ],
)
def test_lost_connection_is_tried_once_more(
    protocol: Protocol, security: Security, rung: str, fault: Step
) -> None:
    outcome, server = check(protocol, {rung: fault}, security)
    assert (outcome.code, outcome.phase) == (ErrorCode.CONNECTION_CLOSED, Phase(rung))
    assert outcome.diagnostics["attempts"] == server.connections == 2


@every_protocol
@pytest.mark.parametrize("rung", ["greeting", "tls"])
def test_connection_reset_at_its_start_is_tried_once_more(protocol: Protocol, rung: str) -> None:
    security = Security.TLS if rung == "tls" else Security.PLAIN
    outcome, server = check(protocol, {rung: faults.reset}, security)
    # The reset may overtake the news that the connection stands.
    assert (outcome.code, outcome.phase) in {
        (ErrorCode.CONNECTION_CLOSED, Phase(rung)),
        (ErrorCode.CONNECTION_FAILED, Phase.CONNECT),
    }
    assert outcome.diagnostics["attempts"] == server.connections == 2


@every_protocol
@pytest.mark.parametrize(
    ("security", "fault"),
    [
        (Security.TLS, faults.close),
        (Security.STARTTLS, faults.close),
        (Security.STARTTLS, faults.reset),
    ],
)
def test_connection_lost_in_the_handshake_is_tried_once_more(
    protocol: Protocol, security: Security, fault: Step
) -> None:
    consent = "{tag} OK\r\n" if protocol is IMAP else "+OK\r\n"
    outcome, server = check(protocol, {"tls": fault, "starttls": [consent, fault]}, security)
    assert (outcome.code, outcome.phase) == (ErrorCode.CONNECTION_CLOSED, Phase.TLS)
    assert server.connections == 2


@every_protocol
def test_connection_lost_behind_the_login_is_not_tried_again(protocol: Protocol) -> None:
    outcome, server = check(protocol, {"mailbox": faults.close})
    assert (outcome.code, outcome.phase) == (ErrorCode.CONNECTION_CLOSED, Phase.MAILBOX)
    assert server.connections == 1


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
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("expired", ErrorCode.CERTIFICATE_EXPIRED),
        ("not_yet_valid", ErrorCode.CERTIFICATE_NOT_YET_VALID),
        ("wrong_name", ErrorCode.CERTIFICATE_NAME_MISMATCH),
        ("untrusted", ErrorCode.CERTIFICATE_UNTRUSTED),
    ],
)
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_bad_certificate_ends_the_check_before_the_password(
    protocol: Protocol, kind: str, code: ErrorCode, security: Security
) -> None:
    outcome, server = check(protocol, security=security, certificate=kind)
    assert (outcome.code, outcome.phase) == (code, Phase.TLS)
    assert outcome.diagnostics["attempts"] == 1
    assert not any(is_secured for _, is_secured in server.received)
    assert not any(PASSWORD.encode() in line for line in server.lines)


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
