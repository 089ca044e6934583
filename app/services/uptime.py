"""How monitors spent their time: by stored transitions, what is derived from them now, and maintenance."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import aliased

from app.clock import to_ms
from app.domain.calendar import TimeRange
from app.domain.enums import Health
from app.domain.uptime import Change, Segment, Span, segments
from app.extensions import db
from app.models import HealthTransition, MonitorSchedule


def span_of(period: TimeRange) -> Span:
    return Span(to_ms(period.from_), to_ms(period.until))


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
    rows = db.session.execute(_seen(monitor_ids, within))
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
