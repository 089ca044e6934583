"""What a checker found, before it is stored."""

from dataclasses import dataclass, field
from typing import Any

from app.domain.enums import CheckStatus, ErrorCode, Phase, WarningCode


@dataclass(frozen=True)
class CheckOutcome:
    """The verdict of one check and the evidence for it (contract 3.3). Never holds a secret."""

    status: CheckStatus
    duration_ms: int
    """Whole milliseconds from the start of name resolution to the verdict."""
    code: ErrorCode | WarningCode | None = None
    phase: Phase | None = None
    """The rung that decided: where an error happened; None when the whole ladder was climbed."""
    message: str | None = None
    """One sentence for a person; None on success."""
    diagnostics: dict[str, Any] = field(default_factory=dict)
    """The `diagnostics` object of contract 3.3, ready for JSON."""

    @property
    def error_message(self) -> str | None:
        return self.message if self.status is CheckStatus.ERROR else None

    @property
    def warning_message(self) -> str | None:
        return self.message if self.status is CheckStatus.WARNING else None
