"""TLS with the server that is checked, from the first byte or by upgrade, and what was seen of it."""

from app.checkers.attempt import Attempt, TlsSeen
from app.domain.enums import ErrorCode, Phase
from app.net.failure import CheckError
from app.net.sockets import GuardedSocket, GuardedTlsSocket
from app.net.tls import shake_hands


class TlsUpgrade:
    """What imaplib and poplib are handed as their SSLContext, to upgrade the connection our way."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def wrap_socket(self, sock: GuardedSocket, server_hostname: str | None = None) -> GuardedTlsSocket:
        """Called right behind the server's OK. The name it brings is empty, so ours is used instead.

        A server has nothing to say before the handshake. Whatever is there all the same was put there by
        somebody who wants it taken for a protected answer (CVE-2011-0411 and its kin).
        """
        del server_hostname
        if sock.has_unread():
            raise CheckError(
                ErrorCode.PROTOCOL_ERROR, "The server sent unprotected data behind its consent to start TLS."
            )
        return secure(sock, self._attempt)


def secure(sock: GuardedSocket, attempt: Attempt) -> GuardedTlsSocket:
    """Do the handshake and record what came of it. Raises CheckError."""
    attempt.enter(Phase.TLS)
    target = attempt.target
    name = target.tls_servername or target.hostname
    secured = shake_hands(sock, target.tls, name, attempt.transcript, attempt.clean)
    attempt.connection = secured
    attempt.tls = _seen(secured, is_verified=target.tls.verify)
    attempt.transcript.note(f"{attempt.tls.version} from here on")
    if attempt.ends_with_tls:
        raise CheckError(ErrorCode.TLS_FAILURE, "The certificate has been seen.")
    return secured


def _seen(secured: GuardedTlsSocket, *, is_verified: bool) -> TlsSeen:
    session = secured.session
    cipher = session.cipher()
    return TlsSeen(
        version=session.version(),
        cipher=cipher[0] if cipher else None,
        is_verified=is_verified,
        certificate=session.getpeercert(binary_form=True) or b"",
    )
