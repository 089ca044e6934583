"""The one exception: why a check, or a delivery, ended, in words that may be shown to anybody."""

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
