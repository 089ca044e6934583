"""Whether checks wait for us, and for nothing else: a busy server, or a mailbox taking turns, is not late."""

from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from app.clock import from_ms, to_ms
from app.extensions import db
from app.models import MonitorSchedule
from app.services import locations
from app.services.schedules import is_free

LATE_AFTER = timedelta(seconds=60)
BADLY_LATE_AFTER = timedelta(minutes=5)
HAD_ITS_TURN = timedelta(seconds=60)
"""A mailbox that was checked so lately waits for no one but itself."""


def oldest_due(
    location_id: int, now: datetime, *, waiting_for: timedelta, checks_per_host: int
) -> datetime | None:
    """When the oldest check became due that has waited longer than that and could begin, if there is one.

    Of the main lane: in the slow one targets wait for their like, which is meant to be. A server with half
    of the checks in flight that it may have, or a mailbox of which another monitor is or was just being
    checked, is not for us to hurry.
    """
    row, now_ms = MonitorSchedule, to_ms(now)
    is_late = and_(
        row.location_id == location_id,
        row.is_slow.is_(False),
        row.next_check_at_ms < to_ms(now - waiting_for),
        is_free(row, now_ms),
    )
    if db.session.scalar(select(row.id).where(is_late).limit(1)) is None:
        # Nearly always, and found out by index: what follows is not.
        return None
    crowded = (
        select(row.server)
        .where(row.location_id == location_id, row.lease_until_ms >= now_ms)
        .group_by(row.server)
        .having(2 * func.count() >= checks_per_host)
    )
    other = aliased(row)
    had_its_turn = and_(other.location_id == location_id, other.last_checked_at > now - HAD_ITS_TURN)
    takes_turns = (
        select(other.id)
        .where(other.mailbox_key == row.mailbox_key, other.id != row.id)
        .where(or_(other.lease_until_ms >= now_ms, had_its_turn))
        .exists()
    )
    oldest = db.session.scalar(
        select(func.min(row.next_check_at_ms)).where(is_late, row.server.not_in(crowded), ~takes_turns)
    )
    return None if oldest is None else from_ms(oldest)


def is_badly_late_everywhere(now: datetime, *, checks_per_host: int) -> bool:
    """Whether no active location gets round to its checks within 5 minutes."""
    places = locations.active(now)
    return bool(places) and all(
        oldest_due(place.id, now, waiting_for=BADLY_LATE_AFTER, checks_per_host=checks_per_host) is not None
        for place in places
    )
