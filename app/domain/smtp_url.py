"""Where our own mail is handed in: the setting SMTP_URL, taken apart."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from app.domain.hostname import HostnameError, normalise_hostname

TLS_PORT, SUBMISSION_PORT, PLAIN_PORT = 465, 587, 25
PARAMETER = "starttls"


class SmtpSecurity(StrEnum):
    """When TLS begins."""

    TLS = "tls"
    """With the first byte (RFC 8314)."""
    REQUIRED = "required"
    """By STARTTLS (RFC 3207); a server that does not offer it gets nothing."""
    OPTIONAL = "optional"
    """By STARTTLS where the server offers it; then it has to work."""
    OFF = "off"


class SmtpUrlError(ValueError):
    """The text is no URL that mail could be handed in at; it says why, without quoting it."""


@dataclass(frozen=True)
class SmtpServer:
    """`hostname` is an A-label or an IP literal."""

    hostname: str
    port: int
    security: SmtpSecurity
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def split_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://` or `smtps://`, with `user:password@` percent-encoded and `?starttls=` where wanted.

    Raises SmtpUrlError.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        hostname = normalise_hostname(parts.hostname or "")
    except (HostnameError, ValueError):
        raise SmtpUrlError("must be an smtp or smtps URL with a valid host name") from None
    if parts.scheme not in {"smtp", "smtps"} or parts.path not in {"", "/"} or parts.fragment or port == 0:
        raise SmtpUrlError("must look like smtp://user:password@host:587 or smtps://…")
    if parts.username is not None and not (parts.username and parts.password):
        raise SmtpUrlError("must have a user together with a password, or neither")
    security = _security(parts)
    return SmtpServer(
        hostname,
        port or _usual_port(security),
        security,
        _decoded(parts.username),
        _decoded(parts.password),
    )


def _security(parts: SplitResult) -> SmtpSecurity:
    """Nobody's password goes in the clear unless the URL says so."""
    wish = dict(parse_qsl(parts.query, keep_blank_values=True))
    choices = [choice.value for choice in (SmtpSecurity.REQUIRED, SmtpSecurity.OPTIONAL, SmtpSecurity.OFF)]
    if wish.keys() - {PARAMETER} or wish.get(PARAMETER, choices[0]) not in choices:
        raise SmtpUrlError(f"must have no parameter but {PARAMETER}, with one of {', '.join(choices)}")
    if parts.scheme == "smtps":
        if wish:
            raise SmtpUrlError(f"must not have {PARAMETER} together with smtps")
        return SmtpSecurity.TLS
    return SmtpSecurity(wish.get(PARAMETER) or ("required" if parts.username else "off"))


def _usual_port(security: SmtpSecurity) -> int:
    if security is SmtpSecurity.TLS:
        return TLS_PORT
    return PLAIN_PORT if security is SmtpSecurity.OFF else SUBMISSION_PORT


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text)
