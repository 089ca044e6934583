"""Opens a TCP connection to the first of several addresses that answers (happy eyeballs, RFC 8305).

A further address is tried as soon as one fails, or after 250 ms of silence; the losers are closed.
"""

import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Sequence
from typing import cast

from app.domain.enums import ErrorCode
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.sockets import GuardedSocket

STAGGER_SECONDS = 0.25


def dial(addresses: Sequence[str], port: int, limits: Limits) -> tuple[GuardedSocket, str]:
    """Connect to one of the numeric addresses; the socket, and which address it was.

    Raises CheckError. Leaves no other socket open.
    """
    waiting = deque(addresses)
    failures: list[int] = []
    # Poll rather than select, which fails for descriptors from 1024 on.
    with selectors.PollSelector() as race:
        try:
            while waiting or race.get_map():
                if waiting:
                    _start(race, waiting.popleft(), port, failures)
                winner = _wait(race, limits, failures, is_last=not waiting)
                if winner is not None:
                    return winner
        finally:
            for key in list(race.get_map().values()):
                _leave(race, key)
    raise _failure(failures, port)


def _start(race: selectors.PollSelector, address: str, port: int, failures: list[int]) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = GuardedSocket(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        failures.append(errno.EAFNOSUPPORT)
        return
    sock.setblocking(False)
    # Or the second half of a command waits for the acknowledgement of the first.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    result = sock.connect_ex((address, port))
    if result in (0, errno.EINPROGRESS):
        race.register(sock, selectors.EVENT_WRITE, (sock, address))
    else:
        failures.append(result)
        sock.close()


def _wait(
    race: selectors.PollSelector, limits: Limits, failures: list[int], *, is_last: bool
) -> tuple[GuardedSocket, str] | None:
    """The first connection that stands, or None when another address should be tried now."""
    patience = limits.remaining() if is_last else min(STAGGER_SECONDS, limits.remaining())
    if not race.get_map():
        return None
    for key, _ in race.select(patience):
        sock, address = cast("tuple[GuardedSocket, str]", key.data)
        result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not result:
            race.unregister(sock)
            sock.setblocking(True)
            sock.limits = limits
            return sock, address
        failures.append(result)
        _leave(race, key)
    return None


def _leave(race: selectors.PollSelector, key: selectors.SelectorKey) -> None:
    race.unregister(key.fileobj)
    key.data[0].close()


def _failure(failures: list[int], port: int) -> CheckError:
    """Being refused says most: it proves that the host is there, whatever the other addresses did."""
    if errno.ECONNREFUSED in failures:
        return CheckError(
            ErrorCode.CONNECTION_REFUSED,
            f"The server refused the connection to port {port}.",
            is_retryable=True,
        )
    return CheckError(
        ErrorCode.CONNECTION_FAILED,
        f"No connection to port {port}: {os.strerror(failures[0])}.",
        is_retryable=errno.ECONNRESET in failures,
    )
