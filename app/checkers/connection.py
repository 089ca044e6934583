"""The way to a server that speaks: resolve its name, judge the addresses, dial, and start TLS."""

from app.checkers.attempt import Attempt
from app.checkers.dial import dial
from app.checkers.failure import CheckError
from app.checkers.guard import is_permitted
from app.checkers.resolve import interleave, resolve
from app.checkers.sockets import Connection
from app.checkers.tls import secure
from app.domain.enums import ErrorCode, Phase, Security

MAX_DIALLED = 8


def connect(attempt: Attempt) -> Connection:
    """A connection to the target, encrypted if that is to happen from the first byte. Raises CheckError."""
    target = attempt.target
    attempt.enter(Phase.DNS)
    addresses = _permitted(attempt)
    attempt.enter(Phase.CONNECT)
    attempt.address = addresses[0]
    sock, attempt.address = dial(addresses, target.effective_port, attempt.limits)
    attempt.connection = sock
    sock.transcript = attempt.transcript
    attempt.transcript.note(f"connected to {attempt.address} port {target.effective_port}")
    return secure(sock, attempt) if target.security is Security.TLS else sock


def _permitted(attempt: Attempt) -> list[str]:
    """Addresses of the target that may be dialled, so many at most: what is judged here is what is dialled.

    Chosen behind the guard, or a family that is forbidden here takes up the places of the other one.
    """
    hostname = attempt.target.hostname
    permitted = [
        address for address in resolve(hostname, attempt.limits) if is_permitted(address, attempt.guard)
    ]
    if not permitted:
        raise CheckError(
            ErrorCode.TARGET_FORBIDDEN,
            f"{hostname} leads to addresses that may not be checked (internal, reserved or denied).",
        )
    return interleave(permitted)[:MAX_DIALLED]
