"""Both checkers against a real server."""

from dataclasses import replace

import pytest

from app import checkers
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security, WarningCode
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget, TargetGuard, TlsPolicy
from tests.checkers.documented import faults_of
from tests.parts.certificates import stranger
from tests.parts.dovecot import MESSAGES, Dovecot

LOOPBACK = TargetGuard(allow_private=True)
ENCRYPTED = (Security.STARTTLS, Security.TLS)
RUNGS = {
    Security.PLAIN: {"dns", "connect", "greeting", "capability", "login", "mailbox", "logout"},
    Security.TLS: {"dns", "connect", "tls", "greeting", "capability", "login", "mailbox", "logout"},
    Security.STARTTLS: {
        "dns", "connect", "greeting", "capability", "starttls", "tls", "login", "mailbox", "logout",
    },
}  # fmt: skip

every_protocol = pytest.mark.parametrize("protocol", Protocol)
every_security = pytest.mark.parametrize("security", Security)


def target_of(dovecot: Dovecot, protocol: Protocol, security: Security = Security.TLS) -> CheckTarget:
    return CheckTarget(
        "localhost",
        protocol,
        dovecot.ports[protocol, security],
        security,
        TlsPolicy(ca=dovecot.ca_pem),
        user=dovecot.user,
        password=dovecot.password,
    )


def run(target: CheckTarget) -> CheckOutcome:
    return checkers.run(target, 10, LOOPBACK)


@every_protocol
@every_security
def test_mailbox_is_reached_and_counted(dovecot: Dovecot, protocol: Protocol, security: Security) -> None:
    outcome = run(target_of(dovecot, protocol, security))
    assert (outcome.status, outcome.message) == (CheckStatus.SUCCESS, None)
    mailbox = outcome.diagnostics["mailbox"]
    assert faults_of(outcome.diagnostics) == []
    assert (mailbox["name"], mailbox["messages"]) == ("INBOX", MESSAGES)
    assert set(outcome.diagnostics["timings"]) == RUNGS[security]


@every_protocol
@pytest.mark.parametrize("security", ENCRYPTED)
def test_certificate_is_recorded(dovecot: Dovecot, protocol: Protocol, security: Security) -> None:
    tls = run(target_of(dovecot, protocol, security)).diagnostics["tls"]
    assert tls["version"] == "TLSv1.3"
    assert tls["verified"] is True
    assert tls["certificate"]["subject"] == "CN=localhost"
    assert tls["certificate"]["daysRemaining"] == 364


@every_protocol
@pytest.mark.parametrize("security", ENCRYPTED)
def test_certificate_of_an_unknown_authority_is_untrusted(
    dovecot: Dovecot, protocol: Protocol, security: Security
) -> None:
    for policy in (TlsPolicy(), TlsPolicy(ca=stranger().pem)):
        outcome = run(replace(target_of(dovecot, protocol, security), tls=policy))
        assert (outcome.code, outcome.phase) == (ErrorCode.CERTIFICATE_UNTRUSTED, Phase.TLS)


@every_protocol
@pytest.mark.parametrize("security", ENCRYPTED)
def test_verification_can_be_switched_off(dovecot: Dovecot, protocol: Protocol, security: Security) -> None:
    outcome = run(replace(target_of(dovecot, protocol, security), tls=TlsPolicy(verify=False)))
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["tls"]["verified"] is False
    assert outcome.diagnostics["tls"]["certificate"]["issuer"] == "CN=Pillarbox test authority"


@every_protocol
def test_address_literal_is_verified_against_the_certificate(dovecot: Dovecot, protocol: Protocol) -> None:
    outcome = run(replace(target_of(dovecot, protocol), hostname="127.0.0.1"))
    assert outcome.status is CheckStatus.SUCCESS


@every_protocol
def test_server_name_can_be_given_apart_from_the_host(dovecot: Dovecot, protocol: Protocol) -> None:
    target = replace(target_of(dovecot, protocol), tls_servername="elsewhere.example")
    assert run(target).code is ErrorCode.CERTIFICATE_NAME_MISMATCH
    target = replace(target, hostname="127.0.0.1", tls_servername="localhost")
    assert run(target).status is CheckStatus.SUCCESS


@every_protocol
@every_security
def test_wrong_password_is_an_authentication_failure(
    dovecot: Dovecot, protocol: Protocol, security: Security
) -> None:
    outcome = run(replace(target_of(dovecot, protocol, security), password="wrong"))
    assert (outcome.code, outcome.phase) == (ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN)
    assert outcome.message is not None
    assert outcome.message.startswith("The server refused the login: [AUTH")
    assert outcome.diagnostics["attempts"] == 1
    assert "mailbox" not in outcome.diagnostics


