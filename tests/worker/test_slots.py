"""Slots are taken and freed by claim."""

from dataclasses import replace
from uuid import uuid4

import pytest

from app.services.claims import ClaimedCheck
from app.worker.slots import Slots

CLAIM = ClaimedCheck(
    schedule_id=1,
    token=uuid4(),
    monitor_id=1,
    monitor_public_id=uuid4(),
    location_id=1,
    hostname="mail.example.com",
    port=None,
    timeout_seconds=30,
    interval_ms=300_000,
    planned_at_ms=0,
    refusals=0,
    config_encrypted="",
)


@pytest.fixture
def slots() -> Slots:
    slots = Slots(3)
    slots.take([CLAIM, replace(CLAIM, token=uuid4())])
    return slots


def test_taken_slots_are_not_available(slots: Slots) -> None:
    assert (slots.available, len(slots.taken)) == (1, 2)


def test_freeing_a_slot_twice_counts_once(slots: Slots) -> None:
    slots.free([CLAIM])
    slots.free([CLAIM])
    assert slots.available == 2


def test_waiting_ends_when_all_are_free(slots: Slots) -> None:
    assert not slots.wait_until_all_free(0.01)
    slots.free([CLAIM])
    assert not slots.wait_until_all_free(0)
    slots.free([replace(CLAIM, token=token) for token in slots.taken])
    assert slots.wait_until_all_free(0)
