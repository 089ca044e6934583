"""Puts together the outcome of a check: status, message, warnings and the diagnostics of contract 3.3."""

from typing import Any

from app.checkers.attempt import Attempt
from app.checkers.certificate import describe_certificate, timestamp
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, WarningCode
from app.domain.outcome import CheckOutcome
from app.domain.target import DEFAULT_MAILBOX
from app.net.failure import CheckError

Diagnostics = dict[str, Any]

WAITED_FOR = {
    Phase.DNS: "for the name lookup",
    Phase.CONNECT: "for the connection",
    Phase.TLS: "for the TLS handshake",
    Phase.GREETING: "for the greeting",
    Phase.CAPABILITY: "for the capabilities",
    Phase.STARTTLS: "for the answer to STARTTLS",
    Phase.LOGIN: "for the answer to the login",
    Phase.MAILBOX: "for the mailbox",
}

VALIDITY = {
    ErrorCode.CERTIFICATE_EXPIRED: ("It was valid until", "notAfter"),
    ErrorCode.CERTIFICATE_NOT_YET_VALID: ("It is valid from", "notBefore"),
}


def judge(attempt: Attempt, failure: CheckError | None) -> CheckOutcome:
    """The outcome of the last attempt. Never raises, whatever was seen."""
    evidence = _evidence(attempt)
    duration_ms = _milliseconds(attempt.duration or 0.0)
    warnings = {} if failure else _warnings(attempt, evidence, duration_ms)
    code = failure.code if failure else next(iter(warnings), None)
    phase = failure.phase if failure else None
    return CheckOutcome(
        status=CheckStatus.ERROR if failure else CheckStatus.WARNING if warnings else CheckStatus.SUCCESS,
        duration_ms=duration_ms,
        code=code,
        phase=phase,
        message=_failure_message(failure, attempt) if failure else " ".join(warnings.values()) or None,
        diagnostics={
            "errorCode": code and code.value,
            "phase": phase and phase.value,
            **evidence,
            "warnings": [warning.value for warning in warnings],
            "attempts": attempt.number,
            **_transcript(attempt, failure),
        },
    )


def _transcript(attempt: Attempt, failure: CheckError | None) -> Diagnostics:
    """Of a failed check only: of one that worked there is nothing to find out."""
    lines = attempt.transcript.lines(attempt.clean) if failure else []
    return {"transcript": lines} if lines else {}


def _failure_message(failure: CheckError, attempt: Attempt) -> str:
    if failure.code in VALIDITY:
        return " ".join(filter(None, (failure.message, _validity(attempt, failure.code))))
    waited_for = failure.waited_for or (WAITED_FOR.get(failure.phase) if failure.phase else None)
    if failure.code is not ErrorCode.TIMEOUT or waited_for is None:
        return failure.message
    return f"The time limit of {attempt.limits.seconds:g} s ran out while waiting {waited_for}."


def _validity(attempt: Attempt, code: ErrorCode) -> str | None:
    """When the certificate that was not accepted begins or ends, where it could be looked at."""
    words, date = VALIDITY[code]
    seen = (_tls(attempt) or {}).get("certificate", {}).get(date)
    return seen and f"{words} {seen}."


def _warnings(attempt: Attempt, evidence: Diagnostics, duration_ms: int) -> dict[WarningCode, str]:
    """What is wrong with a check that worked: each code with its sentence, the gravest first."""
    warnings, target = {}, attempt.target
    days = evidence.get("tls", {}).get("certificate", {}).get("daysRemaining")
    if days is not None and target.certificate_warning_days and days < target.certificate_warning_days:
        warnings[WarningCode.CERTIFICATE_EXPIRING] = _expiry(days)
    limit_ms = target.response_time_warning_ms
    if limit_ms is not None and duration_ms > limit_ms:
        warnings[WarningCode.SLOW_RESPONSE] = f"The check took {duration_ms} ms, more than {limit_ms} ms."
    if attempt.is_mailbox_open and (staleness := _staleness(attempt)):
        warnings[WarningCode.MAILBOX_STALE] = staleness
    return warnings


def _staleness(attempt: Attempt) -> str | None:
    """Why a mailbox in which mail was expected is to be looked at; not to know is a reason, too."""
    limit, newest = attempt.age_limit, attempt.newest_message_at
    if limit is None:
        return None
    minutes = attempt.target.max_message_age_minutes
    if attempt.messages == 0:
        return f"The mailbox has no message, and one was expected within {minutes} minutes."
    if newest is None:
        return "The server does not say when the newest message arrived."
    if newest >= limit:
        return None
    return f"The newest message arrived at {timestamp(newest)}, more than {minutes} minutes ago."


def _expiry(days: int) -> str:
    if days < 0:
        return "The server's certificate has expired."
    return f"The server's certificate expires in {days} {'day' if days == 1 else 'days'}."


def _evidence(attempt: Attempt) -> Diagnostics:
    """What was seen, rung by rung; a rung not reached is absent."""
    evidence: Diagnostics = {
        "address": attempt.address,
        "timings": {phase.value: _milliseconds(seconds) for phase, seconds in attempt.timings.items()},
        "tls": _tls(attempt),
        "server": _server(attempt),
        "mailbox": _mailbox(attempt),
    }
    return {name: value for name, value in evidence.items() if value is not None}


def _tls(attempt: Attempt) -> Diagnostics | None:
    seen = attempt.tls
    if seen is None:
        return None
    return {
        "version": seen.version,
        "cipher": seen.cipher,
        "verified": seen.is_verified,
        "certificate": describe_certificate(seen.certificate, attempt.clean),
    }


def _server(attempt: Attempt) -> Diagnostics | None:
    if attempt.greeting is None:
        return None
    facts: Diagnostics = {"greeting": attempt.greeting}
    if attempt.capabilities is not None:
        facts["capabilities"] = attempt.capabilities
    return facts


def _mailbox(attempt: Attempt) -> Diagnostics | None:
    if not attempt.is_mailbox_open:
        return None
    is_pop3 = attempt.target.protocol is Protocol.POP3
    name = DEFAULT_MAILBOX if is_pop3 else attempt.target.mailbox
    facts: Diagnostics = {"name": name, "messages": attempt.messages}
    if attempt.newest_message_at is not None:
        facts["newestMessageAt"] = timestamp(attempt.newest_message_at)
    if attempt.quota is not None:
        facts["quota"] = attempt.quota
    return facts


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
