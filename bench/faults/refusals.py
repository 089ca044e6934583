"""Servers that say no, in every way there is: whether it is the password, the moment, or the mailbox."""

from collections.abc import Iterator

from app.domain.enums import ErrorCode, Protocol
from bench.faults.cell import GRID, IMAP, PLAIN, POP3, SUCCESS, Cell, error, phase_of
from tests.fakes import faults
from tests.fakes.server import Conversation, Script, Step

FAMILY = "refusals"
NONSENSE = ErrorCode.PROTOCOL_ERROR
LATER = ErrorCode.TEMPORARILY_UNAVAILABLE
WRONG = ErrorCode.AUTHENTICATION_FAILED
DISABLED = ErrorCode.LOGIN_DISABLED
REJECTED = ErrorCode.GREETING_REJECTED
CLOSED = ErrorCode.CONNECTION_CLOSED
NO_MAILBOX = ErrorCode.MAILBOX_UNAVAILABLE

ROWS: list[tuple[Protocol, str, Step, ErrorCode]] = [
    (IMAP, "greeting", "* BYE go away\r\n", REJECTED),
    (IMAP, "greeting", "* BYE\r\n", REJECTED),
    (IMAP, "greeting", "* NO\r\n", NONSENSE),
    (IMAP, "greeting", "* BYE Too many connections\r\n", LATER),
    (IMAP, "greeting", "* BYE [UNAVAILABLE] later\r\n", LATER),
    (IMAP, "capability", "{tag} NO\r\n", NONSENSE),
    (IMAP, "capability", "{tag} BAD\r\n", NONSENSE),
    (IMAP, "capability", "{tag} OK\r\n", NONSENSE),
    (IMAP, "capability", "* CAPABILITY X\r\n{tag} OK\r\n", NONSENSE),
    (IMAP, "capability", "* CAPABILITY IMAP4rev1 \xff\r\n{tag} OK\r\n", NONSENSE),
    (IMAP, "capability", "* BYE bored\r\n", CLOSED),
    (IMAP, "login", "{tag} NO [AUTHENTICATIONFAILED] no\r\n", WRONG),
    (IMAP, "login", "{tag} NO [AUTHORIZATIONFAILED] no\r\n", WRONG),
    (IMAP, "login", "{tag} NO wrong\r\n", WRONG),
    (IMAP, "login", "{tag} NO\r\n", WRONG),
    (IMAP, "login", "{tag} NO [EXPIRED] renew it\r\n", WRONG),
    (IMAP, "login", "{tag} NO [ALERT] Invalid credentials\r\n", WRONG),
    (IMAP, "login", "{tag} NO [UNAVAILABLE] down\r\n", LATER),
    (IMAP, "login", "{tag} NO [LIMIT] enough\r\n", LATER),
    (IMAP, "login", "{tag} NO [INUSE] busy\r\n", LATER),
    (IMAP, "login", "{tag} NO [ALERT] Too many simultaneous connections\r\n", LATER),
    (IMAP, "login", "{tag} NO Temporary authentication failure\r\n", LATER),
    (IMAP, "login", "{tag} NO account temporarily unavailable\r\n", LATER),
    (IMAP, "login", "{tag} NO [OVERQUOTA] Account exceeded command or bandwidth limits\r\n", LATER),
    (IMAP, "login", "{tag} BAD Request is throttled\r\n", LATER),
    (IMAP, "login", "{tag} NO Server busy\r\n", LATER),
    (IMAP, "login", "{tag} NO your temporary password expired\r\n", WRONG),
    (IMAP, "login", "{tag} NO temporary app password failed\r\n", WRONG),
    (IMAP, "login", "{tag} NO [PRIVACYREQUIRED] no\r\n", DISABLED),
    (IMAP, "login", "{tag} NO Plaintext authentication disallowed\r\n", DISABLED),
    (IMAP, "login", "{tag} NO [CONTACTADMIN] ask for it\r\n", NO_MAILBOX),
    (IMAP, "login", "{tag} NO [OVERQUOTA] full\r\n", NO_MAILBOX),
    (IMAP, "login", "{tag} NO [SYS/PERM] broken\r\n", NO_MAILBOX),
    (IMAP, "login", "{tag} BAD what?\r\n", NONSENSE),
    (IMAP, "login", "* BYE Too many failures\r\n", LATER),
    (IMAP, "login", ["* BYE\r\n", faults.close], CLOSED),
    (IMAP, "login", ["* BYE [ALERT] bye\r\n{tag} NO [AUTHENTICATIONFAILED] no\r\n", faults.close], WRONG),
    (IMAP, "login", ["* BYE [UNAVAILABLE] down\r\n{tag} NO sorry\r\n", faults.close], LATER),
    (IMAP, "login", "{tag} YES\r\n", NONSENSE),
    (IMAP, "login", "X1 OK of another\r\n", NONSENSE),
    (IMAP, "mailbox", "{tag} NO [NONEXISTENT] none\r\n", NO_MAILBOX),
    (IMAP, "mailbox", "{tag} NO [NOPERM] not yours\r\n", NO_MAILBOX),
    (IMAP, "mailbox", "{tag} NO\r\n", NO_MAILBOX),
    (IMAP, "mailbox", "{tag} NO [INUSE] busy\r\n", LATER),
    (IMAP, "mailbox", "{tag} BAD\r\n", NONSENSE),
    (IMAP, "mailbox", "{tag} BAD User is authenticated but not connected.\r\n", NO_MAILBOX),
    (IMAP, "mailbox", "* BYE shutting down\r\n", CLOSED),
    (IMAP, "mailbox", "* BYE [UNAVAILABLE] shutting down\r\n", LATER),
    (POP3, "greeting", "-ERR go away\r\n", REJECTED),
    (POP3, "greeting", "-ERR\r\n", REJECTED),
    (POP3, "greeting", "-ERR [SYS/TEMP] later\r\n", LATER),
    (POP3, "greeting", "-ERR [SYS/PERM] broken\r\n", REJECTED),
    (POP3, "greeting", "-ERR too many connections\r\n", LATER),
    (POP3, "capability", "what?\r\n", NONSENSE),
    (POP3, "user", "-ERR who?\r\n", WRONG),
    (POP3, "user", "-ERR [SYS/TEMP] down\r\n", LATER),
    (POP3, "user", "-ERR [AUTH] Plaintext authentication disallowed\r\n", DISABLED),
    (POP3, "user", "perhaps\r\n", NONSENSE),
    (POP3, "login", "-ERR temporary failure\r\n", LATER),
    (POP3, "login", "-ERR your temporary password expired\r\n", WRONG),
    (POP3, "login", "-ERR [AUTH] wrong\r\n", WRONG),
    (POP3, "login", "-ERR\r\n", WRONG),
    (POP3, "login", "-ERR [IN-USE] busy\r\n", LATER),
    (POP3, "login", "-ERR [SYS/TEMP] down\r\n", LATER),
    (POP3, "login", "-ERR [LOGIN-DELAY] wait\r\n", LATER),
    (POP3, "login", "-ERR [SYS/PERM] broken\r\n", NO_MAILBOX),
    (POP3, "login", "-ERR [CONTACTADMIN] ask for it\r\n", NO_MAILBOX),
    (POP3, "login", "-ERR [OVERQUOTA] full\r\n", NO_MAILBOX),
    (POP3, "login", "-ERR maildrop already locked\r\n", LATER),
    (POP3, "login", "-ERR Unable to lock maildrop\r\n", LATER),
    (POP3, "login", "-ERR Exceeded the login limit for a 15 minute period\r\n", LATER),
    (POP3, "login", "-ERR [AUTH] login too frequently, please wait\r\n", LATER),
    (POP3, "login", "-ERR logins are limited to the office\r\n", WRONG),
    (POP3, "login", "-ERR [AUTH] Plaintext authentication disallowed\r\n", DISABLED),
    (POP3, "login", "perhaps\r\n", NONSENSE),
    (POP3, "mailbox", "-ERR no maildrop\r\n", NO_MAILBOX),
    (POP3, "mailbox", "-ERR [IN-USE] busy\r\n", LATER),
    (POP3, "mailbox", "-ERR [SYS/PERM] broken\r\n", NO_MAILBOX),
]


