"""Signing in with a token: is that possible here, where is the token, and what did the server make of it."""

from typing import Protocol

from app.checkers.attempt import Attempt
from app.checkers.sasl import MECHANISMS, BearerExchange, choose_mechanism
from app.checkers.token_cache import TokenCache
from app.checkers.token_endpoint import Grant, request_token
from app.domain.enums import ErrorCode
from app.domain.oauth import OAuthSettings
from app.net.failure import CheckError

TOKENS = TokenCache()


class BearerSession(Protocol):
    """The part of a session that takes tokens."""

    @property
    def mechanisms(self) -> set[str]:
        """The names of the SASL mechanisms on offer, in capitals."""

    def exchange(self, exchange: BearerExchange) -> None:
        """Raises CheckError when the server refuses."""


def learn_known_tokens(attempt: Attempt) -> None:
    """A server that got a token from an earlier check may echo it in its greeting."""
    if attempt.target.oauth is not None:
        attempt.clean.learn(*TOKENS.known_secrets(attempt.target.oauth))


def sign_in_with_token(session: BearerSession, attempt: Attempt, settings: OAuthSettings) -> None:
    """Get a token and show it to the server. Raises CheckError."""
    mechanism = _mechanism(session, attempt)
    token = TOKENS.token(settings, attempt.limits, lambda refresh: _fetch(settings, refresh, attempt))
    exchange = BearerExchange(mechanism, attempt.target, token)
    attempt.clean.learn(token)
    try:
        session.exchange(exchange)
    except CheckError as failure:
        refusal = _explained(failure, exchange, attempt)
        if refusal.code is ErrorCode.AUTHENTICATION_FAILED:
            TOKENS.forget(settings, token)
        raise refusal from None


def _mechanism(session: BearerSession, attempt: Attempt) -> str:
    """A token in the clear is anybody's (RFC 6750, 5.3), so none goes out without TLS, wherever to."""
    if attempt.tls is None:
        raise CheckError(
            ErrorCode.LOGIN_DISABLED, "A token is not sent without TLS; set `tls` or `startTls`."
        )
    mechanism = choose_mechanism(session.mechanisms)
    if mechanism is None:
        raise CheckError(
            ErrorCode.LOGIN_DISABLED,
            f"The server does not offer a login with a token ({' or '.join(MECHANISMS)}).",
        )
    return mechanism


def _fetch(settings: OAuthSettings, refresh_token: str | None, attempt: Attempt) -> Grant:
    if refresh_token is not None:
        attempt.clean.learn(refresh_token)
    return request_token(settings, refresh_token or settings.refresh_token, attempt)


def _explained(failure: CheckError, exchange: BearerExchange, attempt: Attempt) -> CheckError:
    """A refusal with the reason that the server gave in its complaint, ahead of its NO.

    Behind a complaint even a BAD or a closed connection is about the token.
    """
    if exchange.complaint is None:
        return failure
    if failure.code in {ErrorCode.PROTOCOL_ERROR, ErrorCode.CONNECTION_CLOSED}:
        failure.code, failure.is_retryable = ErrorCode.AUTHENTICATION_FAILED, False
    if exchange.complaint:
        failure.message += f" (token status: {attempt.clean(exchange.complaint)})"
    return failure
