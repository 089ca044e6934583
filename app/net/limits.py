"""What one check may use up: its time, its bytes and its lines."""

import time

from app.domain.enums import ErrorCode
from app.net.failure import CheckError

BYTE_BUDGET = 256 * 1024
"""Enough for greeting, capabilities, login and EXAMINE or STAT many times over."""
LINE_BUDGET = 2_000
"""Keeps a server from filling the budget with lines so short that handling them costs real time."""


class Limits:
    """One deadline and one budget for the whole check, second attempt and logout included."""

    def __init__(self, seconds: float, bytes_left: int = BYTE_BUDGET, lines_left: int = LINE_BUDGET) -> None:
        self.seconds = seconds
        self.started_at = time.monotonic()
        self.deadline = self.started_at + seconds
        self.bytes_left = bytes_left
        self.lines_left = lines_left

    def remaining(self) -> float:
        """Seconds until the deadline, always more than 0. Raises CheckError (timeout) once it has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.expired()
        return left

    def expired(self) -> CheckError:
        return CheckError(ErrorCode.TIMEOUT, f"The time limit of {self.seconds:g} s is over.")

    def tighten(self, seconds: float) -> None:
        """Bring the deadline forward to at most so many seconds from now."""
        self.deadline = min(self.deadline, time.monotonic() + seconds)

    def pause(self, seconds: float) -> bool:
        """Wait, if the deadline leaves room for that; tell whether it did."""
        if self.deadline - time.monotonic() <= seconds:
            return False
        time.sleep(seconds)
        return True

    @property
    def is_used_up(self) -> bool:
        """Whether more was sent than there is room for."""
        return self.bytes_left <= 0 or self.lines_left <= 0

    def allow(self, size: int) -> int:
        """How many of `size` bytes may still be read, at least 1. Raises CheckError when none may."""
        if self.is_used_up:
            raise CheckError(ErrorCode.PROTOCOL_ERROR, "The server sent far more than a check can need.")
        return min(size, self.bytes_left)

    def spend_bytes(self, count: int) -> None:
        self.bytes_left -= count

    def spend_lines(self, received: bytes) -> None:
        self.lines_left -= received.count(b"\n")
