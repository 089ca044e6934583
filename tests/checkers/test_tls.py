"""Contexts made once, and what is read from certificates."""

import re
import select
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.checkers.attempt import Attempt, TlsSeen
from app.checkers.certificate import days_until, describe_certificate
from app.checkers.verdict import judge
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security, WarningCode
from app.domain.target import CheckTarget, TlsPolicy
from app.net import tls
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.sockets import GuardedSocket
from app.net.text import MASK, Cleaner
from tests.checkers.faking import LOOPBACK, check, target_at
from tests.fakes import faults
from tests.fakes.imap_server import IMAP as IMAP_DIALECT
from tests.fakes.server import HOST, Conversation, FakeServer
from tests.parts.certificates import authority, server_certificate

IMAP = Protocol.IMAP
every_protocol = pytest.mark.parametrize("protocol", Protocol)
CLEAN = Cleaner(target_at(1))


def test_context_is_made_once_per_policy_and_shared_by_threads() -> None:
    policies = [TlsPolicy(), TlsPolicy(verify=False), TlsPolicy(ca=authority().pem)] * 8
    with ThreadPoolExecutor(8) as pool:
        contexts = list(pool.map(tls.context_for, policies))
    assert len({id(context) for context in contexts}) == 3
    assert contexts[0].verify_mode is ssl.CERT_REQUIRED
    assert contexts[0].check_hostname


def test_cache_of_contexts_is_bounded() -> None:
    assert tls._make_context.cache_info().maxsize == tls.MAX_CONTEXTS


@pytest.mark.parametrize(
    ("text", "version"), [("TLSv1.2", ssl.TLSVersion.TLSv1_2), ("TLSv1.3", ssl.TLSVersion.TLSv1_3)]
)
def test_minimum_version_is_set(text: str, version: ssl.TLSVersion) -> None:
    assert tls.context_for(TlsPolicy(minimum_version=text)).minimum_version is version


def test_server_below_the_minimum_version_is_a_tls_failure() -> None:
    old = server_certificate().server_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    policy = TlsPolicy(ca=authority().pem, minimum_version="TLSv1.3")
    outcome, _ = check(
        IMAP, {"tls": lambda conversation: conversation.start_tls(old)}, Security.TLS, tls=policy
    )
    assert (outcome.code, outcome.phase) == (ErrorCode.TLS_FAILURE, Phase.TLS)
    assert outcome.message == "The TLS handshake failed: tlsv1 alert protocol version."


@pytest.mark.parametrize(
    "ca",
    [
        "no PEM at all",
        "für niemanden",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nfür\n-----END CERTIFICATE-----\n",
        authority().pem + authority().pem[:200],
    ],
    ids=["no PEM", "no ASCII", "no certificate", "no base64", "cut off"],
)
def test_unreadable_authority_is_a_tls_failure(ca: str) -> None:
    outcome, server = check(IMAP, security=Security.TLS, tls=TlsPolicy(ca=ca))
    assert (outcome.code, outcome.phase) == (ErrorCode.TLS_FAILURE, Phase.TLS)
    assert outcome.message == "The authority certificates (`ca`) given are not readable as PEM."
    assert server.lines == []


@every_protocol
@pytest.mark.parametrize(
    "comment", ["# Zertifizierungsstelle für alle\n", "\ufeff", "# Ausgestellt für uns\r\n\r\n"]
)
def test_words_beside_the_authorities_may_be_in_any_language(protocol: Protocol, comment: str) -> None:
    bundle = f"{comment}{server_certificate('untrusted').pem}{comment}{authority().pem}# Ende für heute"
    outcome, _ = check(protocol, security=Security.TLS, tls=TlsPolicy(ca=bundle))
    assert outcome.status is CheckStatus.SUCCESS


@pytest.mark.parametrize("name", [".leading.example", "x" * 300, "nul\0.example"])
def test_impossible_server_name_is_a_tls_failure(name: str) -> None:
    outcome, _ = check(IMAP, security=Security.TLS, tls_servername=name)
    assert (outcome.code, outcome.phase) == (ErrorCode.TLS_FAILURE, Phase.TLS)


def test_certificate_itself_may_be_given_as_the_authority() -> None:
    own = TlsPolicy(ca=server_certificate().pem)
    outcome, _ = check(IMAP, security=Security.TLS, tls=own)
    assert outcome.status is CheckStatus.SUCCESS


@every_protocol
@pytest.mark.parametrize(
    ("warning_days", "status"),
    [
        (0, CheckStatus.SUCCESS),
        (364, CheckStatus.SUCCESS),
        (365, CheckStatus.WARNING),
        (400, CheckStatus.WARNING),
    ],
)
def test_certificate_near_its_end_is_a_warning(
    protocol: Protocol, warning_days: int, status: CheckStatus
) -> None:
    outcome, _ = check(protocol, security=Security.TLS, certificate_warning_days=warning_days)
    assert outcome.status is status
    if status is CheckStatus.WARNING:
        assert outcome.code is WarningCode.CERTIFICATE_EXPIRING
        assert outcome.warning_message == "The server's certificate expires in 364 days."
        assert outcome.diagnostics["errorCode"] == "certificate_expiring"
        assert outcome.diagnostics["phase"] is None


