"""What is to be checked, as plain values: a `CheckTarget` holds all that a checker needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from app.domain.enums import AuthMethod, Protocol, Security
from app.domain.oauth import OAuthSettings, oauth_from_config

DEFAULT_PORTS = {
    (Protocol.IMAP, True): 993,
    (Protocol.IMAP, False): 143,
    (Protocol.POP3, True): 995,
    (Protocol.POP3, False): 110,
}
"""(protocol, TLS from the first byte) -> port (seed page, "Default ports")."""

DEFAULT_MAILBOX = "INBOX"
DEFAULT_CERTIFICATE_WARNING_DAYS = 14


@dataclass(frozen=True)
class TlsPolicy:
    """How to do TLS. Hashable, because one `SSLContext` per policy is made and shared."""

    verify: bool = True
    ca: str | None = None
    """PEM text of the authorities to trust instead of the system's."""
    minimum_version: str | None = None
    """`TLSv1.2` or `TLSv1.3`; None: what OpenSSL's defaults allow."""
    is_legacy: bool = False
    """Also TLS 1.0 and 1.1, weak ciphers and signatures: for servers that know nothing newer."""


@dataclass(frozen=True)
class CheckTarget:
    """One mailbox to check. `hostname` is an A-label or an IP literal; `port` None means the default."""

    hostname: str
    protocol: Protocol = Protocol.IMAP
    port: int | None = None
    security: Security = Security.PLAIN
    tls: TlsPolicy = TlsPolicy()
    tls_servername: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    oauth: OAuthSettings | None = None
    """Where the token comes from that takes the password's place."""
    mailbox: str = DEFAULT_MAILBOX
    certificate_warning_days: int = DEFAULT_CERTIFICATE_WARNING_DAYS
    response_time_warning_ms: int | None = None
    max_message_age_minutes: int | None = None

    @property
    def effective_port(self) -> int:
        """The port that is dialled: the stored one, else the protocol's default."""
        return self.port or DEFAULT_PORTS[self.protocol, self.security is Security.TLS]


@dataclass(frozen=True)
class TargetGuard:
    """Which addresses may be dialled (settings ALLOW_PRIVATE_TARGETS, TARGET_ALLOW, TARGET_DENY)."""

    allow_private: bool = False
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    deny: tuple[IPv4Network | IPv6Network, ...] = ()


def target_from_config(hostname: str, port: int | None, config: Mapping[str, Any]) -> CheckTarget:
    """Read a stored, validated `imapPopConfig` with the defaults of the seed page."""
    tls_options = config.get("tlsOptions") or {}
    warning_days = config.get("certificateWarningDays")
    return CheckTarget(
        hostname=hostname,
        port=port,
        protocol=Protocol(config.get("protocol") or Protocol.IMAP),
        security=_security(config),
        tls=TlsPolicy(
            verify=tls_options.get("rejectUnauthorized") is not False,
            ca=tls_options.get("ca"),
            minimum_version=tls_options.get("minVersion"),
            is_legacy=tls_options.get("legacy") is True,
        ),
        tls_servername=tls_options.get("servername"),
        user=config.get("user"),
        password=config.get("password"),
        oauth=oauth_from_config(config.get("oauth2") or {}) if is_xoauth2(config) else None,
        mailbox=config.get("mailbox") or DEFAULT_MAILBOX,
        certificate_warning_days=(DEFAULT_CERTIFICATE_WARNING_DAYS if warning_days is None else warning_days),
        response_time_warning_ms=config.get("responseTimeWarningMs"),
        max_message_age_minutes=config.get("maxMessageAgeMinutes"),
    )


def is_xoauth2(config: Mapping[str, Any]) -> bool:
    return config.get("authMethod") == AuthMethod.XOAUTH2


def _security(config: Mapping[str, Any]) -> Security:
    if config.get("tls"):
        return Security.TLS
    return Security.STARTTLS if config.get("startTls") else Security.PLAIN
