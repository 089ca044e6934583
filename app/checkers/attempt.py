"""One climb up the ladder: which rung it is on, how long each took, and what was seen on the way."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from app.domain.enums import Phase
from app.domain.target import CheckTarget, TargetGuard
from app.net.limits import Limits
from app.net.sockets import Connection
from app.net.text import Cleaner
from app.net.transcript import Transcript

MAX_CAPABILITIES = 100
MAX_CAPABILITY_LENGTH = 100


@dataclass
class TlsSeen:
    """The TLS session, as far as it is recorded."""

    version: str | None
    cipher: str | None
    is_verified: bool
    certificate: bytes
    """The server's own, DER."""


@dataclass
class Attempt:
    """What a checker is given, and where it leaves its evidence. Never holds a secret in the open."""

    target: CheckTarget
    guard: TargetGuard
    limits: Limits
    number: int = 1
    ends_with_tls: bool = False
    """Only the certificate is wanted: nothing is said behind the handshake."""
    phase: Phase | None = None
    timings: dict[Phase, float] = field(default_factory=dict)
    """Seconds per rung; a rung climbed twice (capabilities, again after STARTTLS) counts as one."""
    address: str | None = None
    tls: TlsSeen | None = None
    greeting: str | None = None
    capabilities: list[str] | None = None
    messages: int | None = None
    newest_message_at: datetime | None = None
    """Looked for only where somebody wants to know."""
    quota: dict[str, dict[str, int]] | None = None
    goodbye: bytes | None = field(default=None, repr=False)
    """What the server said when it ended the session by itself (IMAP BYE), raw like the last line."""
    last_line: bytes = field(default=b"", repr=False)
    """What the server said last, raw: to be cleaned before it is kept anywhere."""
    is_mailbox_open: bool = False
    duration: float | None = None
    """Seconds from the start of the check to its verdict."""
    connection: Connection | None = field(default=None, repr=False)
    transcript: Transcript = field(default_factory=Transcript, repr=False)

    def __post_init__(self) -> None:
        self.clean = Cleaner(self.target)
        self._entered_at = time.monotonic()

    @cached_property
    def age_limit(self) -> datetime | None:
        """Since when some message has to have arrived. Worked out once, so that no message ages meanwhile."""
        minutes = self.target.max_message_age_minutes
        # app.clock is out of reach for checkers.
        return None if minutes is None else datetime.now(UTC) - timedelta(minutes=minutes)

    def enter(self, phase: Phase | None) -> None:
        """Step from one rung to the next; None steps off the ladder."""
        now = time.monotonic()
        if self.phase is not None:
            self.timings[self.phase] = self.timings.get(self.phase, 0.0) + now - self._entered_at
        self.phase = phase
        self.transcript.is_login = phase is Phase.LOGIN
        self.clean.is_login_sent |= phase is Phase.LOGIN
        self._entered_at = now

    def decide(self) -> None:
        """The verdict stands: the time it took is known, and the logout that follows cannot change it."""
        if self.duration is None:
            self.duration = time.monotonic() - self.limits.started_at

    def record_greeting(self, said: bytes) -> None:
        if self.greeting is None:
            self.greeting = self.clean(said)

    def record_capabilities(self, names: Iterable[str]) -> None:
        self.capabilities = self.clean.lines([*names][:MAX_CAPABILITIES], MAX_CAPABILITY_LENGTH)

    def hang_up(self) -> None:
        """Close the connection, however far it got. May be called twice."""
        if self.connection is not None:
            with suppress(OSError):
                self.connection.hang_up()
