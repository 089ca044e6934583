"""The sockets under imaplib and poplib: every read and write obeys the limits of its check.

Whatever goes wrong in them arrives as a CheckError, which is no OSError on purpose: imaplib turns an
OSError into text, and what it was could then only be guessed.
"""

import socket
import ssl
from typing import TYPE_CHECKING, Any

from app.checkers.failure import CheckError
from app.checkers.limits import Limits
from app.checkers.transcript import Transcript
from app.domain.enums import ErrorCode

if TYPE_CHECKING:
    _Base = socket.socket
else:
    _Base = object


class _Guarded(_Base):
    limits: Limits
    transcript: Transcript | None = None
    """Where what is said is kept; None keeps nothing."""
    reader: Any = None
    may_end = False
    """Whether the server may close without that being a fault: in HTTP, that can be the end of an answer."""
    _is_polling = False

    def makefile(self, *args: Any, **kwargs: Any) -> Any:
        # Kept because a socket stays open until the file on it is closed too.
        self.reader = super().makefile(*args, **kwargs)
        return self.reader

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        size = self.limits.allow(nbytes or len(buffer))
        self.settimeout(0 if self._is_polling else self.limits.remaining())
        try:
            got = super().recv_into(buffer, size, flags)
        except OSError as error:
            if self._is_polling:
                raise
            raise _as_check_error(error, self.limits) from None
        if not got and not self._is_polling and not self.may_end:
            raise closed()
        received = bytes(memoryview(buffer)[:got])
        self.limits.spend(received)
        if self.transcript is not None:
            self.transcript.received(received)
        return got

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.settimeout(self.limits.remaining())
        if self.transcript is not None:
            self.transcript.sent(bytes(data))
        try:
            super().sendall(data, flags)
        except OSError as error:
            raise _as_check_error(error, self.limits) from None

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


class GuardedSocket(_Guarded, socket.socket):
    """A plain connection."""


class GuardedTlsSocket(_Guarded, ssl.SSLSocket):
    """A TLS connection; `SSLContext.sslsocket_class` makes contexts produce it."""

    def getpeername(self) -> tuple[()]:
        """Asked by ssl alone, which takes a failure for "not connected yet".

        For a connection that was reset meanwhile it would then skip the handshake and give back a socket
        that talks in the clear. As it is, the handshake finds out, and fails.
        """
        return ()


Connection = GuardedSocket | GuardedTlsSocket


def closed() -> CheckError:
    return CheckError(
        ErrorCode.CONNECTION_CLOSED, "The server closed the connection in mid-dialogue.", is_retryable=True
    )


def is_lost(error: ssl.SSLError) -> bool:
    """Whether TLS failed for no other reason than that the connection under it is gone."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def _as_check_error(error: OSError, limits: Limits) -> CheckError:
    if isinstance(error, TimeoutError):
        return limits.expired()
    if isinstance(error, ssl.SSLError) and not is_lost(error):
        return CheckError(ErrorCode.TLS_FAILURE, f"TLS broke down: {error.reason or 'unknown reason'}.")
    return closed()
