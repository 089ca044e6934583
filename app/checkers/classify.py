"""What a server's refusal means: its response code (RFC 5530, RFC 3206, RFC 2449), else its words."""

import re

from app.checkers.attempt import Attempt
from app.domain.enums import ErrorCode
from app.net.failure import CheckError

RESPONSE_CODES = {
    "AUTHENTICATIONFAILED": ErrorCode.AUTHENTICATION_FAILED,
    "AUTHORIZATIONFAILED": ErrorCode.AUTHENTICATION_FAILED,
    "EXPIRED": ErrorCode.AUTHENTICATION_FAILED,
    "AUTH": ErrorCode.AUTHENTICATION_FAILED,
    "UNAVAILABLE": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "SERVERBUG": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "LIMIT": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "INUSE": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "IN-USE": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "SYS/TEMP": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "LOGIN-DELAY": ErrorCode.TEMPORARILY_UNAVAILABLE,
    "PRIVACYREQUIRED": ErrorCode.LOGIN_DISABLED,
    "NONEXISTENT": ErrorCode.MAILBOX_UNAVAILABLE,
}
PERMANENT = frozenset({"SYS/PERM", "CONTACTADMIN", "OVERQUOTA"})
"""The server's own trouble, or the account's, until somebody mends it: no other password would help."""
# Without going back over the letters: a line of them alone would take half a minute.
_RESPONSE_CODE = re.compile(r"\[([A-Za-z/-]++)[^\]]*\]")

WORDS = (
    # Dovecot's POP3 says this with [AUTH], so the words are looked at before the code.
    (
        re.compile(
            r"plain-?text (authentication|login|password)s? (is |are )?(disallowed|disabled|not allowed)",
            re.IGNORECASE,
        ),
        ErrorCode.LOGIN_DISABLED,
    ),
    (
        re.compile(
            r"(must|need to|please) (issue|use|run|send) .{0,20}(STARTTLS|STLS|TLS|SSL)", re.IGNORECASE
        ),
        ErrorCode.LOGIN_DISABLED,
    ),
    # Google says this with [OVERQUOTA], and Microsoft with BAD.
    (
        re.compile(
            r"throttl|too (frequent|often)"
            r"|\b(rate|frequency|bandwidth|login|connection|session)s?( attempts?)? limit(s|ed)?\b(?! to)",
            re.IGNORECASE,
        ),
        ErrorCode.TEMPORARILY_UNAVAILABLE,
    ),
    # What Exchange says where the login is good and the mailbox behind it is not to be had.
    (re.compile(r"authenticated but not connected", re.IGNORECASE), ErrorCode.MAILBOX_UNAVAILABLE),
)
# A temporary password is no temporary trouble, so "temporary" counts with a word for trouble behind it.
LATER_WORDS = re.compile(
    r"too many|maximum number of|try (it )?(again )?(later|in \d)|overload"
    r"|(server|service|system|backend) (is )?(currently |too )?(busy|unavailable|not available)"
    r"|internal (server )?error"
    r"|temporarily|temporary ((?!pass)[\w-]+ ){0,3}(fail|error|problem|issue|fault|outage|unavail|lock|block)"
    r"|(mailbox|maildrop|maillock).{0,30}(lock|in use)|already (locked|in use)"
    r"|\block (on )?(the |your )?(mailbox|maildrop)|accessed by another",
    re.IGNORECASE,
)


def code_of(said: bytes, otherwise: ErrorCode) -> ErrorCode:
    """The error code for a refusal in these words; `otherwise` when they say nothing special.

    They are to be raw: with a password such as "temporary" masked, they would say something else.
    """
    text = said.decode("utf-8", "replace").strip()
    for words, code in WORDS:
        if words.search(text):
            return code
    found = _RESPONSE_CODE.match(text)
    name = found[1].upper() if found else ""
    if name in RESPONSE_CODES:
        return RESPONSE_CODES[name]
    if name in PERMANENT and otherwise is ErrorCode.AUTHENTICATION_FAILED:
        # Of the closed list this is the one that sends people to the server's administrator. "Later" would
        # promise that it passes, and the password may well be right.
        return ErrorCode.MAILBOX_UNAVAILABLE
    return ErrorCode.TEMPORARILY_UNAVAILABLE if LATER_WORDS.search(text) else otherwise


def refused(attempt: Attempt, said: bytes, what: str, otherwise: ErrorCode) -> CheckError:
    """The server said no to something: `what` names it, as in "The server refused the login"."""
    reason = attempt.clean(said) or "it gave no reason"
    return CheckError(code_of(said, otherwise), f"The server refused {what}: {reason}")


def unintelligible(attempt: Attempt, said: bytes | str) -> CheckError:
    """An answer that imaplib or poplib could not make sense of.

    It is quoted from the server, never from their exceptions: those may hold it as a repr, in which a
    secret would be spelled so that nobody recognises it.
    """
    words = attempt.clean(said) or "it makes no sense"
    return CheckError(ErrorCode.PROTOCOL_ERROR, f"The server's answer was not understood: {words}")
