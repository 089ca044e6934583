"""What a process does only a few times at once, because each takes long or much: the others are sent away."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock

from app.errors import UnavailableError


class Turns:
    """At most `size` at once in this process, and no two for the same key. `busy` makes the answer."""

    def __init__(self, size: int, busy: Callable[[], UnavailableError]) -> None:
        self._size = size
        self._busy = busy
        self._lock = Lock()
        self._taken: set[Hashable] = set()

    @contextmanager
    def turn(self, key: Hashable | None = None) -> Iterator[None]:
        """Without a key each is a different one. Raises UnavailableError instead of waiting."""
        key = object() if key is None else key
        with self._lock:
            if key in self._taken or len(self._taken) >= self._size:
                raise self._busy()
            self._taken.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._taken.remove(key)
