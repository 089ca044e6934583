"""Waiting for what other threads and processes do, with an end."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def until(condition: Callable[[], T], seconds: float = 60.0) -> T:
    """What the condition says once it is truthy; an assertion error when that takes too long."""
    end, never = monotonic() + seconds, Event()
    while not (value := condition()):
        assert monotonic() < end, f"still {value!r} after {seconds} s"
        never.wait(POLL_SECONDS)
    return value
