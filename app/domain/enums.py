"""The closed lists of Pillarbox; every value is what the API and the database carry."""

from enum import StrEnum


class Protocol(StrEnum):
    IMAP = "imap"
    POP3 = "pop3"


class Security(StrEnum):
    """How a connection is protected: not at all, from the first byte, or by upgrade."""

    PLAIN = "plain"
    TLS = "tls"
    STARTTLS = "starttls"


class AuthMethod(StrEnum):
    """How a mailbox is signed in to: with its password, or with a token from somebody else."""

    PASSWORD = "password"
    XOAUTH2 = "xoauth2"


class GrantType(StrEnum):
    """What a token is asked for with (RFC 6749)."""

    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"


class OAuthPreset(StrEnum):
    """Providers whose token endpoint and scope need not be spelled out."""

    MICROSOFT365 = "microsoft365"
    GOOGLE = "google"


class MonitorStatus(StrEnum):
    """What a person set."""

    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    DISABLED = "disabled"


class CustomerStatus(StrEnum):
    ACTIVE = "active"
    MARKED_FOR_CANCELLATION = "marked_for_cancellation"


class CheckStatus(StrEnum):
    """Verdict of one check (contract 3.3)."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


class Health(StrEnum):
    """What we conclude from the results so far (contract 3.1)."""

    PENDING = "pending"
    """No result yet, or failures that are not confirmed of a mailbox that never worked."""
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    NO_DATA = "no_data"


class Phase(StrEnum):
    """The rungs of a check, in the order in which they are climbed."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    CAPABILITY = "capability"
    STARTTLS = "starttls"
    LOGIN = "login"
    MAILBOX = "mailbox"
    LOGOUT = "logout"


class ErrorCode(StrEnum):
    """Why a check failed (contract 3.3); incidents carry it as their type."""

    TARGET_FORBIDDEN = "target_forbidden"
    DNS_FAILURE = "dns_failure"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_FAILED = "connection_failed"
    CONNECTION_CLOSED = "connection_closed"
    TIMEOUT = "timeout"
    TLS_FAILURE = "tls_failure"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_NAME_MISMATCH = "certificate_name_mismatch"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    STARTTLS_UNAVAILABLE = "starttls_unavailable"
    GREETING_REJECTED = "greeting_rejected"
    PROTOCOL_ERROR = "protocol_error"
    LOGIN_DISABLED = "login_disabled"
    AUTHENTICATION_FAILED = "authentication_failed"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    OAUTH_FAILED = "oauth_failed"
    MAILBOX_UNAVAILABLE = "mailbox_unavailable"
    INTERNAL_ERROR = "internal_error"


class WarningCode(StrEnum):
    """Why a check that worked is a warning (contract 3.3)."""

    CERTIFICATE_EXPIRING = "certificate_expiring"
    SLOW_RESPONSE = "slow_response"
    MAILBOX_STALE = "mailbox_stale"


class IncidentStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class IncidentEventKind(StrEnum):
    """What the timeline of an incident tells of, besides its alerts."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    COMMENTED = "commented"
    RESOLVED = "resolved"


class AlertEvent(StrEnum):
    """Why somebody is told (contract section 4, `X-Webhook-Event`)."""

    ALERT = "alert"
    REMINDER = "reminder"
    RECOVERY = "recovery"


class AlertStatus(StrEnum):
    """How one attempt to tell somebody stands."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """It was not due yet when there was nothing more to tell."""


class TroubleKind(StrEnum):
    """What Pillarbox itself can be in trouble with, so that its operator is told."""

    LATE = "late"
    DATABASE_AWAY = "database_away"
    UNDELIVERED = "undelivered"
    CUT_OFF = "cut_off"
    """No reference target can be reached."""


class ChannelCategory(StrEnum):
    DIRECT = "direct"
    """To a person or a program of the organization: e-mail, SMS, webhook."""
    INTEGRATION = "integration"


class RecurrenceFrequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Role(StrEnum):
    ADMIN = "admin"
    EDITOR = "editor"
    READONLY = "readonly"
    GLOBAL_SUPPORTER = "global_supporter"
    GLOBAL_ADMIN = "global_admin"


class Language(StrEnum):
    """What an organization's messages are written in (ISO 639)."""

    ENGLISH = "en"
    GERMAN = "de"


class ActorKind(StrEnum):
    """Who may act: a person, a program with an API token, or an operator at the command line."""

    USER = "user"
    TOKEN = "token"
    COMMAND = "command"


class AuditAction(StrEnum):
    """What the audit trail tells of, as `thing.deed`."""

    MONITOR_CREATE = "monitor.create"
    MONITOR_UPDATE = "monitor.update"
    MONITOR_DELETE = "monitor.delete"
    MONITOR_TRIGGER = "monitor.trigger"
    CUSTOMER_CREATE = "customer.create"
    CUSTOMER_UPDATE = "customer.update"
    CUSTOMER_DELETE = "customer.delete"
    ORGANIZATION_CREATE = "organization.create"
    ORGANIZATION_UPDATE = "organization.update"
    USER_CREATE = "user.create"
    USER_UPDATE = "user.update"
    USER_DELETE = "user.delete"
    USER_CHANGE_PASSWORD = "user.change_password"
    TOKEN_CREATE = "token.create"
    TOKEN_DELETE = "token.delete"
    CHANNEL_CREATE = "channel.create"
    CHANNEL_UPDATE = "channel.update"
    CHANNEL_DELETE = "channel.delete"
    MAINTENANCE_CREATE = "maintenance.create"
    MAINTENANCE_UPDATE = "maintenance.update"
    MAINTENANCE_DELETE = "maintenance.delete"
    INCIDENT_ACKNOWLEDGE = "incident.acknowledge"
    INCIDENT_COMMENT = "incident.comment"
    SESSION_START = "session.start"
    SESSION_END = "session.end"
    SESSION_REUSE = "session.reuse"
    """A refresh token came a second time, so the session was ended."""
