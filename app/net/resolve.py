"""Name resolution that cannot hold a check past its deadline, nor let hanging names hold up the others.

getaddrinfo has no timeout and cannot be cancelled, so it runs in daemon threads of its own. A check waits
for its lookup only as long as it may, and joins one that is already under way for that name. Names that
are known to hang get a few threads apart, so that they cannot use up those of the names that answer.
"""

import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future
from ipaddress import ip_address
from itertools import chain, zip_longest

from app.domain.enums import ErrorCode
from app.net.failure import CheckError
from app.net.limits import Limits

MAX_THREADS = 256
MAX_SLOW_THREADS = 16
MAX_WAITING = 1_000
"""Names per lane; past it a lookup fails at once instead of joining a queue that cannot be worked off."""
MAX_HANGING = 10_000
HANGING_SECONDS = 1.0
"""A lookup this short does not hang, even if it was begun too late for the check that waited for it."""
SECOND_CHANCE_SECONDS = 300.0
"""Then a name that hung is taken for sound again, lest others that hang keep it from proving that it is."""
MAX_ADDRESSES = 128
"""A name may have thousands, and each one is judged."""
THREAD_NAME = "name-lookup"


def lookup(name: str) -> list[str]:
    """Numeric addresses of a name, in the order to try them in. Blocks, for minutes at worst."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Query:
    """One lookup and who waits for it. Its fields, except for the answer, are the resolver's to lock."""

    def __init__(self, name: str, lane: "Lane") -> None:
        self.name = name
        self.lane = lane
        self.answer: Future[list[str]] = Future()
        self.waiters = 0
        self.began_at: float | None = None
        self.is_outlived = False
        """Whether somebody stopped waiting while it ran."""


class Lane:
    """A queue and its threads. They start on demand and end when nothing waits, so an idle one is free."""

    def __init__(self, max_threads: int, max_waiting: int) -> None:
        self.max_threads = max_threads
        self.max_waiting = max_waiting
        self.threads = 0
        self.waiting: OrderedDict[str, Query] = OrderedDict()


class Resolver:
    """Two lanes of lookups: one for all names, and a small one for those whose last lookup hung."""

    def __init__(
        self,
        max_threads: int = MAX_THREADS,
        max_slow_threads: int = MAX_SLOW_THREADS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._lock = threading.Lock()
        self._main = Lane(max_threads, max_waiting)
        self._slow = Lane(max_slow_threads, max_waiting)
        self._under_way: dict[str, Query] = {}
        self._hanging = HangingNames()

    def ask(self, name: str, seconds: float) -> list[str]:
        """Addresses of a name. Raises what its lookup raised, TimeoutError, or CheckError if we are busy."""
        query = self.join(name)
        try:
            return query.answer.result(seconds)
        except TimeoutError:
            if query.began_at is None and query.lane is self._main:
                raise _congested() from None
            raise
        finally:
            self.leave(query)

    def join(self, name: str) -> Query:
        """Begin a lookup, or wait for the one under way for this name; to be followed by `leave`."""
        with self._lock:
            query = self._under_way.get(name) or self._begin(name)
            query.waiters += 1
            return query

    def leave(self, query: Query) -> None:
        """Stop waiting, answered or not. A lookup that has not begun and nobody waits for is dropped."""
        with self._lock:
            query.waiters -= 1
            if query.began_at is not None:
                query.is_outlived = True
            elif not query.waiters:
                del query.lane.waiting[query.name], self._under_way[query.name]

    def _begin(self, name: str) -> Query:
        """Called with the lock held, so that the thread finds the name that it is started for."""
        lane = self._slow if name in self._hanging else self._main
        if len(lane.waiting) >= lane.max_waiting:
            raise _congested()
        if lane.threads < lane.max_threads:
            threading.Thread(target=self._work, args=[lane], name=THREAD_NAME, daemon=True).start()
            lane.threads += 1
        query = self._under_way[name] = lane.waiting[name] = Query(name, lane)
        return query

    def _work(self, lane: Lane) -> None:
        while (query := self._next(lane)) is not None:
            try:
                addresses = lookup(query.name)
            except Exception as error:  # noqa: BLE001 - handed to whoever waits, who sorts it out
                self._finish(query)
                query.answer.set_exception(error)
            else:
                self._finish(query)
                query.answer.set_result(addresses)

    def _next(self, lane: Lane) -> Query | None:
        with self._lock:
            if not lane.waiting:
                lane.threads -= 1
                return None
            _, query = lane.waiting.popitem(last=False)
            query.began_at = time.monotonic()
            return query

    def _finish(self, query: Query) -> None:
        """Note what the name is like before anybody hears of the answer, and may ask again."""
        with self._lock:
            del self._under_way[query.name]
            took = time.monotonic() - (query.began_at or 0.0)
            if query.is_outlived and took >= HANGING_SECONDS:
                self._hanging.add(query.name)
            else:
                self._hanging.discard(query.name)


class HangingNames:
    """The names whose last lookup outlived a check that waited for it: so many at most, and for a while."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, float] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        since = self._since.get(name)
        return since is not None and time.monotonic() - since < SECOND_CHANCE_SECONDS

    def add(self, name: str) -> None:
        self._since[name] = time.monotonic()
        self._since.move_to_end(name)
        if len(self._since) > MAX_HANGING:
            self._since.popitem(last=False)

    def discard(self, name: str) -> None:
        self._since.pop(name, None)


def _congested() -> CheckError:
    """The name is not to blame, so this is no dns_failure."""
    return CheckError(
        ErrorCode.INTERNAL_ERROR, "Too many name lookups are waiting on our side; nothing was checked."
    )


_RESOLVER = Resolver()


def resolve(hostname: str, limits: Limits) -> list[str]:
    """Numeric addresses of a host name, families in turn; an IP literal is its own. Raises CheckError."""
    literal = _literal(hostname)
    if literal is not None:
        return [literal]
    try:
        addresses = _RESOLVER.ask(hostname, limits.remaining())
    except TimeoutError:
        raise limits.expired() from None
    except (OSError, ValueError) as error:
        raise CheckError(
            ErrorCode.DNS_FAILURE, f"The name {hostname} was not found: {_reason(error)}."
        ) from None
    if not addresses:
        raise CheckError(ErrorCode.DNS_FAILURE, f"The name {hostname} has no address.")
    return interleave(addresses)[:MAX_ADDRESSES]


def interleave(addresses: Iterable[str]) -> list[str]:
    """IPv6 and IPv4 in turn, beginning with the first one's family (RFC 8305, 4): either may lead nowhere."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    return [address for address in chain(*zip_longest(*families.values())) if address is not None]


def _literal(hostname: str) -> str | None:
    try:
        return str(ip_address(hostname))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or "it is no valid host name")
