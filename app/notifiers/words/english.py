"""English."""

from app.domain.enums import ErrorCode, WarningCode
from app.notifiers.words.lexicon import Lexicon

ENGLISH = Lexicon(
    titles={
        ErrorCode.TARGET_FORBIDDEN: "address not permitted",
        ErrorCode.DNS_FAILURE: "host name not found",
        ErrorCode.CONNECTION_REFUSED: "connection refused",
        ErrorCode.CONNECTION_FAILED: "server unreachable",
        ErrorCode.CONNECTION_CLOSED: "connection lost",
        ErrorCode.TIMEOUT: "no answer in time",
        ErrorCode.TLS_FAILURE: "encryption failed",
        ErrorCode.CERTIFICATE_EXPIRED: "certificate expired",
        ErrorCode.CERTIFICATE_NOT_YET_VALID: "certificate not valid yet",
        ErrorCode.CERTIFICATE_NAME_MISMATCH: "certificate for another name",
        ErrorCode.CERTIFICATE_UNTRUSTED: "certificate not trusted",
        ErrorCode.STARTTLS_UNAVAILABLE: "encryption not offered",
        ErrorCode.GREETING_REJECTED: "server turned us away",
        ErrorCode.PROTOCOL_ERROR: "unintelligible answer",
        ErrorCode.LOGIN_DISABLED: "login not permitted",
        ErrorCode.AUTHENTICATION_FAILED: "login refused",
        ErrorCode.TEMPORARILY_UNAVAILABLE: "server says: later",
        ErrorCode.OAUTH_FAILED: "no access token",
        ErrorCode.MAILBOX_UNAVAILABLE: "mailbox cannot be opened",
        ErrorCode.INTERNAL_ERROR: "check itself failed",
        WarningCode.CERTIFICATE_EXPIRING: "certificate expires soon",
        WarningCode.SLOW_RESPONSE: "slow answers",
        WarningCode.MAILBOX_STALE: "no new mail arrives",
    },
    advice={
        ErrorCode.TARGET_FORBIDDEN: (
            "The host name leads into an internal network: correct it, or let the operator permit that "
            "network (TARGET_ALLOW)."
        ),
        ErrorCode.DNS_FAILURE: "Look for a typing error in the host name, and ask the name server for it.",
        ErrorCode.CONNECTION_REFUSED: "Check that the mail service is running and that the port is right.",
        ErrorCode.CONNECTION_FAILED: "Check the server's network, its routes and its firewall.",
        ErrorCode.CONNECTION_CLOSED: (
            "Look into the server's log: a crash, a limit or a ban closes like this."
        ),
        ErrorCode.TIMEOUT: "Find out why the server is slow or silent, or raise the monitor's timeout.",
        ErrorCode.TLS_FAILURE: (
            "Check that the port is one for TLS, and which TLS versions the server speaks."
        ),
        ErrorCode.CERTIFICATE_EXPIRED: "Renew the server's certificate.",
        ErrorCode.CERTIFICATE_NOT_YET_VALID: (
            "Check the clock of the server and the dates of its certificate."
        ),
        ErrorCode.CERTIFICATE_NAME_MISMATCH: (
            "Use the name that is in the certificate, or get a certificate for this one."
        ),
        ErrorCode.CERTIFICATE_UNTRUSTED: (
            "Let the server send its whole chain of certificates; for an authority of your own, give its "
            "certificate to the monitor (tlsOptions.ca)."
        ),
        ErrorCode.STARTTLS_UNAVAILABLE: (
            "Switch on TLS at the server, or use its TLS port; no password was sent."
        ),
        ErrorCode.GREETING_REJECTED: "Read the server's text: it may have banned our address.",
        ErrorCode.PROTOCOL_ERROR: "Check that this port speaks the monitor's protocol.",
        ErrorCode.LOGIN_DISABLED: "Switch on TLS for this monitor, or another way to sign in.",
        ErrorCode.AUTHENTICATION_FAILED: (
            "Correct the user name and password of the monitor, or unlock the account."
        ),
        ErrorCode.TEMPORARILY_UNAVAILABLE: (
            "Wait a little; if it lasts, check less often and look for other programs that use this mailbox."
        ),
        ErrorCode.OAUTH_FAILED: (
            "Check the monitor's oauth2 settings; a refresh token may have ended, then sign in anew."
        ),
        ErrorCode.MAILBOX_UNAVAILABLE: (
            "Check the mailbox's name and its quota, and ask the administrator of the server."
        ),
        ErrorCode.INTERNAL_ERROR: "The fault is ours: tell the operator of Pillarbox, whose log says more.",
        WarningCode.CERTIFICATE_EXPIRING: "Renew the server's certificate before it ends.",
        WarningCode.SLOW_RESPONSE: "Find out why the server takes longer than it should.",
        WarningCode.MAILBOX_STALE: (
            "Find out why no mail arrives: send a test mail, and look into the queues on its way."
        ),
    },
    heads={
        "alert": "DOWN",
        "alert_warning": "WARNING",
        "reminder": "STILL DOWN",
        "reminder_warning": "STILL A WARNING",
        "recovery": "UP AGAIN",
        "recovery_warning": "RESOLVED",
        "not_watched": "NO LONGER WATCHED",
        "test": "TEST",
    },
    openings={
        "alert": "The mailbox “{mailbox}” does not work.",
        "alert_warning": "The mailbox “{mailbox}” works, but there is something to see to.",
        "reminder": "The mailbox “{mailbox}” still does not work, for {duration} now.",
        "reminder_warning": "There is still something to see to at “{mailbox}”, for {duration} now.",
        "recovery": "The mailbox “{mailbox}” works again, after {duration}.",
        "recovery_warning": "All is well again with the mailbox “{mailbox}”, after {duration}.",
        "not_watched": (
            "The mailbox “{mailbox}” is no longer watched, so nobody sees whether it works. "
            "By then the problem had lasted {duration}."
        ),
        "test": "This is a test, nothing is wrong: messages of {organization} arrive here.",
    },
    labels={
        "mailbox": "Mailbox",
        "server": "Server",
        "customer": "Customer",
        "problem": "Problem",
        "since": "Since",
        "until": "Until",
        "location": "Seen from",
        "details": "Details",
        "advice": "What to do",
        "transcript": "What was said",
        "link": "Incident",
        "sender": "Sent by Pillarbox for {organization}.",
    },
    units={
        "day": ("day", "days"),
        "hour": ("hour", "hours"),
        "minute": ("minute", "minutes"),
        "second": ("second", "seconds"),
    },
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    date="{day} {month} {year}, {time} ({zone})",
    since="since {time}",
    after="after {duration}",
)
