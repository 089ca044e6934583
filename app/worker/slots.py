"""How many checks may be in flight, and which ones are."""

from collections.abc import Iterable
from threading import Condition
from uuid import UUID

from app.services.claims import ClaimedCheck


class Slots:
    """A check holds its slot from the claim until its result is stored.

    So that what waits to be stored is bounded by the same number: while the database is away the slots
    fill up and nothing more is claimed, and what is in here at the end is exactly what has to be released.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken: set[UUID] = set()
        self._changed = Condition()

    def take(self, claims: Iterable[ClaimedCheck]) -> None:
        with self._changed:
            self._taken.update(claim.token for claim in claims)

    def free(self, claims: Iterable[ClaimedCheck]) -> None:
        with self._changed:
            self._taken.difference_update(claim.token for claim in claims)
            self._changed.notify_all()

    @property
    def available(self) -> int:
        with self._changed:
            return self._size - len(self._taken)

    @property
    def taken(self) -> list[UUID]:
        with self._changed:
            return list(self._taken)

    def wait_until_all_free(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._taken, timeout=seconds)
