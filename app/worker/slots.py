"""How many checks may be in flight, which ones are, and who has how many of them."""

from collections import Counter
from collections.abc import Iterable
from threading import Condition
from uuid import UUID

from app.domain.claimed_check import ClaimedCheck
from app.domain.fairness import RESERVED_SHARE, SCARCE_SHARE, fair_share


class Slots:
    """A check holds its slot from the claim until its result is stored.

    So that what waits to be stored is bounded by the same number: while the database is away the slots
    fill up and nothing more is claimed, and what is in here at the end is exactly what has to be released.

    There are `size` slots, and `slow_size` of their own for targets whose last check timed out. No server
    has more than `per_server` of all of them.
    """

    def __init__(self, size: int, slow_size: int, per_server: int) -> None:
        self._size = {False: size, True: slow_size}
        self._per_server = per_server
        self._taken: dict[UUID, ClaimedCheck] = {}
        self._changed = Condition()

    def take(self, claims: Iterable[ClaimedCheck]) -> list[ClaimedCheck]:
        """Give each claim a slot, as far as its server may have one more. Returns those without."""
        refused = []
        with self._changed:
            counts = Counter(claim.server for claim in self._taken.values())
            for claim in claims:
                if counts[claim.server] < self._per_server:
                    self._taken[claim.token] = claim
                    counts[claim.server] += 1
                else:
                    refused.append(claim)
        return refused

    def free(self, claims: Iterable[ClaimedCheck]) -> None:
        with self._changed:
            for claim in claims:
                self._taken.pop(claim.token, None)
            self._changed.notify_all()

    def sizes(self) -> dict[bool, int]:
        """How many there are, by whether they are of the slow lane."""
        return self._size

    def available(self, *, is_slow: bool) -> int:
        return self._size[is_slow] - len(self._in_lane(is_slow=is_slow))

    def reserved(self, *, is_slow: bool) -> int:
        """How many slots are kept for organizations that have few."""
        return self._size[is_slow] // RESERVED_SHARE

    def plenty(self, *, is_slow: bool) -> int:
        """How many slots are free beyond those that have to be shared out."""
        return self.available(is_slow=is_slow) - self._size[is_slow] // SCARCE_SHARE

    def crowded_servers(self) -> dict[str, int]:
        """Servers with half of the checks in flight that they may have, and how many more they may have."""
        with self._changed:
            counts = Counter(claim.server for claim in self._taken.values())
        limit = self._per_server
        return {server: limit - count for server, count in counts.items() if 2 * count >= limit}

    def fair_share(self, *, is_slow: bool) -> tuple[int, frozenset[int]]:
        """How many slots each organization would have if one more wanted some, and which have as many."""
        counts = Counter(claim.organization_id for claim in self._in_lane(is_slow=is_slow))
        share = fair_share(self._size[is_slow], counts)
        return share, frozenset(organization for organization, count in counts.items() if count >= share)

    def _in_lane(self, *, is_slow: bool) -> list[ClaimedCheck]:
        with self._changed:
            return [claim for claim in self._taken.values() if claim.is_slow is is_slow]

    @property
    def taken(self) -> list[UUID]:
        with self._changed:
            return list(self._taken)

    def wait_until_all_free(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._taken, timeout=seconds)
