"""The rungs of a check as people read them: how far it went, how long it took, what to do."""

import os
import sys
from typing import Any

import click

from app.domain.enums import CheckStatus, Language, Phase, WarningCode
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget
from app.notifiers.words import LEXICONS

MARKS = {CheckStatus.SUCCESS: "✓", CheckStatus.WARNING: "!", CheckStatus.ERROR: "✗"}
PLAIN_MARKS = {CheckStatus.SUCCESS: "+", CheckStatus.WARNING: "!", CheckStatus.ERROR: "x"}
"""For terminals whose encoding has no others."""
COLOURS = {CheckStatus.SUCCESS: "green", CheckStatus.WARNING: "yellow", CheckStatus.ERROR: "red"}
WARNED_AT = {WarningCode.CERTIFICATE_EXPIRING: Phase.TLS, WarningCode.MAILBOX_STALE: Phase.MAILBOX}
"""Rungs that some warnings are of; a slow response is of no single one."""


def ladder(target: CheckTarget, outcome: CheckOutcome, encoding: str) -> list[str]:
    """A line per rung with its milliseconds and what was found there, then the verdict and what to do.

    With colours, unless the environment has NO_COLOR; `click.echo` takes them out where no terminal is.
    What `encoding` cannot write is spelled in letters that it can.
    """
    marks = MARKS if _can_write("".join(MARKS.values()), encoding) else PLAIN_MARKS
    timings: dict[str, int] = outcome.diagnostics["timings"]
    found = _findings(outcome.diagnostics)
    title = f"{target.protocol} {target.hostname} port {target.effective_port} ({target.security})"
    lines = [title]
    for rung, ms in timings.items():
        verdict = _verdict_at(rung, outcome)
        text = f"{rung:<10} {ms:>6} ms  {found.get(rung, '')}".rstrip()
        lines.append(f"  {_coloured(marks[verdict], verdict)} {text}")
    lines.append(_verdict(outcome))
    lines.extend(f"To do: {advice}" for advice in _advice(outcome))
    return [_written(line, encoding) for line in lines]


def output_encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def _verdict_at(rung: str, outcome: CheckOutcome) -> CheckStatus:
    if rung == outcome.phase:
        return CheckStatus.ERROR
    warned = {WARNED_AT.get(WarningCode(code)) for code in outcome.diagnostics.get("warnings", ())}
    return CheckStatus.WARNING if rung in warned else CheckStatus.SUCCESS


def _findings(diagnostics: dict[str, Any]) -> dict[str, str]:
    tls, mailbox = diagnostics.get("tls", {}), diagnostics.get("mailbox", {})
    certificate = tls.get("certificate", {})
    return {
        Phase.CONNECT: diagnostics.get("address", ""),
        Phase.TLS: f"{tls['version']}, certificate until {certificate.get('notAfter')}" if tls else "",
        Phase.GREETING: diagnostics.get("server", {}).get("greeting", ""),
        Phase.MAILBOX: f"{mailbox['name']}: {mailbox['messages']} messages" if mailbox else "",
    }


def _verdict(outcome: CheckOutcome) -> str:
    reason = f": {outcome.code}: {outcome.message}" if outcome.code else ""
    where = f" at {outcome.phase}" if outcome.phase else ""
    return f"{_coloured(outcome.status.upper(), outcome.status)} in {outcome.duration_ms} ms{where}{reason}"


def _advice(outcome: CheckOutcome) -> list[str]:
    """The sentences that alerts have too."""
    codes = outcome.diagnostics.get("warnings") or ([outcome.code] if outcome.code else [])
    words = LEXICONS[Language.ENGLISH].advice
    return [words[code] for code in codes if code in words]


def _coloured(text: str, verdict: CheckStatus) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=COLOURS[verdict], bold=True)


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _written(text: str, encoding: str) -> str:
    return text.encode(encoding, "backslashreplace").decode(encoding)