@every_protocol
@pytest.mark.parametrize("user", Dovecot.odd_users)
def test_odd_passwords_arrive_as_they_are(dovecot: Dovecot, protocol: Protocol, user: str) -> None:
    target = replace(target_of(dovecot, protocol), user=user, password=dovecot.odd_users[user])
    assert run(target).status is CheckStatus.SUCCESS


@pytest.mark.parametrize("mailbox", ["Archive", "Entwürfe"])
def test_other_folders_can_be_watched(dovecot: Dovecot, mailbox: str) -> None:
    outcome = run(replace(target_of(dovecot, Protocol.IMAP), mailbox=mailbox))
    found = outcome.diagnostics["mailbox"]
    assert (found["name"], found["messages"]) == (mailbox, 0)


def test_missing_folder_is_mailbox_unavailable(dovecot: Dovecot) -> None:
    outcome = run(replace(target_of(dovecot, Protocol.IMAP), mailbox='No "such" folder'))
    assert (outcome.code, outcome.phase) == (ErrorCode.MAILBOX_UNAVAILABLE, Phase.MAILBOX)
    assert "logout" in outcome.diagnostics["timings"]


@every_protocol
@every_security
def test_check_without_user_ends_behind_the_capabilities(
    dovecot: Dovecot, protocol: Protocol, security: Security
) -> None:
    outcome = run(replace(target_of(dovecot, protocol, security), user=None, password=None))
    assert outcome.status is CheckStatus.SUCCESS
    assert set(outcome.diagnostics["timings"]) == RUNGS[security] - {"login", "mailbox"}
    assert outcome.diagnostics["server"]["capabilities"]


@every_protocol
@every_security
def test_newest_message_is_found(dovecot: Dovecot, protocol: Protocol, security: Security) -> None:
    outcome = run(replace(target_of(dovecot, protocol, security), max_message_age_minutes=60))
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["mailbox"]["newestMessageAt"] > "2026"


@every_protocol
def test_mailbox_without_new_mail_is_stale(dovecot: Dovecot, protocol: Protocol) -> None:
    target = replace(target_of(dovecot, protocol), user="stale@example.com")
    limit = 4 * 24 * 60
    outcome = run(replace(target, max_message_age_minutes=limit))
    assert (outcome.status, outcome.code) == (CheckStatus.WARNING, WarningCode.MAILBOX_STALE)
    assert outcome.message is not None
    assert f"more than {limit} minutes ago" in outcome.message
    assert run(replace(target, max_message_age_minutes=limit * 2)).status is CheckStatus.SUCCESS


def test_old_message_that_was_moved_here_does_not_hide_a_new_one(dovecot: Dovecot) -> None:
    target = replace(target_of(dovecot, Protocol.IMAP), user="moved@example.com")
    assert run(replace(target, max_message_age_minutes=60)).status is CheckStatus.SUCCESS
    assert run(replace(target, max_message_age_minutes=1)).code is WarningCode.MAILBOX_STALE


def test_empty_folder_is_stale(dovecot: Dovecot) -> None:
    target = replace(target_of(dovecot, Protocol.IMAP), mailbox="Archive", max_message_age_minutes=60)
    assert run(target).code is WarningCode.MAILBOX_STALE


def test_quota_is_recorded(dovecot: Dovecot) -> None:
    quota = run(target_of(dovecot, Protocol.IMAP)).diagnostics["mailbox"]["quota"]
    assert quota["storage"]["limit"] == 10 * 1024
    assert quota["message"] == {"used": MESSAGES, "limit": 1000}


def test_guest_gives_its_name(dovecot: Dovecot) -> None:
    run(target_of(dovecot, Protocol.IMAP))
    assert "name=Pillarbox" in dovecot.log()


def contents(dovecot: Dovecot) -> dict[str, tuple[str, int]]:
    """Every message: flags, and when its file was last written. POP3 moves files from `new` to `cur`."""
    paths = [path for folder in ("new", "cur") for path in (dovecot.maildir / folder).iterdir()]
    named = [(path, *path.name.partition(":2,")[::2]) for path in paths]
    return {name: (flags, path.stat().st_mtime_ns) for path, name, flags in named}


def test_nothing_is_changed_marked_or_deleted(dovecot: Dovecot) -> None:
    before = contents(dovecot)
    for protocol in Protocol:
        for security in Security:
            run(replace(target_of(dovecot, protocol, security), max_message_age_minutes=1))
    assert contents(dovecot) == before
    assert len(before) == MESSAGES
