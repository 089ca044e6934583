"""The sockets under imaplib and poplib: every read and write obeys the limits of its check.

Whatever goes wrong in them arrives as a CheckError, which is no OSError on purpose: imaplib turns an
OSError into text, and what it was could then only be guessed.
"""

import io
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from app.domain.enums import ErrorCode
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.transcript import Transcript

RECORD_SIZE = 16 * 1024
"""As much as TLS puts into one record."""
TIMEVAL = struct.Struct("@ll")
"""Seconds and microseconds, as the kernel takes them (socket(7), SO_RCVTIMEO)."""
T = TypeVar("T")


class GuardedSocket(socket.socket):
    """A plain connection, or the carrier of one over TLS."""

    limits: Limits
    transcript: Transcript | None = None
    """Where what is said is kept; None keeps nothing."""
    reader: Any = None
    may_end = False
    """Whether the server may close without that being a fault: in HTTP, that can be the end of an answer."""
    is_carrier = False
    """Whether TLS travels in it: then its bytes count, and nothing in them is to be read."""
    _is_polling = False

    def makefile(self, *args: Any, **kwargs: Any) -> Any:
        # Kept because a socket stays open until the file on it is closed too.
        self.reader = super().makefile(*args, **kwargs)
        return self.reader

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        size = self.limits.allow(nbytes or len(buffer))
        if self._is_polling:
            flags |= socket.MSG_DONTWAIT
        else:
            self._wait_at_most(socket.SO_RCVTIMEO)
        try:
            got = super().recv_into(buffer, size, flags)
        except OSError as error:
            if self._is_polling:
                raise
            raise _as_check_error(error, self.limits) from None
        self.limits.spend_bytes(got)
        if not self.is_carrier:
            self._take_note(bytes(memoryview(buffer)[:got]))
        return got

    def _take_note(self, received: bytes) -> None:
        if not received and not self._is_polling and not self.may_end:
            raise closed()
        self.limits.spend_lines(received)
        if self.transcript is not None:
            self.transcript.received(received)

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.transcript is not None and not self.is_carrier:
            self.transcript.sent(bytes(data))
        rest = memoryview(data)
        try:
            while rest:
                self._wait_at_most(socket.SO_SNDTIMEO)
                rest = rest[self.send(rest, flags) :]
        except OSError as error:
            raise _as_check_error(error, self.limits) from None

    def _wait_at_most(self, option: int) -> None:
        """Let the kernel end the next read or write at the deadline.

        Python's own timeouts would ask, before each of them, whether there is something: twice as many calls
        that give away the interpreter, and with hundreds of checks at once that is most of what they cost.
        """
        whole, rest = divmod(self.limits.remaining(), 1)
        # Nothing at all would mean for ever.
        self.setsockopt(socket.SOL_SOCKET, option, TIMEVAL.pack(int(whole), int(rest * 1_000_000) or 1))

    def has_unread(self) -> bool:
        """Whether the server has sent more than was read: in the file's buffer or in the kernel's."""
        self._is_polling = True
        try:
            return bool(self.reader.peek(1))
        except OSError:
            # Reset meanwhile: whoever uses the connection next finds out.
            return False
        finally:
            self._is_polling = False

    def hang_up(self) -> None:
        if self.reader is not None:
            self.reader.close()
        self.close()


class GuardedTlsSocket:
    """A TLS connection whose every byte passes through the guarded socket that carries it.

    ssl.SSLSocket would read from the descriptor by itself, and go on for as long as a server sends messages
    that may be ignored: neither a deadline nor a budget holds within such a read.
    """

    may_end = False
    reader: Any = None

    def __init__(
        self,
        carrier: GuardedSocket,
        context: ssl.SSLContext,
        server_name: str,
        transcript: Transcript | None = None,
    ) -> None:
        self.limits = carrier.limits
        self.transcript = transcript
        self.carrier = carrier
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        carrier.is_carrier = True

    def do_handshake(self) -> None:
        """Raises ssl.SSLError, or CheckError where the carrier fails."""
        self._carried(self.session.do_handshake)

    def makefile(self, *_: Any, **__: Any) -> Any:
        self.reader = io.BufferedReader(_Reader(self))
        return self.reader

    def recv_into(self, buffer: Any) -> int:
        size = self.limits.allow(len(buffer))
        try:
            received = self._carried(lambda: self.session.read(size))
        except ssl.SSLError as error:
            received = b""
            if not is_lost(error):
                raise _as_check_error(error, self.limits) from None
        if not received and not self.may_end:
            raise closed()
        self.limits.spend_lines(received)
        if self.transcript is not None:
            self.transcript.received(received)
        memoryview(buffer)[: len(received)] = received
        return len(received)

    def sendall(self, data: Any) -> None:
        if self.transcript is not None:
            self.transcript.sent(bytes(data))
        try:
            self._carried(lambda: self.session.write(data))
        except ssl.SSLError as error:
            raise _as_check_error(error, self.limits) from None

    def shutdown(self, how: int) -> None:
        self.carrier.shutdown(how)

    def close(self) -> None:
        """Like a socket, it stays open until the file on it is closed too: http.client counts on that."""
        if self.reader is None or self.reader.closed:
            self.carrier.close()
        else:
            self.reader.raw.closes_connection = True

    def hang_up(self) -> None:
        if self.reader is not None:
            self.reader.close()
        self.carrier.hang_up()

    def _carried(self, operation: Callable[[], T]) -> T:
        """Let TLS do something, carrying to and fro until it is done."""
        while True:
            try:
                done = operation()
            except ssl.SSLWantReadError:
                self._send()
                self._receive()
            except ssl.SSLError:
                # What is wrong is told to the server, if it still listens.
                with suppress(CheckError):
                    self._send()
                raise
            else:
                self._send()
                return done

    def _send(self) -> None:
        if data := self._outgoing.read():
            self.carrier.sendall(data)

    def _receive(self) -> None:
        buffer = bytearray(RECORD_SIZE)
        if got := self.carrier.recv_into(buffer):
            self._incoming.write(memoryview(buffer)[:got])
        else:
            self._incoming.write_eof()


class _Reader(io.RawIOBase):
    """What imaplib and poplib read from."""

    def __init__(self, connection: GuardedTlsSocket) -> None:
        self._connection = connection
        self.closes_connection = False

    def close(self) -> None:
        if not self.closed and self.closes_connection:
            self._connection.carrier.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(buffer)


Connection = GuardedSocket | GuardedTlsSocket


def closed() -> CheckError:
    return CheckError(
        ErrorCode.CONNECTION_CLOSED, "The server closed the connection in mid-dialogue.", is_retryable=True
    )


def is_lost(error: ssl.SSLError) -> bool:
    """Whether TLS failed for no other reason than that the connection under it is gone."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def reason_of(error: ssl.SSLError) -> str:
    """OpenSSL's own, as words."""
    return (error.reason or "unknown reason").replace("_", " ").lower()


def _as_check_error(error: OSError, limits: Limits) -> CheckError:
    if isinstance(error, TimeoutError | BlockingIOError):
        return limits.expired()
    if isinstance(error, ssl.SSLError) and not is_lost(error):
        return CheckError(ErrorCode.TLS_FAILURE, f"TLS broke down: {reason_of(error)}.")
    return closed()
