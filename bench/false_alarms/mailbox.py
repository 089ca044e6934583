"""A mailbox as its schedule sees it, and how long things may take at most by that."""

from dataclasses import dataclass

from app.domain.health import LATER_FOR, Rules
from app.domain.schedule import BACK_OFF_MS, CONFIRM_AFTER_MS

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
TICK_MS = 200
"""How often the scheduler looks for what is due (`app/worker/scheduler.py`)."""


def first_tick(at_ms: int) -> int:
    return -(-at_ms // TICK_MS) * TICK_MS


@dataclass(frozen=True)
class Mailbox:
    """Checked from one location by a scheduler that is never short of threads."""

    number: int
    interval_ms: int
    timeout_ms: int
    offset_ms: int

    @property
    def _next_look_ms(self) -> int:
        """From the start of one check to the start of the next, at most.

        That one is due within an interval. A check that is still going on by then is waited for, which takes
        no longer than its timeout, and a tick comes then.
        """
        return max(self.interval_ms, self.timeout_ms) + TICK_MS

    @property
    def _next_look_after_refusals_ms(self) -> int:
        return max(self._next_look_ms, BACK_OFF_MS + TICK_MS)

    @property
    def _soon_ms(self) -> int:
        """From the start of a check to the start of the one that confirms it, at most."""
        return self.timeout_ms + CONFIRM_AFTER_MS + TICK_MS

    def detection_ms(self, rules: Rules) -> int:
        """From the start of an outage to the end of the check that confirms it, at most.

        The last check that began before the outage may have found all well; the next one fails, and those
        that confirm it follow soon. So an outage that lasts as long is seen by all of them, and found. For
        refused logins it holds up to two checks, because no more of them are made soon.
        """
        return self._next_look_ms + (rules.alert_checks - 1) * self._soon_ms + self.timeout_ms

    def later_detection_ms(self) -> int:
        """The same for a server that says "later": the last check has to begin 30 minutes after the first.

        By then there have been three, and checks have backed off.
        """
        lasting = int(LATER_FOR.total_seconds() * SECOND)
        return self._next_look_ms + lasting + self._next_look_after_refusals_ms + self.timeout_ms

    def recovery_ms(self, rules: Rules, *, was_refused: bool, setbacks: int = 0) -> int:
        """From the end of an outage to the end of the check that confirms it, at most.

        Setbacks are checks after the outage that failed all the same. Each may undo all that was good before
        it, and is followed at the pace of failures.
        """
        first = self._next_look_after_refusals_ms if was_refused else self._next_look_ms
        confirmed = (rules.recovery_checks - 1) * self._soon_ms
        return first + confirmed + self.timeout_ms + setbacks * (self._next_look_ms + confirmed)
