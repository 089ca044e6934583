"""What follows from results for the monitor: its health, its history, the incidents that begin and end.

All of it in the transaction of the results. Two schedulers that look at one monitor at once take turns by its
row of `monitor_health`: whoever comes second sees what the first has written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, exists, func, select, update

from app.clock import from_ms, to_ms
from app.domain.enums import CheckStatus, Health
from app.domain.health import Rules, conclude, quorum
from app.extensions import db
from app.models import (
    Customer,
    HealthTransition,
    Incident,
    Monitor,
    MonitorHealth,
    MonitorSchedule,
    Organization,
)
from app.models.monitor_schedule import IS_DOWN
from app.services import incident_lifecycle, maintenance
from app.services.incident_lifecycle import DOWNTIME, Beginning, Ending
from app.services.inherited import inherited
from app.services.locking import begin_writing
from app.services.streaks import Step, is_raised
from app.services.upserts import insert_into

_HEALTH = cast(Table, MonitorHealth.__table__)
_TRANSITIONS = cast(Table, HealthTransition.__table__)
_ROW = MonitorSchedule
_CORRECTED = (
    update(_TRANSITIONS)
    .where(
        _TRANSITIONS.c.monitor_id == bindparam("monitor"),
        _TRANSITIONS.c.location_id == bindparam("location"),
        _TRANSITIONS.c.started_at > bindparam("began"),
        _TRANSITIONS.c.health == bindparam("believed"),
    )
    .values(health=bindparam("confirmed"))
)
Transition = tuple[int, int, datetime, Health]
"""Monitor, location, instant, and how it was seen from then on."""
_CHANGED = (
    update(_HEALTH)
    .where(_HEALTH.c.monitor_id == bindparam("number"))
    .values(health=bindparam("concluded"), since=bindparam("changed_at"))
)


@dataclass(frozen=True)
class Left:
    """A schedule row that is planned no more, and how long what it knew held."""

    row: MonitorSchedule
    data_until_ms: int | None


@dataclass(frozen=True)
class Situation:
    """A monitor with all that is known of it from its locations, looked at while nobody else does."""

    monitor_id: int
    organization_id: int
    rules: Rules
    in_maintenance: bool
    health: Health
    rows: Sequence[Any]
    """Its schedule rows, of all locations."""
    steps: Sequence[Step]
    """What has just come in."""
    is_open: Mapping[str, Incident]
    """Its open incidents, by subject."""

    def known(self, now: datetime) -> list[Any]:
        """Rows of locations that have a say: they are planned, have data, and have made up their mind."""
        now_ms = to_ms(now)
        return [
            row
            for row in self.rows
            if row.health is not Health.PENDING
            and row.next_check_at_ms is not None
            and (row.data_until_ms is None or row.data_until_ms >= now_ms)
        ]


def follow(steps: Sequence[Step], now: datetime) -> None:
    """Draw the conclusions from steps that matter; their schedule rows have been written already."""
    if not steps:
        return
    _note([transition for step in steps for transition in _transitions_of(step)])
    _correct(steps)
    by_monitor: dict[int, list[Step]] = {}
    for step in steps:
        by_monitor.setdefault(step.claim.monitor_id, []).append(step)
    _conclude(by_monitor, now)


def doubtful() -> list[int]:
    """Monitors of which other things may be true by now although no result said so, by the order of ids.

    A location fell silent, which leaves its say to the others; other rules hold than did; maintenance came
    and went while a check was under way.
    """
    is_down = select(_ROW.monitor_id).where(
        _ROW.health == Health.DOWN, IS_DOWN, ~_ROW.in_maintenance, ~_has_open_downtime(_ROW.monitor_id)
    )
    number = MonitorHealth.monitor_id
    places = select(func.count()).where(_ROW.monitor_id == number).scalar_subquery()
    several_say_down = select(number).where(MonitorHealth.health == Health.DOWN, places > 1)
    return sorted({*db.session.scalars(is_down), *db.session.scalars(several_say_down)})


def reconsider(monitor_ids: Sequence[int], now: datetime) -> None:
    """Conclude again without a result. To be committed by whoever asks, a few hundred monitors at a time."""
    begin_writing()
    # Before their health, as everybody does: who removes a monitor holds it first.
    held = select(Monitor.id).where(Monitor.id.in_(monitor_ids)).order_by(Monitor.id)
    still = db.session.scalars(held.with_for_update(read=True, key_share=True, skip_locked=True))
    _conclude({monitor_id: [] for monitor_id in still}, now)


def _has_open_downtime(monitor_id: Any) -> Any:
    return exists().where(
        Incident.monitor_id == monitor_id, Incident.subject == DOWNTIME, Incident.ended_at.is_(None)
    )


def stop_watching(left: Sequence[Left], now: datetime) -> None:
    """Forget what was known from locations that do not check a monitor any more.

    When none is left that knows, its incidents end: nobody would see the recovery.
    """
    if not left:
        return
    _note([transition for one in left for transition in _farewell(one, now)])
    for one in left:
        row = one.row
        row.health, row.streak, row.hard_failures = Health.PENDING, 0, 0
        row.streak_since = row.warning_alarms = None
        row.in_maintenance = False
    db.session.flush()
    _conclude({one.row.monitor_id: [] for one in left}, now, is_farewell=True)


def _farewell(left: Left, now: datetime) -> Iterable[Transition]:
    place = (left.row.monitor_id, left.row.location_id)
    if left.data_until_ms is not None and left.data_until_ms < to_ms(now):
        yield *place, from_ms(left.data_until_ms), Health.NO_DATA
    yield *place, now, Health.PENDING


def _conclude(by_monitor: Mapping[int, Sequence[Step]], now: datetime, *, is_farewell: bool = False) -> None:
    if not by_monitor:
        return
    conclusions = Conclusions()
    for situation in _situations(by_monitor, now):
        conclusions.add(situation, now)
        if is_farewell and not situation.known(now):
            conclusions.endings += [
                Ending(incident, now, is_abandoned=True) for incident in situation.is_open.values()
            ]
    conclusions.write(now)


def _transitions_of(step: Step) -> Iterable[Transition]:
    """What the history of the location says from now on. Degraded is up."""
    place = (step.claim.monitor_id, step.claim.location_id)
    before, after = _plain(step.before.health), _plain(step.after.health)
    began, silent_since = step.after.since or step.checked_at, step.silent_since
    if after is not before:
        yield *place, began, after
    if silent_since is not None and (before is not Health.PENDING or began < silent_since):
        yield *place, silent_since, Health.NO_DATA
        yield *place, step.checked_at, after


def _correct(steps: Sequence[Step]) -> None:
    """What is confirmed only now began before: where a gap ended meanwhile, the history says otherwise."""
    wrong = [
        {
            "monitor": step.claim.monitor_id,
            "location": step.claim.location_id,
            "began": step.after.since or step.checked_at,
            "believed": _plain(step.before.health),
            "confirmed": _plain(step.after.health),
        }
        for step in steps
        if _plain(step.before.health) is not _plain(step.after.health)
    ]
    if wrong:
        db.session.connection().execute(_CORRECTED, wrong)


def _plain(health: Health) -> Health:
    return Health.UP if health is Health.DEGRADED else health


def _note(transitions: Sequence[Transition]) -> None:
    """Of two that begin at the same instant the later one counts."""
    names = ("monitor_id", "location_id", "started_at", "health")
    rows = {row[:3]: dict(zip(names, row, strict=True)) for row in transitions}
    if not rows:
        return
    insert = insert_into(_TRANSITIONS, db.engine.dialect.name)
    upsert = insert.on_conflict_do_update(index_elements=names[:3], set_={"health": insert.excluded.health})
    db.session.connection().execute(upsert, [rows[key] for key in sorted(rows)])


def _situations(by_monitor: Mapping[int, Sequence[Step]], now: datetime) -> list[Situation]:
    ids = sorted(by_monitor)
    connection = db.session.connection()
    none = insert_into(_HEALTH, connection.dialect.name).on_conflict_do_nothing()
    connection.execute(
        none, [{"monitor_id": number, "health": Health.PENDING, "since": now} for number in ids]
    )
    held = connection.execute(
        select(_HEALTH.c.monitor_id, _HEALTH.c.health)
        .where(_HEALTH.c.monitor_id.in_(ids))
        .order_by(_HEALTH.c.monitor_id)
        .with_for_update()
    )
    before = {row.monitor_id: row.health for row in held}
    # Only now: what the one before in the turn wrote has to be seen.
    rows: dict[int, list[Any]] = {number: [] for number in ids}
    for row in connection.execute(_schedule_rows(ids)):
        rows[row.monitor_id].append(row)
    is_open = incident_lifecycle.open_incidents(ids)
    monitors = connection.execute(_monitors(ids)).all()
    coverage = maintenance.covered(now, {row.id: row.customer_id for row in monitors})
    return [
        Situation(
            monitor_id=row.id,
            organization_id=row.organization_id,
            rules=Rules(locations=row.alert_location_threshold_count),
            in_maintenance=coverage.silences(row),
            health=before[row.id],
            rows=rows[row.id],
            steps=by_monitor[row.id],
            is_open=is_open[row.id],
        )
        for row in monitors
    ]


def _schedule_rows(ids: Sequence[int]) -> Any:
    return (
        select(
            _ROW.monitor_id,
            _ROW.location_id,
            _ROW.next_check_at_ms,
            _ROW.data_until_ms,
            _ROW.last_status,
            _ROW.health,
            _ROW.streak_since,
            _ROW.warning_alarms,
        )
        .where(_ROW.monitor_id.in_(ids))
        .order_by(_ROW.monitor_id, _ROW.location_id)
    )


def _monitors(ids: Sequence[int]) -> Any:
    return (
        select(
            Monitor.id,
            Monitor.organization_id,
            Monitor.customer_id,
            Monitor.status,
            inherited("alert_location_threshold_count"),
        )
        .join(Customer, Customer.id == Monitor.customer_id)
        .join(Organization, Organization.id == Monitor.organization_id)
        .where(Monitor.id.in_(ids))
        .order_by(Monitor.id)
    )


@dataclass
class Conclusions:
    """What follows for all monitors of a batch, to be written together."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    beginnings: list[Beginning] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)

    def write(self, now: datetime) -> None:
        if self.changes:
            db.session.connection().execute(_CHANGED, self.changes)
        incident_lifecycle.begin(self.beginnings, now)
        incident_lifecycle.end(self.endings, now)

    def add(self, situation: Situation, now: datetime) -> None:
        known, is_open = situation.known(now), situation.is_open
        health = conclude([row.health for row in known], situation.rules)
        if health is not situation.health:
            since = _since(situation, health, now)
            self.changes.append({"number": situation.monitor_id, "concluded": health, "changed_at": since})
        if health is Health.DOWN:
            down = [row for row in known if row.health is Health.DOWN]
            failing = [row for row in down if row.last_status is CheckStatus.ERROR]
            # After maintenance, what is down may be about to recover: then it is no news.
            if DOWNTIME not in is_open and failing and not situation.in_maintenance:
                self.beginnings.append(_failure(situation, failing))
        elif known and DOWNTIME in is_open:
            # With nobody who knows, silence ends nothing.
            self.endings.append(Ending(is_open[DOWNTIME], _recovered_at(situation, now)))
        self._add_warnings(situation, known, now)

    def _add_warnings(self, situation: Situation, known: Sequence[Any], now: datetime) -> None:
        is_open, enough = situation.is_open, quorum(len(known), situation.rules)
        seen = {code for row in situation.rows for code in row.warning_alarms or ()}
        for code in sorted(seen | is_open.keys() - {DOWNTIME}):
            raised = [row for row in known if is_raised(row.warning_alarms, code)]
            if len(raised) >= enough:
                if code not in is_open and not situation.in_maintenance:
                    self.beginnings.append(_warning(situation, raised, code))
            elif known and code in is_open:
                ended = [step.over[code] for step in situation.steps if code in step.over]
                self.endings.append(Ending(is_open[code], min(ended, default=now)))


