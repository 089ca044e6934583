"""The way to a server that speaks: resolve its name, judge the addresses, dial, and start TLS."""

from app.checkers.attempt import Attempt
from app.checkers.tls import secure
from app.domain.enums import Phase, Security
from app.net.addresses import permitted_addresses
from app.net.dial import dial
from app.net.sockets import Connection


def connect(attempt: Attempt) -> Connection:
    """A connection to the target, encrypted if that is to happen from the first byte. Raises CheckError."""
    target = attempt.target
    attempt.enter(Phase.DNS)
    addresses = permitted_addresses(target.hostname, attempt.guard, attempt.limits)
    attempt.enter(Phase.CONNECT)
    attempt.address = addresses[0]
    sock, attempt.address = dial(addresses, target.effective_port, attempt.limits)
    attempt.connection = sock
    sock.transcript = attempt.transcript
    attempt.transcript.note(f"connected to {attempt.address} port {target.effective_port}")
    return secure(sock, attempt) if target.security is Security.TLS else sock
