"""Logins with a token at a real server, which asks the token server whose token it is."""

import pytest

from app import checkers
from app.checkers import sasl
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget, TargetGuard, TlsPolicy
from tests.fakes.token_server import granting
from tests.parts.dovecot import MESSAGES, Dovecot

LOOPBACK = TargetGuard(allow_private=True)
STATUS = {sasl.XOAUTH2: "401", sasl.OAUTHBEARER: "invalid_token"}
"""What Dovecot complains of."""
UNKNOWN = "a.token.that.nobody.granted"

every_protocol = pytest.mark.parametrize("protocol", Protocol)
encrypted = pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])


@pytest.fixture(params=sasl.MECHANISMS)
def mechanism(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Dovecot offers both, so the choice is narrowed down to one."""
    monkeypatch.setattr(sasl, "MECHANISMS", (request.param,))
    return request.param


def run(
    dovecot: Dovecot, protocol: Protocol, security: Security = Security.TLS, **oauth: str
) -> CheckOutcome:
    target = CheckTarget(
        "localhost",
        protocol,
        dovecot.ports[protocol, security],
        security,
        TlsPolicy(ca=dovecot.ca_pem),
        user=dovecot.user,
        oauth=dovecot.tokens.settings(**oauth),
    )
    return checkers.run(target, 10, LOOPBACK)


@every_protocol
@encrypted
def test_token_opens_the_mailbox(
    dovecot: Dovecot, protocol: Protocol, security: Security, mechanism: str
) -> None:
    outcome = run(dovecot, protocol, security)
    assert (outcome.status, outcome.message) == (CheckStatus.SUCCESS, None)
    assert outcome.diagnostics["mailbox"]["messages"] == MESSAGES


@every_protocol
def test_long_token_opens_it_in_two_steps(dovecot: Dovecot, protocol: Protocol, mechanism: str) -> None:
    token = f"long-{protocol}-{mechanism}-" + "x" * 3000
    dovecot.tokens.users[token] = dovecot.user
    with dovecot.tokens.acting(granting(access_token=token)):
        outcome = run(dovecot, protocol, scope=token)
    assert (outcome.status, outcome.message) == (CheckStatus.SUCCESS, None)


@every_protocol
def test_unknown_token_is_an_authentication_failure(
    dovecot: Dovecot, protocol: Protocol, mechanism: str
) -> None:
    with dovecot.tokens.acting(granting(access_token=UNKNOWN)):
        outcome = run(dovecot, protocol, scope=f"unknown {protocol} {mechanism}")
    assert (outcome.code, outcome.phase) == (ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN)
    assert outcome.message is not None
    assert outcome.message.startswith("The server refused the login: [AUTH")
    assert outcome.message.endswith(f"(token status: {STATUS[mechanism]})")
    assert outcome.diagnostics["attempts"] == 1
    assert UNKNOWN not in repr(outcome)
