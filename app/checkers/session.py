"""The order of the rungs above the connection, the same for both protocols."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from app.checkers.attempt import Attempt
from app.checkers.connection import connect
from app.checkers.oauth import BearerSession, learn_known_tokens, sign_in_with_token
from app.domain.enums import ErrorCode, Phase, Security
from app.net.failure import CheckError
from app.net.sockets import Connection

LOGOUT_SECONDS = 1.0
LOOK_AROUND_SECONDS = 3.0

DIALOGUE_INTACT = frozenset(
    {
        ErrorCode.STARTTLS_UNAVAILABLE,
        ErrorCode.LOGIN_DISABLED,
        ErrorCode.AUTHENTICATION_FAILED,
        ErrorCode.TEMPORARILY_UNAVAILABLE,
        ErrorCode.OAUTH_FAILED,
        ErrorCode.TARGET_FORBIDDEN,
        ErrorCode.MAILBOX_UNAVAILABLE,
    }
)
"""Refusals, of the token endpoint too, after which the server is still listening: a guest says goodbye."""


class Session(BearerSession, Protocol):
    """A greeted server. Each step raises CheckError when the server refuses it."""

    @property
    def is_signed_in(self) -> bool: ...

    def upgrade(self) -> None:
        """STARTTLS or STLS, and the capabilities anew."""

    def sign_in(self, user: str, password: str) -> None: ...

    def open_mailbox(self) -> None:
        """Read-only."""

    def look_around(self) -> None:
        """What else is recorded of an open mailbox. Anything may be raised: the verdict stands."""

    def say_goodbye(self) -> None: ...


def climb(attempt: Attempt, greet: Callable[[Connection, Attempt], Session]) -> None:
    """Climb the whole ladder. Raises CheckError, with `phase` naming the rung that failed."""
    learn_known_tokens(attempt)
    session = greet(connect(attempt), attempt)
    try:
        _climb_session(session, attempt)
    except CheckError as failure:
        failure.phase = attempt.phase
        if failure.code in DIALOGUE_INTACT and attempt.goodbye is None:
            _leave(session, attempt)
        raise
    _leave(session, attempt)


def _climb_session(session: Session, attempt: Attempt) -> None:
    target = attempt.target
    if target.security is Security.STARTTLS:
        session.upgrade()
    if not target.user:
        return
    if not session.is_signed_in:
        attempt.enter(Phase.LOGIN)
        if target.oauth:
            sign_in_with_token(session, attempt, target.oauth)
        else:
            session.sign_in(target.user, target.password or "")
    attempt.enter(Phase.MAILBOX)
    session.open_mailbox()
    _look_around(session, attempt)


def _look_around(session: Session, attempt: Attempt) -> None:
    """Within three seconds and within the deadline. Who can open the mailbox has what the check is about.

    Otherwise a slow quota, or one message with endless headers, would be an outage.
    """
    attempt.decide()
    attempt.limits.tighten(LOOK_AROUND_SECONDS)
    with suppress(Exception):
        session.look_around()


def _leave(session: Session, attempt: Attempt) -> None:
    """Log out, within a second and within the deadline. Whatever happens here, the verdict stands."""
    attempt.decide()
    attempt.limits.tighten(LOGOUT_SECONDS)
    attempt.enter(Phase.LOGOUT)
    with suppress(Exception):
        session.say_goodbye()
    attempt.enter(None)
