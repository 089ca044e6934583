"""How monitors spent their time: by stored transitions, what is derived from them now, and maintenance."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import aliased

from app.clock import to_ms
from app.domain.calendar import TimeRange
from app.domain.enums import Health
from app.domain.uptime import Change, Segment, Span, segments
from app.errors import UnavailableError
from app.extensions import db
from app.models import HealthTransition, MonitorSchedule
from app.turns import Turns

MANY = 50_000
"""So many transitions take about half a second of a processor: a mailbox that goes up and down all year."""
MANY_AT_ONCE = 2
"""In one web process, whose other callers would have to wait for all of them."""
RETRY_SECONDS = 5
TOO_MUCH = "Too many long histories at once"
_turns = Turns(MANY_AT_ONCE, partial(UnavailableError, TOO_MUCH, retry_after=RETRY_SECONDS))


def span_of(period: TimeRange) -> Span:
    return Span(to_ms(period.from_), to_ms(period.until))


def room_for(monitor_id: int, within: TimeRange) -> AbstractContextManager[None]:
    """While a monitor's time is looked at that has MANY transitions, only so many others are.

    Raises UnavailableError instead of waiting.
    """
    return _turns.turn() if _has_many(monitor_id, within) else nullcontext()


def _has_many(monitor_id: int, within: TimeRange) -> bool:
    """By location, like `_seen`: nothing older is read."""
    place, transition = MonitorSchedule, HealthTransition
    of_place = and_(
        transition.monitor_id == place.monitor_id,
        transition.location_id == place.location_id,
        transition.started_at >= within.from_,
        transition.started_at < within.until,
    )
    found = select(transition.started_at).select_from(place).join(transition, of_place)
    nth = found.where(place.monitor_id == monitor_id).offset(MANY - 1).limit(1)
    return db.session.scalar(nth) is not None


def timelines(
    monitor_ids: Sequence[int],
    maintenance: Mapping[int, Iterable[Span]],
    within: TimeRange,
    now: datetime,
) -> dict[int, list[Segment]]:
    """What the range was for each of these monitors; `maintenance` has the periods of those that had some.

    It ends now at the latest. What a failure that is not confirmed yet, or results that are not overdue yet,
    will come to is seen once they are.
    """
    seen = within.before(now)
    places = _places(monitor_ids, seen, now)
    return {
        monitor_id: segments(
            places.get(monitor_id, {}).values(), maintenance.get(monitor_id, ()), span_of(seen)
        )
        for monitor_id in monitor_ids
    }


def _places(
    monitor_ids: Sequence[int], within: TimeRange, now: datetime
) -> dict[int, dict[int, list[Change]]]:
    """By monitor and location what was seen there, beginning with the last change before the range."""
    found: dict[int, dict[int, list[Change]]] = {}
    now_ms = to_ms(now)
    # Plain rows: a mailbox that goes up and down all the time has 100,000 of them.
    rows = db.session.connection().execute(_seen(monitor_ids, within)).all()
    for (monitor_id, location_id, data_until_ms), some in groupby(rows, key=lambda row: row[:3]):
        changes = [Change(to_ms(row.started_at), row.health) for row in some]
        if data_until_ms is not None and data_until_ms < now_ms:
            # Written down by the next result; until one comes it is derived, so it needs no scheduler.
            changes.append(Change(max(data_until_ms, changes[-1].at_ms), Health.NO_DATA))
        found.setdefault(monitor_id, {})[location_id] = changes
    return found


def _seen(monitor_ids: Sequence[int], within: TimeRange) -> Select[Any]:
    """By location, because that is how the primary key finds them, the last one before the range too."""
    place, transition, before = MonitorSchedule, HealthTransition, aliased(HealthTransition)
    last_before = (
        select(func.max(before.started_at))
        .where(
            before.monitor_id == place.monitor_id,
            before.location_id == place.location_id,
            before.started_at <= within.from_,
        )
        .scalar_subquery()
    )
    # Of a location that has not made up its mind nothing ends.
    data_until_ms = case((place.health != Health.PENDING, place.data_until_ms)).label("data_until_ms")
    return (
        select(place.monitor_id, place.location_id, data_until_ms, transition.started_at, transition.health)
        .join(
            transition,
            and_(
                transition.monitor_id == place.monitor_id,
                transition.location_id == place.location_id,
                transition.started_at >= func.coalesce(last_before, within.from_),
                transition.started_at < within.until,
            ),
        )
        .where(place.monitor_id.in_(monitor_ids))
        .order_by(place.monitor_id, place.location_id, transition.started_at)
    )
