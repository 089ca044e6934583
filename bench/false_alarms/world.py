"""What happens to mailboxes: connections dropped at random, and outages by a script. All of it seeded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from random import Random

from app import checkers
from app.domain.enums import ErrorCode, Phase
from app.domain.health import Rules
from app.domain.schedule import next_slot_ms
from app.net.failure import CheckError
from bench.false_alarms.mailbox import HOUR, MINUTE, SECOND, Mailbox, first_tick

PAUSE_MS = round(checkers.RETRY_PAUSE_SECONDS * SECOND)
SHORTEST_DIALOGUE_MS, LONGEST_DIALOGUE_MS = 50, 1_000
REFUSED_MS = 40
GLIMPSE_MS = 25 * SECOND
"""Below the 30 s after which a failure is confirmed."""
SETTLE_MS = 5 * MINUTE
"""What is left after an outage beyond the time that its recovery may take."""


def _failure(code: ErrorCode, phase: Phase, *, is_retryable: bool = False) -> CheckError:
    failure = CheckError(code, code, is_retryable=is_retryable)
    failure.phase = phase
    return failure


DROPS = [
    _failure(
        ErrorCode.CONNECTION_FAILED if phase is Phase.CONNECT else ErrorCode.CONNECTION_CLOSED,
        phase,
        is_retryable=True,
    )
    for phase in Phase
    if phase in checkers.RETRYABLE_PHASES
]
"""A connection closed or reset on any rung up to the login."""
DROPPED_BEHIND_LOGIN = _failure(ErrorCode.CONNECTION_CLOSED, Phase.MAILBOX, is_retryable=True)


class Kind(StrEnum):
    """What goes wrong in an outage."""

    CLOSING = "closing"
    """Every connection is closed at once."""
    REFUSED = "refused"
    HANGING = "hanging"
    WRONG_PASSWORD = "wrongPassword"
    LATER = "later"
    """The server says "later" for two hours."""
    SHORT_LATER = "shortLater"
    """It does for ten minutes, which is no incident."""
    FLAPPING = "flapping"
    """Refused and well in turns."""
    GLIMPSE = "glimpse"
    """Over before its failure could be confirmed."""
    UNSEEN = "unseen"
    """Over before the next check."""


ANSWERS = {
    Kind.CLOSING: _failure(ErrorCode.CONNECTION_CLOSED, Phase.GREETING, is_retryable=True),
    Kind.REFUSED: _failure(ErrorCode.CONNECTION_REFUSED, Phase.CONNECT, is_retryable=True),
    Kind.HANGING: _failure(ErrorCode.TIMEOUT, Phase.GREETING),
    Kind.WRONG_PASSWORD: _failure(ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN),
    Kind.LATER: _failure(ErrorCode.TEMPORARILY_UNAVAILABLE, Phase.LOGIN),
    Kind.SHORT_LATER: _failure(ErrorCode.TEMPORARILY_UNAVAILABLE, Phase.LOGIN),
    Kind.FLAPPING: _failure(ErrorCode.CONNECTION_REFUSED, Phase.CONNECT, is_retryable=True),
    Kind.GLIMPSE: _failure(ErrorCode.CONNECTION_REFUSED, Phase.CONNECT, is_retryable=True),
    Kind.UNSEEN: _failure(ErrorCode.CONNECTION_REFUSED, Phase.CONNECT, is_retryable=True),
}
HARD = (Kind.CLOSING, Kind.REFUSED, Kind.HANGING, Kind.WRONG_PASSWORD)
REFUSING = (Kind.WRONG_PASSWORD, Kind.LATER, Kind.SHORT_LATER)


@dataclass(frozen=True)
class Outage:
    kind: Kind
    phases: tuple[tuple[int, int], ...]
    """From when until when the mailbox does not work: once, unless it is flapping."""

    @property
    def start_ms(self) -> int:
        return self.phases[0][0]

    @property
    def end_ms(self) -> int:
        return self.phases[-1][1]

    @property
    def is_real(self) -> bool:
        """Whether an alarm about it would be right."""
        return self.kind is not Kind.SHORT_LATER

    @property
    def was_refused(self) -> bool:
        return self.kind in REFUSING

    def bound_ms(self, mailbox: Mailbox, rules: Rules) -> int | None:
        """How long it may take to find it; None where nothing is promised."""
        if self.kind is Kind.LATER:
            return mailbox.later_detection_ms() if rules.alert_checks <= 3 else None
        is_soon = self.kind is not Kind.WRONG_PASSWORD or rules.alert_checks <= 2
        return mailbox.detection_ms(rules) if self.kind in HARD and is_soon else None


def script(
    mailbox: Mailbox, rules: Rules, chance: Random, span: tuple[int, int], quiet_ms: int
) -> list[Outage]:
    """Outages of all kinds in turns, about `quiet_ms` apart, each over for good before the next begins."""
    at, until = span
    order = [*Kind, *HARD]
    chance.shuffle(order)
    outages: list[Outage] = []
    for kind in cycle(order):
        at += round(quiet_ms * chance.uniform(0.5, 1.5))
        outage = Outage(kind, _phases(kind, _start(kind, mailbox, at, chance), mailbox, rules, chance))
        # Room for two drops while it recovers: nothing of it may reach into the next.
        at = outage.end_ms + SETTLE_MS
        at += mailbox.recovery_ms(rules, was_refused=outage.was_refused, setbacks=2)
        if at >= until:
            return outages
        outages.append(outage)
    raise AssertionError("an endless cycle ended")


def _start(kind: Kind, mailbox: Mailbox, at_ms: int, chance: Random) -> int:
    """At any time, or when finding it takes longest: right behind the start of a check."""
    if kind is Kind.UNSEEN or chance.random() < 0.5:
        return first_tick(next_slot_ms(at_ms, mailbox.interval_ms, mailbox.offset_ms)) + 1
    return at_ms


def _phases(
    kind: Kind, start: int, mailbox: Mailbox, rules: Rules, chance: Random
) -> tuple[tuple[int, int], ...]:
    if kind is Kind.FLAPPING:
        return tuple(_flapping(start, mailbox, chance))
    if kind in HARD:
        shortest = mailbox.detection_ms(rules)
        # No longer than it must be to be found, longer, or so short that it takes luck.
        lengths = (shortest, shortest + chance.randrange(4 * HOUR), chance.randrange(MINUTE // 2, shortest))
        length = chance.choice(lengths)
    else:
        length = {
            Kind.LATER: 2 * HOUR,
            Kind.SHORT_LATER: 10 * MINUTE,
            Kind.GLIMPSE: chance.randrange(SECOND, GLIMPSE_MS),
            Kind.UNSEEN: mailbox.interval_ms - SECOND,
        }[kind]
    return ((start, start + length),)


def _flapping(at: int, mailbox: Mailbox, chance: Random) -> Iterator[tuple[int, int]]:
    for _ in range(chance.randrange(3, 15)):
        end = at + chance.randrange(20 * SECOND, 2 * mailbox.interval_ms)
        yield at, end
        at = end + chance.randrange(20 * SECOND, 2 * mailbox.interval_ms)


@dataclass(frozen=True)
class Network:
    """How connections fail by chance, and what is done about it within a check."""

    drop_rate: float = 0.01
    """Of connections, each attempt by itself."""
    share_behind_login: float = 0.0
    """Of the drops, how many come behind the login's answer, where no second attempt is made."""
    has_second_attempt: bool = True

    @property
    def failure_rate(self) -> float:
        """How likely it is that a check of a mailbox that works fails."""
        p, late = self.drop_rate, self.share_behind_login
        return p * late + p * (1 - late) * p if self.has_second_attempt else p


