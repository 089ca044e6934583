"""Checks one mailbox over IMAP or POP3: a pure call that needs neither Flask nor a database."""

from collections.abc import Callable
from dataclasses import replace

from app.checkers.attempt import Attempt
from app.checkers.imap import check_imap
from app.checkers.pop3 import check_pop3
from app.checkers.verdict import judge
from app.domain.enums import ErrorCode, Phase, Protocol
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget, TargetGuard
from app.net.failure import CheckError, place_of
from app.net.limits import Limits
from app.net.text import has_control_characters
from app.net.tls import CERTIFICATE_MESSAGES

CHECKERS: dict[Protocol, Callable[[Attempt], None]] = {
    Protocol.IMAP: check_imap,
    Protocol.POP3: check_pop3,
}

DEFAULT_GUARD = TargetGuard()
RETRY_PAUSE_SECONDS = 0.25
"""Long enough for a server that is just being restarted, short enough to leave the deadline alone."""
LOOK_SECONDS = 3.0
RETRYABLE_PHASES = frozenset(
    {Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.CAPABILITY, Phase.STARTTLS, Phase.LOGIN}
)


def run(target: CheckTarget, deadline_seconds: float, guard: TargetGuard = DEFAULT_GUARD) -> CheckOutcome:
    """Check one mailbox, within so many seconds from name resolution to logout. Never raises.

    A connection that was refused at its start, or closed before the login was answered, gets one second
    attempt inside the same deadline. A timeout does not: the time is gone. An answered login neither:
    asking again locks accounts.
    """
    limits = Limits(deadline_seconds)
    attempt = Attempt(target, guard, limits)
    failure = _try(attempt)
    if failure and _deserves_retry(failure) and limits.pause(RETRY_PAUSE_SECONDS):
        attempt = Attempt(target, guard, limits, number=2)
        failure = _try(attempt)
    if failure and failure.code in CERTIFICATE_MESSAGES:
        _look_at_certificate(attempt)
    return judge(attempt, failure)


def _look_at_certificate(failed: Attempt) -> None:
    """Record the certificate that was not accepted, so that its dates and names can be read.

    ssl shows none after a failed handshake, so there is a second one at the same address, without
    verification and with nothing said behind it.
    """
    target = failed.target
    failed.limits.tighten(LOOK_SECONDS)
    look = Attempt(
        target=replace(
            target,
            hostname=failed.address or target.hostname,
            tls_servername=target.tls_servername or target.hostname,
            tls=replace(target.tls, verify=False),
            user=None,
            password=None,
        ),
        guard=failed.guard,
        limits=failed.limits,
        ends_with_tls=True,
    )
    _try(look)
    failed.tls = look.tls


def _deserves_retry(failure: CheckError) -> bool:
    return failure.is_retryable and failure.phase in RETRYABLE_PHASES


def _try(attempt: Attempt) -> CheckError | None:
    """One climb; the reason when it fails. The connection is closed behind it in any case."""
    try:
        _refuse_control_characters(attempt.target)
        CHECKERS[attempt.target.protocol](attempt)
    except CheckError as failure:
        return _settled(failure, attempt)
    except Exception as error:  # noqa: BLE001 - the edge: a check has an outcome whatever happens
        crash = CheckError(ErrorCode.INTERNAL_ERROR, f"The check itself failed: {place_of(error)}.")
        return _settled(crash, attempt)
    finally:
        attempt.hang_up()
    return None


def _settled(failure: CheckError, attempt: Attempt) -> CheckError:
    """Fix the rung that failed and the time it took, unless a logout behind the failure has done so."""
    failure.phase = failure.phase or attempt.phase
    attempt.decide()
    attempt.enter(None)
    # The traceback leads to frames that hold the password.
    return failure.with_traceback(None)


def _refuse_control_characters(target: CheckTarget) -> None:
    """A line break in one of these would end the command and start another, of somebody else's choice."""
    fields = (
        ("user name", target.user, Phase.LOGIN),
        ("password", target.password, Phase.LOGIN),
        ("mailbox name", target.mailbox, Phase.MAILBOX),
    )
    for name, value, phase in fields:
        if value is not None and has_control_characters(value):
            failure = CheckError(
                ErrorCode.INTERNAL_ERROR, f"The {name} contains control characters; nothing was sent."
            )
            failure.phase = phase
            raise failure
