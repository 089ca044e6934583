"""The POP3 checker: poplib speaks the protocol (RFC 1939) over our own socket."""

import poplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from app.checkers.attempt import Attempt
from app.checkers.classify import refused, unintelligible
from app.checkers.count import message_count
from app.checkers.mailbox import arrival_in
from app.checkers.sasl import PLAIN, Exchange, PlainExchange
from app.checkers.session import climb
from app.checkers.tls import TlsUpgrade
from app.domain.enums import ErrorCode, Phase
from app.net.failure import CheckError
from app.net.sockets import Connection

REFUSAL = b"-ERR"
ACCEPTANCE = b"+OK"
MAX_COMMAND = 255 - len("\r\n")
MAX_LINE = 2048
LOOKED_THROUGH = 10
"""Among how many of the last messages the newest is looked for; each costs a round trip."""
MAX_HEADER_LINE = 64 * 1024
"""Real mail has headers without a break that go far beyond RFC 5322's 998 characters."""


def check_pop3(attempt: Attempt) -> None:
    """Climb the ladder of one POP3 mailbox; evidence goes to the attempt. Raises CheckError."""
    with _explained(attempt):
        climb(attempt, Pop3Session)


@contextmanager
def _explained(attempt: Attempt) -> Iterator[None]:
    """Turn what poplib raises on odd servers into a CheckError."""
    try:
        yield
    except poplib.error_proto as error:
        raise unintelligible(attempt, error.args[0]) from None
    except (ValueError, IndexError):
        raise unintelligible(attempt, "") from None


class Pop3Session(poplib.POP3):
    """poplib on a connection that is already there."""

    is_signed_in = False
    """POP3 knows no PREAUTH."""
    _longest_line = MAX_LINE

    def __init__(self, connection: Connection, attempt: Attempt) -> None:
        self._connection = connection
        self._attempt = attempt
        attempt.enter(Phase.GREETING)
        with self._refusals("to talk at all", ErrorCode.GREETING_REJECTED):
            super().__init__("")
        attempt.record_greeting(self.welcome)
        self._read_capabilities()

    def upgrade(self) -> None:
        if "STLS" not in self._capabilities:
            raise CheckError(ErrorCode.STARTTLS_UNAVAILABLE, "The server does not offer STLS.")
        self._attempt.enter(Phase.STARTTLS)
        with self._refusals("STLS", ErrorCode.STARTTLS_UNAVAILABLE):
            self.stls(cast("ssl.SSLContext", TlsUpgrade(self._attempt)))
        self._read_capabilities()

    def sign_in(self, user: str, password: str) -> None:
        offers_user, offers_plain = "USER" in self._capabilities, PLAIN in self.mechanisms
        if not (self._attempt.tls or offers_user or offers_plain) and "STLS" in self._capabilities:
            # How POP3 says LOGINDISABLED (RFC 2595, 4): logins with a password show up behind STLS only.
            raise CheckError(
                ErrorCode.LOGIN_DISABLED, "The server allows a login with a password only behind TLS."
            )
        if offers_plain and not (offers_user and f"{user}{password}".isascii()):
            self.exchange(PlainExchange(user, password))
            return
        with self._refusals("the login", ErrorCode.AUTHENTICATION_FAILED):
            self.user(user)
            self.pass_(password)

    @property
    def mechanisms(self) -> set[str]:
        return {name.upper() for name in self._capabilities.get("SASL", [])}

    def exchange(self, exchange: Exchange) -> None:
        """AUTH (RFC 5034), with the initial response behind it where that makes no line too long."""
        command = f"AUTH {exchange.mechanism}"
        if len(command) + 1 + len(exchange.message) <= MAX_COMMAND:
            command += f" {exchange.open()}"
        # Explained here already: whoever gave the token is to hear of everything that came of it.
        with _explained(self._attempt), self._refusals("the login", ErrorCode.AUTHENTICATION_FAILED):
            said = self._say(command)
            while not said.startswith(ACCEPTANCE):
                said = self._say(exchange.answer(said[1:].strip()).decode())

    def open_mailbox(self) -> None:
        with self._refusals("to open the mailbox", ErrorCode.MAILBOX_UNAVAILABLE):
            self._attempt.messages = message_count(self.stat()[0])
        self._attempt.is_mailbox_open = True

    def look_around(self) -> None:
        limit, last = self._attempt.age_limit, self._attempt.messages
        if limit is None or not last:
            return
        self._longest_line = MAX_HEADER_LINE
        newest: datetime | None = None
        # Kept one by one: whatever happens at the next, what was read counts.
        for number in _likely_newest(last):
            # TOP (RFC 1939, 7) is optional, and what marks nothing as read.
            arrived = arrival_in(self.top(number, 0)[1])
            newest = max(filter(None, (newest, arrived)), default=None)
            self._attempt.newest_message_at = newest
            if newest is not None and newest >= limit:
                return

    def say_goodbye(self) -> None:
        self.quit()

    def capa(self) -> dict[str, list[str]]:
        """Asked by poplib's stls, too: what was read before is answered, without a round trip."""
        return self._capabilities

    def _say(self, command: str) -> bytes:
        self.sock.sendall(f"{command}\r\n".encode())
        said, _ = self._getline()
        if not said.startswith(b"+"):
            raise poplib.error_proto(said)
        return said

    def _getline(self) -> tuple[bytes, int]:
        """One line without its end. poplib's own takes no more for a header than for an answer."""
        line = self.file.readline(self._longest_line + 1)
        if len(line) > self._longest_line:
            raise poplib.error_proto("line too long")
        return line.removesuffix(b"\n").removesuffix(b"\r"), len(line)

    def _create_socket(self, timeout: float | None = None) -> Any:
        del timeout
        return self._connection

    def _read_capabilities(self) -> None:
        self._attempt.enter(Phase.CAPABILITY)
        self._capabilities = self._ask_capabilities()
        lines = (" ".join([name, *words]) for name, words in self._capabilities.items())
        self._attempt.record_capabilities(lines)

    def _ask_capabilities(self) -> dict[str, list[str]]:
        """CAPA is optional (RFC 2449). poplib would drop the whole answer for one odd line."""
        try:
            self._say("CAPA")
        except poplib.error_proto as error:
            if _is_refusal(error):
                return {}
            raise
        lines = iter(lambda: self._getline()[0], b".")
        offers = [line.decode().split() for line in lines if line.isascii()]
        return {words[0].upper(): words[1:] for words in offers if words}

    @contextmanager
    def _refusals(self, what: str, otherwise: ErrorCode) -> Iterator[None]:
        """Turn the server's -ERR into a CheckError; anything else poplib raises is a broken protocol."""
        try:
            yield
        except poplib.error_proto as error:
            if not _is_refusal(error):
                raise
            said = error.args[0].removeprefix(REFUSAL).strip()
            raise refused(self._attempt, said, what, otherwise) from None


def _likely_newest(last: int) -> Iterator[int]:
    """The numbers of the messages of which one is the newest, the likeliest first.

    Maildrops are in the order of arrival. A few servers have the newest first, and one that was copied or
    moved to the end is older than those before it.
    """
    return iter(dict.fromkeys([last, 1, *range(last - 1, max(last - LOOKED_THROUGH, 0), -1)]))


def _is_refusal(error: BaseException) -> bool:
    """Whether poplib passes on the server's -ERR: that comes as bytes, its own complaints as text."""
    return bool(error.args) and isinstance(error.args[0], bytes) and error.args[0].startswith(REFUSAL)
