"""Which of the messages that are due leave next: the most urgent ones, and nobody takes all the room."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from app.domain.enums import AlertEvent, AlertStatus, MonitorStatus
from app.domain.fairness import RESERVED_SHARE, SCARCE_SHARE, fair_share
from app.extensions import db
from app.models import Alert, Incident, Monitor
from app.models.alert import MAY_BE_UNSETTLED
from app.services import maintenance
from app.services.alerts import Target

LOOKED_AT = 50
"""Of what is due so many are looked at of each organization; more than can leave at once."""
LOOKED_AT_IN_ALL = 1000

DOUBTFUL_SHARE = 2
"""One place in so many may be taken by messages to targets that have lately failed."""


_READ = (
    Alert.id,
    Alert.incident_id,
    Alert.monitor_id,
    Alert.channel_id,
    Alert.address,
    Alert.event,
    Alert.attempt,
    Alert.priority,
    Alert.status,
    Alert.due_at,
)


@dataclass(frozen=True)
class Errand:
    """What a message takes up while it is on its way."""

    target: Target
    organization_id: int
    is_doubtful: bool
    """Something that waits for this target has failed before: it may well hang again."""


class Room:
    """`size` places for messages on their way, of which `in_flight` are taken.

    A target has no more than `per_target` of them, and a doubtful one no more than one.
    """

    def __init__(self, size: int, per_target: int, in_flight: Collection[Errand]) -> None:
        self._size = size
        self._doubtful_size = max(size // DOUBTFUL_SHARE, 1)
        self._per_target = per_target
        self._taken = list(in_flight)
        self.targets = Counter(errand.target for errand in in_flight)

    def choose(self, waiting: Iterable[tuple[int, Errand]]) -> dict[int, Errand]:
        """Of those that wait, the most urgent first, the ones that there is room for."""
        chosen = {}
        for number, errand in waiting:
            if self._has_room_for(errand):
                self._taken.append(errand)
                self.targets[errand.target] += 1
                chosen[number] = errand
        return chosen

    def _has_room_for(self, errand: Errand) -> bool:
        per_target = 1 if errand.is_doubtful else self._per_target
        doubtful = [taken for taken in self._taken if taken.is_doubtful]
        return (
            self.targets[errand.target] < per_target
            and _is_fair(errand, self._taken, self._size)
            and (not errand.is_doubtful or _is_fair(errand, doubtful, self._doubtful_size))
        )


def _is_fair(errand: Errand, taken: Collection[Errand], size: int) -> bool:
    """Whether the errand's organization may take one more of so many places."""
    free = size - len(taken)
    counts = Counter(one.organization_id for one in taken)
    own = counts[errand.organization_id]
    if free > size // SCARCE_SHARE:
        return True
    if free > size // RESERVED_SHARE:
        return own < fair_share(size, counts)
    return free > 0 and own == 0


def choose(
    now: datetime,
    *,
    limit: int,
    in_flight: Collection[Errand],
    holding: Collection[int],
    per_target: int,
) -> dict[int, Errand]:
    """The numbers of the alerts that leave next, in that order, with what each takes up.

    So many that `limit` are on their way, with those in flight. Not those of incidents that locations in
    `holding` have seen.
    """
    room = Room(limit, per_target, in_flight)
    ranked = _ranked(_due(now, holding, room.targets, per_target), per_target)
    # The first of each organization come first, or one could fill all that is looked at.
    looked_at = select(ranked).where(ranked.c.rank <= LOOKED_AT).order_by(ranked.c.rank)
    found = db.session.execute(looked_at.limit(LOOKED_AT_IN_ALL)).all()
    found = sorted(found, key=lambda row: (row.priority, row.due_at, row.id))
    return room.choose(
        (row.id, Errand((row.channel_id, row.address), row.organization_id, bool(row.is_doubtful)))
        for row in found
    )


def _due(now: datetime, holding: Collection[int], targets: Counter[Target], per_target: int) -> Subquery:
    """What may leave now, and how far it is from being the next one to its target."""
    # By itself, or SQLite would rather go through all there ever were, in the order of their channels.
    unsettled = select(*_READ).where(MAY_BE_UNSETTLED).cte("unsettled").prefix_with("MATERIALIZED")
    of_target = func.max(unsettled.c.attempt).over(partition_by=(unsettled.c.channel_id, unsettled.c.address))
    waiting = select(*unsettled.c, of_target.label("most")).subquery("waiting")
    column = waiting.c
    is_doubtful = column.most > 1
    earlier = aliased(Alert)
    # Nobody is to hear that it is over before hearing that it began.
    is_overtaking = exists().where(
        earlier.incident_id == column.incident_id,
        earlier.id < column.id,
        earlier.status == AlertStatus.SENDING,
        earlier.channel_id.is_not_distinct_from(column.channel_id),
        earlier.address.is_not_distinct_from(column.address),
    )
    place = func.row_number().over(
        partition_by=(column.channel_id, column.address),
        order_by=(column.priority, column.due_at, column.id),
    )
    query = (
        select(
            column.id,
            column.channel_id,
            column.address,
            column.priority,
            column.due_at,
            Monitor.organization_id,
            is_doubtful.label("is_doubtful"),
            place.label("nth"),
        )
        .join(Incident, Incident.id == column.incident_id)
        .join(Monitor, Monitor.id == column.monitor_id)
        .where(column.status == AlertStatus.PENDING, column.due_at <= now)
        .where(or_(column.event != AlertEvent.RECOVERY, ~is_overtaking))
        .where(or_(column.event == AlertEvent.RECOVERY, ~_is_quiet(now)))
    )
    for target, count in targets.items():
        is_busy = _is_to(column, target)
        query = query.where(~(is_busy if count >= per_target else and_(is_busy, is_doubtful)))
    if holding:
        query = query.where(Incident.location_id.not_in(holding))
    return query.subquery("due")


def _ranked(due: Subquery, per_target: int) -> Subquery:
    """The next ones to each target, each with its place among those of its organization."""
    by_organization = func.row_number().over(
        partition_by=(due.c.organization_id, due.c.is_doubtful),
        order_by=(due.c.priority, due.c.due_at, due.c.id),
    )
    return (
        select(due, by_organization.label("rank"))
        .where(due.c.nth <= case((due.c.is_doubtful, 1), else_=per_target))
        .subquery("ranked")
    )


def _is_quiet(now: datetime) -> ColumnElement[bool]:
    """Told when maintenance is over, unless the incident is by then."""
    return or_(
        Monitor.status == MonitorStatus.MAINTENANCE,
        maintenance.is_covered(Monitor.id, Monitor.customer_id, now),
    )


def _is_to(column: Any, target: Target) -> ColumnElement[bool]:
    channel_id, address = target
    return and_(
        column.channel_id.is_not_distinct_from(channel_id), column.address.is_not_distinct_from(address)
    )