def test_expired_certificate_without_verification_is_a_warning() -> None:
    outcome, _ = check(IMAP, security=Security.TLS, certificate="expired", tls=TlsPolicy(verify=False))
    assert (outcome.status, outcome.message) == (
        CheckStatus.WARNING,
        "The server's certificate has expired.",
    )


def test_slow_answer_is_a_second_warning() -> None:
    outcome, _ = check(IMAP, security=Security.TLS, certificate_warning_days=400, response_time_warning_ms=0)
    assert outcome.code is WarningCode.CERTIFICATE_EXPIRING
    assert outcome.diagnostics["warnings"] == ["certificate_expiring", "slow_response"]
    assert outcome.message is not None
    assert outcome.message.endswith(f"The check took {outcome.duration_ms} ms, more than 0 ms.")


def test_quick_answer_is_no_warning() -> None:
    outcome, _ = check(IMAP, response_time_warning_ms=5000)
    assert (outcome.status, outcome.diagnostics["warnings"]) == (CheckStatus.SUCCESS, [])


def break_tls(conversation: Conversation) -> None:
    socket.socket.send(conversation.sock, b"* this is no TLS record at all\r\n")
    faults.silence(conversation)


@every_protocol
def test_tls_that_breaks_down_later_is_a_tls_failure(protocol: Protocol) -> None:
    outcome, _ = check(protocol, {"login": break_tls}, Security.TLS)
    assert (outcome.code, outcome.phase) == (ErrorCode.TLS_FAILURE, Phase.LOGIN)
    assert re.fullmatch(r"TLS broke down: [a-z0-9 ]+\.", outcome.message or "")


@pytest.fixture
def reset_socket() -> Iterator[GuardedSocket]:
    """A connection that the server has reset, and we have not noticed yet."""
    with FakeServer(IMAP_DIALECT, script={"greeting": faults.reset}) as server, GuardedSocket() as sock:
        sock.limits = Limits(5)
        sock.connect((HOST, server.port))
        select.select([sock], [], [], 5)
        yield sock


def test_reset_that_waits_to_be_read_is_left_to_the_handshake(reset_socket: GuardedSocket) -> None:
    with reset_socket.makefile("rb"):
        assert not reset_socket.has_unread()


def test_reset_is_noticed_when_something_is_sent(reset_socket: GuardedSocket) -> None:
    with pytest.raises(CheckError) as caught:
        reset_socket.sendall(b"hello")
    assert caught.value.code is ErrorCode.CONNECTION_CLOSED


def test_unreadable_certificate_is_shown_empty() -> None:
    attempt = Attempt(target_at(1), LOOPBACK, Limits(1))
    attempt.tls = TlsSeen("TLSv1.3", "X", is_verified=False, certificate=b"no DER")
    assert judge(attempt, None).diagnostics["tls"]["certificate"] == {}


def test_days_are_rounded_down() -> None:
    now = datetime.now(UTC)
    assert days_until(now + timedelta(hours=23)) == 0
    assert days_until(now + timedelta(days=2, hours=1)) == 2
    assert days_until(now - timedelta(seconds=1)) == -1


def test_certificate_is_described_as_the_contract_has_it() -> None:
    der = ssl.PEM_cert_to_DER_cert(server_certificate().pem)
    described = describe_certificate(der, CLEAN)
    assert list(described) == [
        "subject", "issuer", "notBefore", "notAfter", "daysRemaining", "fingerprintSha256",
    ]  # fmt: skip
    assert described["notAfter"].endswith("000Z")
    assert len(described["fingerprintSha256"]) == 64


def test_certificate_seen_before_is_cleaned_for_each_target_anew() -> None:
    der = ssl.PEM_cert_to_DER_cert(server_certificate().pem)
    describe_certificate(der, CLEAN)
    knowing = Cleaner(CheckTarget("localhost", user="u", password="localhost"))
    assert describe_certificate(der, knowing)["subject"] == f"CN={MASK}"
    assert describe_certificate(der, CLEAN)["subject"] == "CN=localhost"


def test_certificate_too_large_to_be_kept_is_described_too() -> None:
    names = tuple(f"host-{number}.example" for number in range(1_000))
    der = ssl.PEM_cert_to_DER_cert(authority().issue(names).pem)
    assert describe_certificate(der, CLEAN)["subject"] == "CN=host-0.example"


def test_unreadable_part_of_a_certificate_is_left_out() -> None:
    der = ssl.PEM_cert_to_DER_cert(server_certificate().pem)
    name = bytes.fromhex("0c09") + b"localhost"
    broken = der.replace(name, bytes.fromhex("0c09") + b"\xff\xff\xffalhost")
    assert "subject" not in describe_certificate(broken, CLEAN)
    assert "notAfter" in describe_certificate(broken, CLEAN)
