"""Hands e-mail in at the operator's server: smtplib speaks the protocol (RFC 5321) over our own socket.

Not through Apprise, whose plugin for e-mail gives each read a timeout of its own, so that a server that
drips holds a delivery for ever; sets neither Message-ID nor Auto-Submitted as we need them; and keeps what
the server says to itself, so that nobody would learn why a recipient was refused.
"""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from typing import Any, cast

from app.domain.enums import ErrorCode
from app.domain.smtp_url import SmtpSecurity, SmtpServer
from app.domain.target import TargetGuard, TlsPolicy
from app.net.addresses import permitted_addresses
from app.net.dial import dial
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.sockets import Connection, GuardedSocket, GuardedTlsSocket
from app.net.tls import shake_hands
from app.notifiers.failure import UndeliveredError

EVERYWHERE = TargetGuard(allow_private=True)
"""The server is the operator's choice."""
GOODBYE_SECONDS = 1.0
LOGIN = "the login"
REFUSED = {
    smtplib.SMTPSenderRefused: "the sender",
    smtplib.SMTPDataError: "the message",
    smtplib.SMTPAuthenticationError: LOGIN,
}


def hand_in(mail: EmailMessage, server: SmtpServer, limits: Limits, tls: TlsPolicy) -> None:
    """Raises UndeliveredError, with the server's words, or CheckError."""
    session = _Session(server, limits, tls)
    try:
        session.open()
        session.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise _refused("the recipient", code, words) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(
            REFUSED.get(type(error), "the connection"), error.smtp_code, error.smtp_error
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise UndeliveredError(f"The mail server cannot do it: {error}") from None
    except smtplib.SMTPException:
        raise UndeliveredError("The mail server did not speak proper SMTP.") from None
    else:
        session.say_goodbye()
    finally:
        session.hang_up()


class _Session(smtplib.SMTP):
    """smtplib's own, on a socket that obeys the limits of the delivery."""

    def __init__(self, server: SmtpServer, limits: Limits, tls: TlsPolicy) -> None:
        # A name given, or smtplib looks up our own, without an end.
        super().__init__(local_hostname=_own_name())
        self._server = server
        self._limits = limits
        self._tls = tls
        self._connection: Connection | None = None

    def open(self) -> None:
        """Connect, encrypt and log in, as the URL says."""
        server = self._server
        code, words = self.connect(server.hostname, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        self.ehlo_or_helo_if_needed()
        if server.security is SmtpSecurity.REQUIRED or (
            server.security is SmtpSecurity.OPTIONAL and self.has_extn("starttls")
        ):
            self.starttls(context=cast("ssl.SSLContext", _Upgrade(self)))
            self.ehlo_or_helo_if_needed()
        if server.user is not None:
            self._log_in(server.user, server.password or "")

    def _log_in(self, user: str, password: str) -> None:
        try:
            self.login(user, password)
        except UnicodeError:
            raise UndeliveredError(
                "The login of SMTP_URL has letters that SMTP cannot send.", is_final=True
            ) from None

    def _get_socket(self, host: str, port: int, timeout: Any) -> Any:
        """What smtplib connects with; SMTP_SSL overrides it likewise."""
        del timeout
        addresses = permitted_addresses(host, EVERYWHERE, self._limits)
        sock, _ = dial(addresses, port, self._limits)
        self._connection = sock
        return self.secure(sock) if self._server.security is SmtpSecurity.TLS else sock

    def secure(self, sock: GuardedSocket) -> GuardedTlsSocket:
        secured = shake_hands(sock, self._tls, self._server.hostname)
        self._connection = secured
        return secured

    def say_goodbye(self) -> None:
        """The message is taken, whatever becomes of this."""
        self._limits.tighten(GOODBYE_SECONDS)
        with suppress(CheckError, OSError, smtplib.SMTPException):
            self.quit()

    def hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.hang_up()


class _Upgrade:
    """What smtplib is handed as its SSLContext, to start TLS our way."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    def wrap_socket(self, sock: GuardedSocket, server_hostname: str | None = None) -> GuardedTlsSocket:
        """A server has nothing to say before the handshake (CVE-2011-0411 and its kin)."""
        del server_hostname
        if sock.has_unread():
            raise CheckError(
                ErrorCode.PROTOCOL_ERROR, "The server sent unprotected data behind its consent to start TLS."
            )
        return self._session.secure(sock)


def _refused(what: str, code: int, words: bytes | str) -> UndeliveredError:
    """5xx is for good (RFC 5321, 4.2.1), but for the login, which is our own set-up and may be mended."""
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    is_final = 500 <= code < 600 and what != LOGIN
    return UndeliveredError(f"The mail server refused {what}: {code} {said}", is_final=is_final)


def _own_name() -> str:
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