def _failure(situation: Situation, failing: Sequence[Any]) -> Beginning:
    """With the first failing result; when maintenance is just over, with the first after it."""
    for step in situation.steps:
        if step.was_in_maintenance and step.after.is_down and step.after.is_failing:
            return _beginning(situation, DOWNTIME, step.claim.location_id, step.checked_at)
    first = min(failing, key=lambda row: row.streak_since)
    return _beginning(situation, DOWNTIME, first.location_id, first.streak_since)


def _warning(situation: Situation, raised: Sequence[Any], code: str) -> Beginning:
    for step in situation.steps:
        if code in step.alarms and step.was_in_maintenance and not step.after.is_failing:
            return _beginning(situation, code, step.claim.location_id, step.checked_at)
    since = {row.location_id: datetime.fromisoformat(row.warning_alarms[code]["since"]) for row in raised}
    first = min(since, key=lambda location_id: since[location_id])
    return _beginning(situation, code, first, since[first])


def _beginning(situation: Situation, subject: str, location_id: int, at: datetime) -> Beginning:
    return Beginning(
        monitor_id=situation.monitor_id,
        organization_id=situation.organization_id,
        subject=subject,
        location_id=location_id,
        at=at,
    )


def _since(situation: Situation, health: Health, now: datetime) -> datetime:
    """When a change of health began: with the streak that confirmed it."""
    confirmed = [
        step.after.since or step.checked_at
        for step in situation.steps
        if step.after.health is not step.before.health
    ]
    return min(confirmed, default=now) if health is Health.DOWN else max(confirmed, default=now)


def _recovered_at(situation: Situation, now: datetime) -> datetime:
    """The first good result of those that confirmed it, at the location that tipped the scales."""
    recovered = [
        step.after.since or step.checked_at
        for step in situation.steps
        if step.before.is_down and not step.after.is_down
    ]
    return max(recovered, default=now)
