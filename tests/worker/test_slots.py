"""Slots are taken and freed by claim; no server, and no organization, gets more than its part."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from app.domain.claimed_check import ClaimedCheck
from app.worker.slots import Slots
from tests.worker.conftest import CLAIM


def claims(count: int, **fields: Any) -> list[ClaimedCheck]:
    return [replace(CLAIM, token=uuid4(), **fields) for _ in range(count)]


@pytest.fixture
def slots() -> Slots:
    slots = Slots(3, 2, 10)
    assert slots.take([CLAIM, *claims(1)]) == []
    return slots


def test_taken_slots_are_not_available(slots: Slots) -> None:
    assert (slots.available(is_slow=False), slots.available(is_slow=True), len(slots.taken)) == (1, 2, 2)


def test_lanes_have_slots_of_their_own(slots: Slots) -> None:
    slots.take(claims(2, is_slow=True))
    assert (slots.available(is_slow=False), slots.available(is_slow=True)) == (1, 0)


def test_freeing_a_slot_twice_counts_once(slots: Slots) -> None:
    slots.free([CLAIM])
    slots.free([CLAIM])
    assert slots.available(is_slow=False) == 2


def test_it_is_known_when_all_are_free(slots: Slots) -> None:
    assert not slots.wait_until_all_free(0)
    slots.free([CLAIM])
    slots.free(replace(CLAIM, token=token) for token in slots.taken)
    assert slots.wait_until_all_free(0)


def test_a_server_gets_no_more_than_it_may_have_in_all_lanes() -> None:
    slots = Slots(10, 10, 3)
    slots.take(claims(2, is_slow=True))
    main, elsewhere = claims(2), claims(2, server="elsewhere:993")
    assert slots.take([*main, *elsewhere]) == main[1:]
    slots.free(main[:1])
    assert slots.take(main[1:]) == []


def test_servers_with_half_of_what_they_may_have_are_crowded() -> None:
    slots = Slots(10, 10, 4)
    slots.take([*claims(1), *claims(2, server="half:993"), *claims(4, server="full:993")])
    assert slots.crowded_servers() == {"half:993": 2, "full:993": 0}


def test_a_fair_share_leaves_room_for_one_organization_more() -> None:
    slots = Slots(12, 4, 100)
    assert slots.fair_share(is_slow=False) == (6, frozenset())
    slots.take(claims(5))
    assert slots.fair_share(is_slow=False) == (6, frozenset())
    slots.take(claims(1))
    assert slots.fair_share(is_slow=False) == (6, {1})
    slots.take(claims(3, organization_id=2))
    assert slots.fair_share(is_slow=False) == (4, {1})
    slots.take(claims(1, organization_id=2))
    assert slots.fair_share(is_slow=False) == (4, {1, 2})
    assert slots.fair_share(is_slow=True) == (2, frozenset())


def test_one_slot_is_a_share_at_least() -> None:
    slots = Slots(1, 1, 1)
    slots.take([CLAIM])
    assert slots.fair_share(is_slow=False) == (1, {1})
    assert slots.reserved(is_slow=False) == 0


def test_the_last_quarter_of_the_slots_is_what_has_to_be_shared_out() -> None:
    slots = Slots(12, 4, 100)
    slots.take(claims(5))
    assert (slots.plenty(is_slow=False), slots.plenty(is_slow=True)) == (4, 3)
    slots.take(claims(6))
    assert slots.plenty(is_slow=False) == -2
