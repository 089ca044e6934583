"""When a monitor is checked next. Instants and lengths are whole milliseconds since the epoch.

The claim does the same arithmetic in SQL (`services/schedules.py`), one statement for many rows;
a test holds the two against each other.
"""

from hashlib import blake2b

CONFIRM_AFTER_MS = 30_000
"""How long after a first failure the confirming check comes, when its planned time is later."""

BACK_OFF_MS = 15 * 60_000
"""How far apart the checks of a mailbox that refuses us grow, unless its interval is longer anyway."""

LATE_MS = 5_000


def stable_offset_ms(key: str, interval_ms: int) -> int:
    """Spread monitors over the interval: the same key always lands on the same spot of it."""
    digest = blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % interval_ms


def next_slot_ms(now_ms: int, interval_ms: int, offset_ms: int) -> int:
    """The first planned time after now: slots are `offset + k * interval`, so nothing drifts."""
    return now_ms + interval_ms - (now_ms - offset_ms) % interval_ms


def next_after_refusal_ms(checked_at_ms: int, planned_at_ms: int, refusals: int, interval_ms: int) -> int:
    """When the check comes that is planned next, after so many refusals in a row (design.md, section 4).

    From the second on the distance doubles, up to 15 minutes or the interval. Counted from the check that
    was refused, because 15 minutes need not be a whole number of intervals; slots come back with the next
    claim.
    """
    # The exponent is bounded, because a mailbox may refuse us for years.
    doubled = interval_ms << min(max(refusals - 1, 0), 30)
    distance = min(doubled, max(interval_ms, BACK_OFF_MS))
    return checked_at_ms + distance if distance > interval_ms else planned_at_ms


def is_late(due_at_ms: int, begun_at_ms: int) -> bool:
    """Whether a check begins so late that it is counted."""
    return begun_at_ms - due_at_ms > LATE_MS


def skipped_slots(due_at_ms: int, planned_at_ms: int, interval_ms: int) -> int:
    """How many planned times are left out between the check that was due and the next that is planned."""
    return max(planned_at_ms - due_at_ms - 1, 0) // interval_ms


def data_until_ms(planned_at_ms: int, interval_ms: int, timeout_ms: int) -> int:
    """How long what is known holds, with the next result planned then: until three more will have been due.

    From then on there is no data. The last of the three gets its timeout before it counts as missing.
    """
    return planned_at_ms + 2 * interval_ms + timeout_ms
