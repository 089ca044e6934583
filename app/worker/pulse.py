"""How the parts of a scheduler process are, for whoever has to know whether it is really at work."""

from collections.abc import Callable
from time import monotonic

STALLED_AFTER_SECONDS = 10.0
"""Far longer than a tick takes, even on a database that is busy."""


class Pulse:
    """`ticked_at` tells when a tick last went through, by the monotonic clock."""

    def __init__(self, ticked_at: Callable[[], float], is_held_up: Callable[[], bool]) -> None:
        self._ticked_at = ticked_at
        self._is_held_up = is_held_up

    @property
    def is_held_up(self) -> bool:
        """Whether results wait because the database was away."""
        return self._is_held_up()

    def fault(self) -> str | None:
        """In a word what keeps this process from its work. None: nothing."""
        if self.is_held_up:
            return "held_up"
        return "stalled" if monotonic() - self._ticked_at() > STALLED_AFTER_SECONDS else None