PLAIN_ONLY: Script = {
    "capability": "+OK\r\nsasl LOGIN plain\r\n\r\nstls\r\n.\r\n",
    "capability_secured": "+OK\r\nSASL PLAIN\r\n.\r\n",
    "unknown": "+OK in\r\n",
    "user": "-ERR unknown\r\n",
}


def cells() -> Iterator[Cell]:
    for protocol, security in GRID:
        for of, rung, step, code in ROWS:
            if of is protocol:
                verdict = error(code, phase_of(rung))
                yield Cell(FAMILY, _words(rung, step), protocol, security, (verdict,), {rung: step})
    yield from _forbidden_logins()
    yield from _odd_prompts()
    for security in (security for protocol, security in GRID if protocol is POP3):
        yield Cell(FAMILY, "AUTH PLAIN instead of USER", POP3, security, (SUCCESS,), PLAIN_ONLY)


def _words(rung: str, step: Step) -> str:
    text = step if isinstance(step, str) else f"{step[0]} and closed"  # type: ignore[index]
    words = text.replace("{tag} ", "").replace("\r\n", " ").encode("ascii", "backslashreplace").decode()
    return f"{rung}: {' '.join(words.split())}"


def _forbidden_logins() -> Iterator[Cell]:
    """Forbidden in the clear; behind TLS the same words are of no account where SASL is offered."""
    imap = {"capability": "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN\r\n{tag} OK\r\n"}
    pop3 = {
        "capability": "+OK\r\nSTLS\r\n.\r\n",
        "capability_secured": "+OK\r\nUSER\r\n.\r\n",
    }
    for protocol, security in GRID:
        script = imap if protocol is IMAP else pop3
        if protocol is IMAP:
            script = {**script, "login": ["+ \r\n", _take_answer, "{tag} OK in\r\n"]}
        verdict = error(DISABLED, "login") if security is PLAIN else SUCCESS
        yield Cell(FAMILY, "LOGINDISABLED before TLS", protocol, security, (verdict,), script)
    for security in (security for protocol, security in GRID if protocol is IMAP):
        never = {"capability": "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n{tag} OK\r\n"}
        yield Cell(FAMILY, "LOGINDISABLED always", IMAP, security, (error(DISABLED, "login"),), never)


def _odd_prompts() -> Iterator[Cell]:
    """AUTHENTICATE PLAIN with servers that prompt in words, or have not heard the initial response."""
    for security in (security for protocol, security in GRID if protocol is IMAP and security is not PLAIN):
        for initial in ("", " SASL-IR"):
            offered = f"IMAP4rev1 STARTTLS LOGINDISABLED AUTH=PLAIN{initial}"
            capability = f"* CAPABILITY {offered}\r\n{{tag}} OK\r\n"
            login: Step = ["+ go ahead\r\n", _take_answer, "{tag} OK in\r\n"]
            script = {"capability": capability, "capability_secured": capability, "login": login}
            fault = f"AUTHENTICATE prompts in words{' all the same' if initial else ''}"
            yield Cell(FAMILY, fault, IMAP, security, (SUCCESS,), script)


def _take_answer(conversation: Conversation) -> None:
    """The client's answer to a challenge."""
    conversation.read_line()
