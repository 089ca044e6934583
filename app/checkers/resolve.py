"""Name resolution that cannot hold a check past its deadline.

getaddrinfo has no timeout and cannot be cancelled, so it runs in a few daemon threads of its own. A
check waits for its lookup only as long as it may, and joins one that is already running for that name.
"""

import socket
import threading
from collections import deque
from concurrent.futures import Future
from ipaddress import ip_address

from app.checkers.failure import CheckError
from app.checkers.limits import Limits
from app.domain.enums import ErrorCode

MAX_THREADS = 64
MAX_WAITING = 1_000
"""Names; past it a lookup fails at once instead of joining a queue that cannot be worked off in time."""
MAX_ADDRESSES = 8
THREAD_NAME = "name-lookup"


def lookup(name: str) -> list[str]:
    """Numeric addresses of a name, in the order to try them in. Blocks, for minutes at worst."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """A bounded pool of lookups. Its threads end when nothing waits, so an idle one costs nothing."""

    def __init__(self, max_threads: int = MAX_THREADS, max_waiting: int = MAX_WAITING) -> None:
        self._max_threads = max_threads
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting: deque[str] = deque()
        self._running: dict[str, Future[list[str]]] = {}

    def start(self, name: str) -> Future[list[str]]:
        """Begin a lookup, or join the one under way for this name."""
        with self._lock:
            if name in self._running:
                return self._running[name]
            if len(self._waiting) >= self._max_waiting:
                raise CheckError(ErrorCode.DNS_FAILURE, "Too many name lookups are waiting for an answer.")
            self._start_thread()
            future: Future[list[str]] = Future()
            self._running[name] = future
            self._waiting.append(name)
            return future

    def _start_thread(self) -> None:
        """Called with the lock held, so that the thread finds the name that it is started for."""
        if self._threads < self._max_threads:
            threading.Thread(target=self._work, name=THREAD_NAME, daemon=True).start()
            self._threads += 1

    def _work(self) -> None:
        while (name := self._next()) is not None:
            try:
                addresses = lookup(name)
            except Exception as error:  # noqa: BLE001 - handed to whoever waits, who sorts it out
                self._pop(name).set_exception(error)
            else:
                self._pop(name).set_result(addresses)

    def _next(self) -> str | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _pop(self, name: str) -> Future[list[str]]:
        with self._lock:
            return self._running.pop(name)


_RESOLVER = Resolver()


def resolve(hostname: str, limits: Limits) -> list[str]:
    """Numeric addresses of a host name; an IP literal is its own. Raises CheckError."""
    literal = _literal(hostname)
    if literal is not None:
        return [literal]
    waiting_for = _RESOLVER.start(hostname)
    try:
        addresses = waiting_for.result(limits.remaining())
    except TimeoutError:
        raise limits.expired() from None
    except (OSError, ValueError) as error:
        raise CheckError(
            ErrorCode.DNS_FAILURE, f"The name {hostname} was not found: {_reason(error)}."
        ) from None
    if not addresses:
        raise CheckError(ErrorCode.DNS_FAILURE, f"The name {hostname} has no address.")
    return addresses[:MAX_ADDRESSES]


def _literal(hostname: str) -> str | None:
    try:
        return str(ip_address(hostname))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or "it is no valid host name")
