"""The IMAP checker: imaplib speaks the protocol (RFC 3501) over our own socket."""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

from app.checkers.attempt import Attempt
from app.checkers.classify import code_of, refused, unintelligible
from app.checkers.count import message_count
from app.checkers.mailbox import arrivals_in, quota_in
from app.checkers.sasl import PLAIN, Exchange, PlainExchange
from app.checkers.session import climb
from app.checkers.tls import TlsUpgrade
from app.domain.enums import ErrorCode, Phase
from app.net.failure import CheckError
from app.net.folder import encode_folder
from app.net.sockets import Connection
from app.version import VERSION

MAX_CAPABILITY_LINE = 8_000
MAX_INITIAL_RESPONSE = 7_900
"""Longer command lines than 8,000 bytes are more than some servers take (RFC 7162, 4)."""
TAG_PREFIX = b"T"
IDENTITY = f'("name" "Pillarbox" "version" "{VERSION}")'
"""How a guest gives its name (RFC 2971), for whoever reads the server's log."""
LOOKED_THROUGH = 500
"""Among how many of the last messages the newest is looked for when the very last is an old one."""
GOODBYE_SECONDS = 0.5
"""How long a server that has said BYE is listened to: for the answer that it owes, and for its leaving."""
ENDINGS = {ErrorCode.CONNECTION_CLOSED, ErrorCode.TIMEOUT}
"""What becomes of a connection whose server has said BYE; the reason is in its words."""
Answer = tuple[str, list[Any]]
_BARE_STATUS = re.compile(rb"\S+ (OK|NO|BAD)")
_TAGGED = re.compile(rb"[^*+ ]\S* (?P<status>[A-Za-z]+) ?(?P<text>.*)", re.DOTALL)
_FOUND = re.compile(rb"\bALL ([0-9:,]+)", re.IGNORECASE)
"""In the answer to a SEARCH as RFC 4731 has it, and IMAP4rev2 servers give it always."""
_GOODBYE = re.compile(rb"\* BYE ?(?P<text>.*)", re.IGNORECASE | re.DOTALL)


def check_imap(attempt: Attempt) -> None:
    """Climb the ladder of one IMAP mailbox; evidence goes to the attempt. Raises CheckError."""
    with _explained(attempt):
        climb(attempt, ImapSession)


@contextmanager
def _explained(attempt: Attempt) -> Iterator[None]:
    """Turn what imaplib raises on odd servers into a CheckError, and a closed connection into its reason."""
    try:
        yield
    except CheckError as failure:
        if failure.code in ENDINGS and attempt.goodbye is not None:
            raise _dismissed(attempt, attempt.goodbye) from None
        raise
    except (imaplib.IMAP4.error, ValueError, IndexError):
        if attempt.goodbye is not None:
            raise _dismissed(attempt, attempt.goodbye) from None
        raise unintelligible(attempt, attempt.last_line) from None


def _dismissed(attempt: Attempt, said: bytes) -> CheckError:
    """The server said BYE: it will not talk to us at all, or no longer."""
    is_greeting = attempt.phase is Phase.GREETING
    otherwise = ErrorCode.GREETING_REJECTED if is_greeting else ErrorCode.CONNECTION_CLOSED
    reason = attempt.clean(said) or "it gave no reason"
    return CheckError(code_of(said, otherwise), f"The server ended the session: {reason}")