@dataclass
class World:
    """What the checks of one mailbox meet. Asked in the order of time."""

    mailbox: Mailbox
    network: Network
    outages: Sequence[Outage]
    chance: Random
    drops: int = 0
    _ahead: list[tuple[int, int, CheckError, Kind]] = field(init=False, repr=False)
    """What goes wrong, last first."""

    def __post_init__(self) -> None:
        phases = [(*phase, ANSWERS[one.kind], one.kind) for one in self.outages for phase in one.phases]
        self._ahead = phases[::-1]

    def look(self, begin_ms: int) -> tuple[CheckError | None, int]:
        """A check that begins then: why it fails, if it does, and how many milliseconds it takes."""
        failure, spent = self._attempt(begin_ms, self.mailbox.timeout_ms)
        if failure and self.network.has_second_attempt and checkers._deserves_retry(failure):
            left = self.mailbox.timeout_ms - spent - PAUSE_MS
            if left > 0:
                failure, again = self._attempt(begin_ms + spent + PAUSE_MS, left)
                spent += PAUSE_MS + again
        return failure, spent

    def _attempt(self, at_ms: int, left_ms: int) -> tuple[CheckError | None, int]:
        luck = self.chance.random()
        dialogue = SHORTEST_DIALOGUE_MS + round(luck * (LONGEST_DIALOGUE_MS - SHORTEST_DIALOGUE_MS))
        if luck >= 1 - self.network.drop_rate:
            return self._drop(), min(self.chance.randrange(dialogue), left_ms)
        ahead = self._ahead
        while ahead and ahead[-1][1] <= at_ms:
            ahead.pop()
        if not ahead or at_ms < ahead[-1][0]:
            return None, min(dialogue, left_ms)
        _, _, failure, kind = ahead[-1]
        if kind is Kind.HANGING:
            return failure, left_ms
        return failure, min(REFUSED_MS if failure.phase is Phase.CONNECT else dialogue, left_ms)

    def _drop(self) -> CheckError:
        self.drops += 1
        if self.chance.random() < self.network.share_behind_login:
            return DROPPED_BEHIND_LOGIN
        return self.chance.choice(DROPS)
