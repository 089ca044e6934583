"""The one exception: why a check, or a delivery, ended, in words that may be shown to anybody."""

import traceback
from pathlib import Path

from app.domain.enums import ErrorCode, Phase


class CheckError(Exception):
    """A verdict on its way up. The message is one clean sentence: no secret, no control character.

    `is_retryable` marks a connection that was refused, closed or reset, so that one second attempt
    makes sense. `phase` is filled in where the rung is left before the error arrives at the top.
    """

    def __init__(self, code: ErrorCode, message: str, *, is_retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_retryable = is_retryable
        self.phase: Phase | None = None
        self.waited_for: str | None = None
        """What a timeout was spent on, where the rung does not say it."""


def place_of(error: Exception) -> str:
    """Type and place of an error. Its text stays out: it may quote anything, the password included."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    return f"{type(error).__name__} in {where}"
