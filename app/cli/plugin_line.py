"""A check as monitoring systems read it: one line with performance data (Monitoring Plugins guidelines)."""

import re
from collections.abc import Iterator
from typing import Any

from app.domain.enums import CheckStatus, Security
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget

STATES = {CheckStatus.SUCCESS: "OK", CheckStatus.WARNING: "WARNING", CheckStatus.ERROR: "CRITICAL"}
_SECURITIES = {Security.TLS: " (TLS)", Security.STARTTLS: " (STARTTLS)", Security.PLAIN: ""}


def plugin_line(target: CheckTarget, outcome: CheckOutcome, timeout: float) -> str:
    """`IMAP OK - mail.example.com:993 (TLS) 123 ms, 42 messages | time=0.123s;;;0;30 …`"""
    host = f"[{target.hostname}]" if ":" in target.hostname else target.hostname
    place = f"{host}:{target.effective_port}{_SECURITIES[target.security]}"
    told = _tame(f"{place} {outcome.duration_ms} ms{_story(outcome)}")
    data = " ".join(_performance(target, outcome, timeout))
    return f"{target.protocol.upper()} {STATES[outcome.status]} - {told} | {data}"


def _story(outcome: CheckOutcome) -> str:
    if outcome.code:
        where = f" at {outcome.phase}" if outcome.phase else ""
        return f", {outcome.code}{where}: {outcome.message}"
    mailbox = outcome.diagnostics.get("mailbox")
    return f", {mailbox['messages']} messages" if mailbox else ""


def _performance(target: CheckTarget, outcome: CheckOutcome, timeout: float) -> Iterator[str]:
    """`label=value[unit];warning;critical;minimum;maximum`. A limit `14:` is passed below 14."""
    limit_ms = target.response_time_warning_ms
    slow = "" if limit_ms is None else f"{limit_ms / 1000:g}"
    yield f"time={_seconds(outcome.duration_ms)};{slow};;0;{timeout:g}"
    timings: dict[str, int] = outcome.diagnostics["timings"]
    for rung, ms in timings.items():
        yield f"{rung}={_seconds(ms)};;;0"
    certificate: dict[str, Any] = outcome.diagnostics.get("tls", {}).get("certificate", {})
    if (days := certificate.get("daysRemaining")) is not None:
        warned = f"{target.certificate_warning_days}:" if target.certificate_warning_days else ""
        yield f"certificate_days={days};{warned};0:"
    mailbox = outcome.diagnostics.get("mailbox", {})
    if (messages := mailbox.get("messages")) is not None:
        yield f"messages={messages};;;0"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}s"


def _tame(text: str) -> str:
    """A server's words must not begin performance data, another line, or another field."""
    return re.sub(r"\s+", " ", text.replace("|", "/").replace(";", ",")).strip()