class ImapSession(imaplib.IMAP4):
    """imaplib on a connection that is already there, with tolerance, limits and no memory of passwords."""

    def __init__(self, connection: Connection, attempt: Attempt) -> None:
        self._connection = connection
        self._attempt = attempt
        attempt.enter(Phase.GREETING)
        super().__init__()

    @property
    def tagpre(self) -> Any:
        """What each tag begins with. imaplib would draw lots, and make a pattern anew: 5 % of a check."""
        return TAG_PREFIX

    @tagpre.setter
    def tagpre(self, drawn: Any) -> None:
        del drawn

    @property
    def is_signed_in(self) -> bool:
        """True before any login where the server greets with PREAUTH."""
        return self.state == "AUTH"

    def upgrade(self) -> None:
        if self.is_signed_in:
            raise CheckError(
                ErrorCode.PROTOCOL_ERROR,
                "The server greeted with PREAUTH, which rules out the STARTTLS that is asked for.",
            )
        if "STARTTLS" not in self.capabilities:
            raise CheckError(ErrorCode.STARTTLS_UNAVAILABLE, "The server does not offer STARTTLS.")
        self._attempt.enter(Phase.STARTTLS)
        try:
            self.starttls(cast("ssl.SSLContext", TlsUpgrade(self._attempt)))
        except imaplib.IMAP4.error:
            if self._attempt.phase is Phase.STARTTLS and self._answer()[0] in {"NO", "BAD"}:
                raise self._refused("STARTTLS", ErrorCode.STARTTLS_UNAVAILABLE) from None
            raise

    def sign_in(self, user: str, password: str) -> None:
        offers_plain = PLAIN in self.mechanisms
        if "LOGINDISABLED" in self.capabilities and not (self._attempt.tls and offers_plain):
            raise CheckError(
                ErrorCode.LOGIN_DISABLED,
                "The server does not allow a login with a password on this connection.",
            )
        if offers_plain and ("LOGINDISABLED" in self.capabilities or not f"{user}{password}".isascii()):
            self.exchange(PlainExchange(user, password))
        else:
            self._insist(lambda: self._login(user, password), "the login", Phase.LOGIN)
            self._enter_authenticated()

    def _enter_authenticated(self) -> None:
        self.state = "AUTH"
        if offered := self.untagged_responses.get("CAPABILITY"):
            # What the server offers once it knows who is there; most say so together with their OK. The
            # others are not asked: quota and name are not worth a round trip in each and every check.
            self.capabilities = tuple(cast("bytes", offered[-1]).decode("ascii", "replace").upper().split())

    @property
    def mechanisms(self) -> set[str]:
        return {name.removeprefix("AUTH=") for name in self.capabilities if name.startswith("AUTH=")}

    def exchange(self, exchange: Exchange) -> None:
        """AUTHENTICATE, in one round trip where the server takes an initial response (RFC 4959)."""
        takes_more = "SASL-IR" in self.capabilities and len(exchange.message) <= MAX_INITIAL_RESPONSE
        words = (exchange.mechanism, exchange.open()) if takes_more else (exchange.mechanism,)
        # What imaplib asks at each challenge; its own authenticate() fails at one that is not base64.
        self.literal = cast("Any", exchange.answer)
        # Explained here already: whoever gave the token is to hear of everything that came of it.
        with _explained(self._attempt):
            self._insist(lambda: self.xatom("AUTHENTICATE", *words), "the login", Phase.LOGIN)
        self._enter_authenticated()

    def open_mailbox(self) -> None:
        if "ID" in self.capabilities:
            # Some servers open no mailbox for a guest without a name.
            self._ask(lambda: self.xatom("ID", IDENTITY))
        name = self._attempt.target.mailbox
        answers = self._insist(
            lambda: self.select(self._folder(name), readonly=True),
            f"to open the mailbox {name!r}",
            Phase.MAILBOX,
        )
        self._attempt.is_mailbox_open = True
        if answers[-1] is not None:
            self._attempt.messages = message_count(answers[-1])

    def look_around(self) -> None:
        target = self._attempt.target
        if (limit := self._attempt.age_limit) is not None:
            self._attempt.newest_message_at = self._newest_message_at(limit)
        if "QUOTA" in self.capabilities:
            _, quotas = self._ask(lambda: self.getquotaroot(self._folder(target.mailbox))) or (None, [])
            self._attempt.quota = quota_in(quotas)

    def say_goodbye(self) -> None:
        self.logout()

    def capability(self) -> Answer:
        """Asked by imaplib behind the greeting and again behind STARTTLS: nothing said before counts."""
        self._attempt.enter(Phase.CAPABILITY)
        self.untagged_responses.clear()
        status, answers = super().capability()
        names = (answers[-1] or b"").upper().split()
        # Cleaned as one text first: a secret with blanks in it would come apart into harmless words.
        self._attempt.record_capabilities(self._attempt.clean(b" ".join(names), MAX_CAPABILITY_LINE).split())
        if b"IMAP4REV2" in names:
            # imaplib insists on a name that it knows, and takes this one too (RFC 9051 came later).
            answers = [b" ".join((*names, b"IMAP4"))]
        return status, answers

    def readline(self) -> bytes:
        """One line, in the form imaplib insists on: CRLF at the end, and a blank behind a bare status."""
        line = cast("bytes", self.file.readline())
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        self._note(text)
        return text + (b" \r\n" if _BARE_STATUS.fullmatch(text) else b"\r\n")

    def read(self, size: int) -> bytes:
        """A literal. imaplib would allocate the announced size at once, so a big one ends the check here."""
        if size > self._attempt.limits.bytes_left:
            raise CheckError(
                ErrorCode.PROTOCOL_ERROR,
                f"The server announced {size} bytes, far more than a check can need.",
            )
        return super().read(size)

    def _create_socket(self, timeout: float | None = None) -> Any:
        del timeout
        return self._connection

    def _log(self, line: str) -> None:
        """imaplib keeps the last lines for debugging, and the password is in one of them: keep none."""

    def _note(self, line: bytes) -> None:
        self._attempt.last_line = line
        self._attempt.record_greeting(line.removeprefix(b"* "))
        goodbye = _GOODBYE.fullmatch(line)
        if goodbye and self._attempt.phase is not Phase.LOGOUT:
            self._attempt.goodbye = goodbye["text"]
            self._attempt.limits.tighten(GOODBYE_SECONDS)

    def _login(self, user: str, password: str) -> Answer:
        # Bytes pass through xatom as they are; imaplib's own login knows ASCII alone and quotes no user.
        return self.xatom("LOGIN", cast("str", _quoted(user)), cast("str", _quoted(password)))

    def _insist(self, command: Callable[[], Answer], what: str, phase: Phase) -> list[Any]:
        """Give a command; a NO or BAD in answer to it becomes a CheckError."""
        try:
            status, answers = command()
        except imaplib.IMAP4.abort:
            if self._attempt.goodbye is None or self._awaited_status() != "NO":
                raise
            status, answers = "NO", []
        except imaplib.IMAP4.error:
            status, answers = self._answer()[0], []
        if status != "OK":
            raise self._refused(what, REFUSALS[phase])
        return answers

    def _awaited_status(self) -> str:
        """How the command was answered behind a BYE, at which imaplib stops. Raises CheckError if it was not.

        Some servers hang up on a wrong password, and say BYE ahead of their NO.
        """
        while not _TAGGED.fullmatch(self._attempt.last_line):
            self.readline()
        return self._answer()[0]

    def _ask(self, command: Callable[[], Answer]) -> list[Any] | None:
        """Give a command that the verdict does not hang on: None when the server refuses it."""
        try:
            status, answers = command()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return None
        return answers if status == "OK" else None

    def _newest_message_at(self, limit: datetime) -> datetime | None:
        """When the newest message arrived (INTERNALDATE), or None when that cannot be found out.

        Mostly it is the last one. A message that was copied or moved here keeps its date, so an old one at
        the end proves nothing, and those before it are looked through for any that came since the limit.
        """
        last = self._attempt.messages
        if not last:
            return None
        newest = self._newest_of(str(last))
        if newest is not None and newest >= limit:
            return newest
        # SINCE knows neither hours nor time zones, so it begins a day early.
        since = "-".join(format_datetime(limit - timedelta(days=1)).split()[1:4])
        among = f"{max(last - LOOKED_THROUGH, 1)}:{last}"
        found = self._found(self._ask(lambda: self.search(None, among, "SINCE", since)) or [None])
        recent = self._newest_of(found) if found else None
        return max(filter(None, (newest, recent)), default=None)

    def _found(self, answers: list[Any]) -> str:
        """The numbers that a SEARCH has found, as a FETCH takes them."""
        extended = cast("list[Any]", self.untagged_responses.get("ESEARCH", []))
        if found := _FOUND.search(b"".join(line for line in extended if isinstance(line, bytes))):
            return found[1].decode()
        return ",".join(number.decode() for number in (answers[-1] or b"").split() if number.isdigit())

    def _newest_of(self, messages: str) -> datetime | None:
        return max(arrivals_in(self._ask(lambda: self.fetch(messages, "(INTERNALDATE)")) or []), default=None)

    def _folder(self, name: str) -> str:
        """A mailbox name. Servers that know IMAP4rev2 alone want no modified UTF-7 (RFC 9051, 5.1)."""
        is_new_only = "IMAP4REV2" in self.capabilities and "IMAP4REV1" not in self.capabilities
        return cast("str", _quoted(name if is_new_only else encode_folder(name)))

    def _answer(self) -> tuple[str, bytes]:
        found = _TAGGED.fullmatch(self._attempt.last_line)
        return (found["status"].decode(), found["text"]) if found else ("", b"")

    def _refused(self, what: str, otherwise: ErrorCode) -> CheckError:
        """BAD blames the command itself, not what it asked for; STARTTLS is unavailable either way."""
        status, text = self._answer()
        if self._attempt.goodbye is not None:
            otherwise = code_of(self._attempt.goodbye, otherwise)
        is_misunderstood = status != "NO" and otherwise is not ErrorCode.STARTTLS_UNAVAILABLE
        return refused(self._attempt, text, what, ErrorCode.PROTOCOL_ERROR if is_misunderstood else otherwise)


REFUSALS = {
    Phase.LOGIN: ErrorCode.AUTHENTICATION_FAILED,
    Phase.MAILBOX: ErrorCode.MAILBOX_UNAVAILABLE,
}


def _quoted(text: str) -> bytes:
    """An IMAP quoted string. Control characters were refused before the connection was made."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode()
