"""How organizations share places of which there are few: threads that check, and messages on their way."""

from collections.abc import Mapping

RESERVED_SHARE = 8
"""One place in so many is kept for organizations that have few."""

SCARCE_SHARE = 4
"""The last one in so many places is shared out fairly; before that nobody has to look who takes them."""


def fair_share(size: int, taken: Mapping[int, int]) -> int:
    """How many places each organization would have if one more wanted some; `taken`: by organization."""
    return max(size // (max(len(taken), 1) + 1), 1)
