"""What messages are sent with: the settings that notifiers need, handed to them with each message."""

from dataclasses import dataclass, field
from pathlib import Path

from app.domain.smtp_url import SmtpServer
from app.domain.target import TargetGuard, TlsPolicy
from app.notifiers.failure import UndeliveredError

DEFAULT_GUARD = TargetGuard()


@dataclass(frozen=True, kw_only=True)
class Transport:
    smtp_url: SmtpServer | None = None
    """SMTP_URL; without it no e-mail is sent."""
    mail_from: str | None = None
    """MAIL_FROM: an address, or `Name <address>`."""
    sms_url: str | None = field(default=None, repr=False)
    """SMS_URL, with `{to}` where the number belongs; without it no SMS is sent."""
    guard: TargetGuard = DEFAULT_GUARD
    """Which addresses may be dialled for hosts that users enter."""
    ca_file: Path | None = None
    """PEM file of the authorities to trust instead of the system's."""

    @property
    def tls(self) -> TlsPolicy:
        """Raises UndeliveredError when the file cannot be read."""
        if self.ca_file is None:
            return TlsPolicy()
        try:
            return TlsPolicy(ca=self.ca_file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise UndeliveredError("The file of trusted authorities cannot be read.", is_final=True) from None
