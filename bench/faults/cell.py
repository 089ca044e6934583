"""One cell of the fault matrix: what a server does, to which client, and the verdict that is due."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security, WarningCode
from app.domain.outcome import CheckOutcome
from tests.fakes.server import Script, Step

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
PLAIN, STARTTLS, TLS = Security.PLAIN, Security.STARTTLS, Security.TLS
GRID = [(protocol, security) for protocol in Protocol for security in (PLAIN, STARTTLS, TLS)]

DEADLINE_SECONDS = 5.0
HANGING_SECONDS = 0.6
"""The deadline where nothing else ends the check: long enough to climb to the rung in question."""

CONSENT = {IMAP: "{tag} OK begin TLS\r\n", POP3: "+OK begin TLS\r\n"}
_OPENINGS = {
    PLAIN: ("greeting", "capability"),
    STARTTLS: ("greeting", "capability", "starttls", "tls", "capability_secured"),
    TLS: ("tls", "greeting", "capability"),
}
_LOGINS = {IMAP: ("login",), POP3: ("user", "login")}


class Place(StrEnum):
    """What there is at the other end."""

    SERVER = "server"
    REFUSING = "refusing port"
    UNANSWERING = "unanswering port"
    NOWHERE = "no such name"


@dataclass(frozen=True)
class Verdict:
    """What a check is to say: the first three things anybody reads of it."""

    status: CheckStatus
    code: ErrorCode | WarningCode | None = None
    phase: Phase | None = None

    def __str__(self) -> str:
        at = f" at {self.phase}" if self.phase else ""
        return f"{self.code or self.status}{at}"


@dataclass(frozen=True)
class Cell:
    """A fault, who meets it, and what comes of it."""

    family: str
    fault: str
    protocol: Protocol
    security: Security
    verdicts: tuple[Verdict, ...]
    """The due one; a second where the network decides which of two things is noticed first."""
    script: Script = field(default_factory=dict)
    certificate: str = "good"
    place: Place = Place.SERVER
    listens: Security | None = None
    """How the server speaks, where that is not how it is spoken to."""
    target: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the target that differ from the ordinary ones."""
    deadline: float = DEADLINE_SECONDS
    attempts: int = 1

    @property
    def name(self) -> str:
        return f"{self.fault} | {self.protocol} | {self.security}"

    @property
    def hangs(self) -> bool:
        return self.deadline == HANGING_SECONDS

    def is_met_by(self, outcome: CheckOutcome) -> bool:
        return Verdict(outcome.status, outcome.code, outcome.phase) in self.verdicts


SUCCESS = Verdict(CheckStatus.SUCCESS)


def error(code: ErrorCode, phase: Phase | str) -> Verdict:
    return Verdict(CheckStatus.ERROR, code, Phase(phase))


def rungs_of(protocol: Protocol, security: Security) -> tuple[str, ...]:
    """The rungs on which a server can do something, in the order in which they are climbed."""
    return (*_OPENINGS[security], *_LOGINS[protocol], "mailbox", "logout")


def phase_of(rung: str) -> Phase:
    return Phase.LOGIN if rung == "user" else Phase(rung.removesuffix("_secured"))


def script_at(protocol: Protocol, security: Security, rung: str, step: Step) -> Script:
    """A script that differs on one rung; a handshake by upgrade comes behind the consent to it."""
    if rung == "tls" and security is STARTTLS:
        return {"starttls": [CONSENT[protocol], *(step if isinstance(step, list) else [step])]}
    return {rung: step}


def at_every_rung(
    family: str,
    fault: str,
    step_for: Callable[[Protocol, str], Step | None],
    code: ErrorCode,
    **others: Any,
) -> Iterator[Cell]:
    """The same fault everywhere; None for a step leaves the rung out. At logout nothing can go wrong."""
    for protocol, security in GRID:
        for rung in rungs_of(protocol, security):
            step = step_for(protocol, rung)
            if step is None:
                continue
            verdict = SUCCESS if rung == "logout" else error(code, phase_of(rung))
            yield Cell(
                family=family,
                fault=f"{fault}, {rung.replace('_secured', ' behind TLS')}",
                protocol=protocol,
                security=security,
                verdicts=(verdict,),
                script=script_at(protocol, security, rung, step),
                **others,
            )
