"""What Pillarbox itself is in trouble with, as far as its database tells."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from app.domain.enums import AlertStatus, TroubleKind
from app.extensions import db
from app.models import Alert, Incident, Location
from app.models.alert import MAY_BE_UNSETTLED
from app.services import lateness, locations
from app.services.lateness import LATE_AFTER

UNDELIVERED_AFTER = timedelta(minutes=15)
STILL_TRIED = timedelta(hours=1)
"""How long after the last attempt that failed it is still known that none would arrive."""
RECENT = 200
"""Attempts to look at."""


def look(location_id: int, now: datetime, *, checks_per_host: int) -> dict[TroubleKind, datetime | None]:
    """For each kind that can be told since when there is trouble, or None where there is none.

    Of alerts the first active location speaks for all.
    """
    seen = {
        TroubleKind.LATE: lateness.oldest_due(
            location_id, now, waiting_for=LATE_AFTER, checks_per_host=checks_per_host
        ),
        TroubleKind.CUT_OFF: db.session.scalar(
            select(Location.suspect_since).where(Location.id == location_id)
        ),
    }
    first = next(iter(locations.active(now)), None)
    if first is not None and first.id == location_id:
        seen |= _undelivered(now)
    return seen


def _undelivered(now: datetime) -> dict[TroubleKind, datetime | None]:
    """Since when nothing arrives anywhere. Nothing at all when that is not known."""
    waiting_since = _waiting_since(now)
    if waiting_since is not None:
        return {TroubleKind.UNDELIVERED: waiting_since}
    attempts = db.session.execute(
        select(Alert.status, Alert.sent_at)
        .where(Alert.status.in_((AlertStatus.SENT, AlertStatus.FAILED)))
        .order_by(Alert.id.desc())
        .limit(RECENT)
    ).all()
    failures = failures_at_the_end([(row.status, row.sent_at) for row in attempts])
    if not failures:
        return {TroubleKind.UNDELIVERED: None}
    first, last = min(failures), max(failures)
    is_tried = _is_tried_again() or (now - last < STILL_TRIED and last - first >= UNDELIVERED_AFTER)
    return {TroubleKind.UNDELIVERED: first} if is_tried and now - first >= UNDELIVERED_AFTER else {}


def failures_at_the_end(attempts: Sequence[tuple[AlertStatus, datetime]]) -> list[datetime]:
    """When attempts failed after the last one that did not."""
    arrived = [at for status, at in attempts if status is AlertStatus.SENT]
    return [
        at for status, at in attempts if status is AlertStatus.FAILED and (not arrived or at > max(arrived))
    ]


def _waiting_since(now: datetime) -> datetime | None:
    """When the oldest became due that nobody has sent for 15 minutes, though it is not held."""
    return db.session.scalar(
        select(Alert.due_at)
        .join(Incident, Incident.id == Alert.incident_id)
        .join(Location, Location.id == Incident.location_id)
        .where(MAY_BE_UNSETTLED, Alert.due_at <= now - UNDELIVERED_AFTER)
        .where(Location.suspect_since.is_(None))
        .order_by(Alert.due_at)
        .limit(1)
    )


def _is_tried_again() -> bool:
    query = select(Alert.id).where(MAY_BE_UNSETTLED, Alert.attempt > 1).limit(1)
    return db.session.scalar(query) is not None
