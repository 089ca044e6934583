"""Who is to be told of an incident: rows of the outbox, in the transaction of what they tell of."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select

from app.domain.channel_conditions import Recipient, delay_of, wants
from app.domain.enums import AlertEvent, AlertStatus, WarningCode
from app.extensions import db
from app.models import Alert, Customer, Incident, Monitor, NotificationChannel, Organization
from app.models.alert import MAY_BE_UNSETTLED
from app.services import channels, maintenance
from app.services.inherited import inherited
from app.services.locking import begin_writing

WARNING_REMINDER = timedelta(days=1)
"""Nobody wants to read every hour for two weeks that a certificate will end."""

BEGUN = frozenset({AlertStatus.SENDING, AlertStatus.SENT, AlertStatus.FAILED})
"""An attempt in one of these may have reached somebody, also where it failed: an answer can be lost."""

LEASE = timedelta(seconds=90)
"""Longer than any delivery takes: it has a deadline of its own."""
CLOCKS_APART = timedelta(seconds=15)
"""The clocks of two schedulers need not quite agree."""
BROUGHT_BACK_AT_ONCE = 500

REMINDED_AT_ONCE = 50
"""So that whoever waits for these rows, and everybody on SQLite, waits for a moment only."""
FORGOTTEN_AT_ONCE = 500
QUIET_PAUSE = timedelta(minutes=1)
"""When a reminder that maintenance keeps back is looked at again."""

Target = tuple[int | None, str | None]
"""Channel or direct address, by which messages to one target are told from others."""


def announce(incidents: Sequence[Incident], now: datetime) -> None:
    """Tell all who want to know, each after its delay. The incidents are new."""
    distances = _reminder_distances(incidents)
    recipients = _recipients(incidents)
    held = held_channels(_channel_ids(recipients))
    for incident in incidents:
        for recipient in _wanting(recipients[incident.monitor_id], AlertEvent.ALERT, incident, held):
            delay = delay_of(recipient, incident.started_at, now)
            _add(incident, recipient, AlertEvent.ALERT, now=now, due_at=now + delay)
        incident.next_reminder_at = now + distances[incident.id]


def conclude(incidents: Sequence[Incident], now: datetime) -> None:
    """Tell those who were told that it is over; those who were not yet told need not know.

    Also those who were told when the monitor was another customer's. Who wants to hear of nothing but
    recoveries hears of every one. The incidents are held by the caller.
    """
    recipients = _recipients(incidents)
    held = held_channels(_channel_ids(recipients) | _told_channels(incidents))
    for alert in _unsettled(incidents):
        if alert.status is AlertStatus.PENDING and alert.event is not AlertEvent.RECOVERY:
            alert.status = AlertStatus.CANCELLED
    db.session.flush()
    told = _told(incidents)
    former = {one.channel_id: one for one in channels.active(held - _channel_ids(recipients))}
    for incident in incidents:
        known = recipients[incident.monitor_id]
        informed = told.get(incident.id, {})
        left = [
            former.get(recipient.channel_id, recipient)
            for target, recipient in informed.items()
            if target not in set(map(_target, known))
            and (recipient.channel_id in former or recipient.channel_id is None)
        ]
        for recipient in _wanting([*known, *left], AlertEvent.RECOVERY, incident, held):
            if _target(recipient) in informed or _hears_only_of_recoveries(recipient, incident):
                _add(incident, recipient, AlertEvent.RECOVERY, now=now, due_at=now)


def _hears_only_of_recoveries(recipient: Recipient, incident: Incident) -> bool:
    """Of those that lasted long enough to be told of."""
    wants_others = any(
        wants(recipient, event, incident.type) for event in (AlertEvent.ALERT, AlertEvent.REMINDER)
    )
    ended_at = incident.ended_at or incident.started_at
    return not wants_others and not delay_of(recipient, incident.started_at, ended_at)


def remind(now: datetime, *, keep: timedelta | None = None) -> int:
    """Remind of some of the incidents that are open for long and that nobody has acknowledged; of how many.

    To be called until there are none, each time in a transaction of its own. Not of those in maintenance:
    they are reminded of when it is over. Reminders of the same incidents that are older than `keep` are
    forgotten; those of incidents that are over are as few as these were, and stay.
    """
    is_due = (Incident.ended_at.is_(None), Incident.next_reminder_at <= now)
    if not db.session.scalar(select(exists().where(*is_due))):
        return 0
    begin_writing()
    due = select(Incident.id).where(*is_due).order_by(Incident.next_reminder_at).limit(REMINDED_AT_ONCE)
    ids = db.session.scalars(due).all()
    held = held_incidents(ids)
    monitors = [incident.monitor for incident in held]
    coverage = maintenance.covered(now, {monitor.id: monitor.customer_id for monitor in monitors})
    reminded = []
    for incident in held:
        monitor = incident.monitor
        if (
            incident.ended_at is not None
            or incident.next_reminder_at is None
            or incident.next_reminder_at > now
        ):
            continue  # somebody else was quicker
        if coverage.silences(monitor):
            incident.next_reminder_at = now + QUIET_PAUSE
        else:
            reminded.append(incident)
    _remind(reminded, now)
    if keep is not None:
        _forget_reminders(reminded, now - keep)
    return len(reminded)


def _remind(incidents: Sequence[Incident], now: datetime) -> None:
    distances = _reminder_distances(incidents)
    recipients = _recipients(incidents)
    held = held_channels(_channel_ids(recipients))
    waiting = {(alert.incident_id, alert.channel_id, alert.address) for alert in _unsettled(incidents)}
    for incident in incidents:
        for recipient in _wanting(recipients[incident.monitor_id], AlertEvent.REMINDER, incident, held):
            # Who is still to be told, or is being told at this moment, need not be reminded.
            if (incident.id, *_target(recipient)) not in waiting:
                _add(incident, recipient, AlertEvent.REMINDER, now=now, due_at=now)
        incident.next_reminder_at = now + distances[incident.id]


def _forget_reminders(incidents: Sequence[Incident], before: datetime) -> None:
    old = (
        select(Alert.id)
        .where(Alert.incident_id.in_([incident.id for incident in incidents]))
        .where(Alert.event == AlertEvent.REMINDER, Alert.created_at < before)
        .where(Alert.status.not_in([AlertStatus.PENDING, AlertStatus.SENDING]))
        .order_by(Alert.id)
        .limit(FORGOTTEN_AT_ONCE)
    )
    forgotten = db.session.scalars(old).all()
    db.session.execute(
        delete(Alert).where(Alert.id.in_(forgotten)).execution_options(synchronize_session=False)
    )


def bring_back(now: datetime) -> int:
    """Plan anew what waits for a time that the clock showed before it was set back. Returns how much."""
    begin_writing()
    return _bring_back_reminders(now) + _bring_back_alerts(now)


def _bring_back_reminders(now: datetime) -> int:
    is_ahead = (Incident.ended_at.is_(None), Incident.next_reminder_at > now + CLOCKS_APART)
    rules = _reminder_rules(*is_ahead)
    latest = {row.id: now + _reminder_distance(row) for row in rules}
    wrong = [row.id for row in rules if row.next_reminder_at > latest[row.id] + CLOCKS_APART]
    rows = db.session.scalars(
        select(Incident)
        .where(Incident.id.in_(wrong[:BROUGHT_BACK_AT_ONCE]), *is_ahead)
        .order_by(Incident.id)
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    moved = list(rows)
    for incident in moved:
        incident.next_reminder_at = latest[incident.id]
    db.session.flush()
    return len(moved)


def _bring_back_alerts(now: datetime) -> int:
    """Each keeps its delay. What is being sent has its lease anew: it may be about to arrive."""
    was_ahead = and_(Alert.status == AlertStatus.PENDING, Alert.created_at > now + CLOCKS_APART)
    is_held = and_(Alert.status == AlertStatus.SENDING, Alert.lease_until > now + LEASE + CLOCKS_APART)
    rows = db.session.scalars(
        select(Alert)
        .where(MAY_BE_UNSETTLED, or_(was_ahead, is_held))
        .order_by(Alert.id)
        .limit(BROUGHT_BACK_AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for alert in rows:
        if alert.status is AlertStatus.PENDING:
            alert.due_at, alert.created_at = now + (alert.due_at - alert.created_at), now
        else:
            alert.lease_until = now + LEASE
    return len(rows)


def held_incidents(ids: Collection[int], *, is_patient: bool = False) -> list[Incident]:
    """The incidents, and their monitors kept from being removed, locked in everybody's order.

    Without those that others hold, unless it is to be waited for these.
    """
    of_incidents = select(Incident.monitor_id).where(Incident.id.in_(ids))
    monitor_ids = db.session.scalars(of_incidents.distinct()).all()
    monitors = db.session.scalars(
        select(Monitor.id)
        .where(Monitor.id.in_(monitor_ids))
        .order_by(Monitor.id)
        .with_for_update(read=True, key_share=True, skip_locked=not is_patient)
    ).all()
    incidents = db.session.scalars(
        select(Incident)
        .where(Incident.id.in_(ids), Incident.monitor_id.in_(monitors))
        .order_by(Incident.id)
        .with_for_update(key_share=True, skip_locked=not is_patient)
        .execution_options(populate_existing=True)
    )
    return list(incidents)


def held_channels(ids: Collection[int | None], *, is_patient: bool = True) -> set[int]:
    """Those of the channels that are there, kept from being removed: to be locked before alerts.

    Whoever removes one waits for its alerts.
    """
    wanted = {number for number in ids if number is not None}
    if not wanted:
        return set()
    found = db.session.scalars(
        select(NotificationChannel.id)
        .where(NotificationChannel.id.in_(wanted))
        .order_by(NotificationChannel.id)
        .with_for_update(read=True, key_share=True, skip_locked=not is_patient)
    )
    return set(found)


def _unsettled(incidents: Sequence[Incident]) -> Iterable[Alert]:
    """What waits or is on its way of these incidents, locked."""
    ids = [incident.id for incident in incidents]
    return db.session.scalars(
        select(Alert)
        .where(Alert.incident_id.in_(ids), MAY_BE_UNSETTLED)
        .order_by(Alert.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _told(incidents: Sequence[Incident]) -> dict[int, dict[Target, Recipient]]:
    """Who was told of each incident, or may have been. There may be thousands of reminders of one."""
    columns = (Alert.incident_id, Alert.channel_id, Alert.address, Alert.channel_type)
    ids = [incident.id for incident in incidents]
    found = db.session.execute(
        select(*columns, func.max(Alert.channel_name).label("name"))
        .where(Alert.incident_id.in_(ids), Alert.status.in_(BEGUN))
        .where(or_(Alert.channel_id.is_not(None), Alert.address.is_not(None)))
        .group_by(*columns)
    )
    told: dict[int, dict[Target, Recipient]] = {}
    for row in found:
        recipient = Recipient(row.channel_id, row.channel_type, row.name, row.address)
        told.setdefault(row.incident_id, {})[_target(recipient)] = recipient
    return told


def _told_channels(incidents: Sequence[Incident]) -> set[int]:
    ids = [incident.id for incident in incidents]
    found = db.session.scalars(select(Alert.channel_id).where(Alert.incident_id.in_(ids)).distinct())
    return {number for number in found if number is not None}


def _recipients(incidents: Sequence[Incident]) -> dict[int, list[Recipient]]:
    """All who may hear of these incidents, by the monitor's id."""
    ids = {incident.monitor_id for incident in incidents}
    monitors = list(db.session.scalars(select(Monitor).where(Monitor.id.in_(ids)))) if ids else []
    return channels.recipients_of(monitors) if monitors else {}


def _channel_ids(recipients: Mapping[int, Iterable[Recipient]]) -> set[int]:
    return {
        one.channel_id for several in recipients.values() for one in several if one.channel_id is not None
    }


def _wanting(
    recipients: Iterable[Recipient], event: AlertEvent, incident: Incident, held: Collection[int]
) -> Iterator[Recipient]:
    """Those who want to hear of such an event, without channels that were removed meanwhile."""
    for one in recipients:
        if wants(one, event, incident.type) and (one.channel_id is None or one.channel_id in held):
            yield one


def _target(recipient: Recipient) -> Target:
    return recipient.channel_id, recipient.address


def _add(
    incident: Incident, recipient: Recipient, event: AlertEvent, *, now: datetime, due_at: datetime
) -> None:
    db.session.add(
        Alert(
            incident_id=incident.id,
            monitor_id=incident.monitor_id,
            channel_id=recipient.channel_id,
            channel_type=recipient.type,
            channel_name=recipient.name,
            address=recipient.address,
            event=event,
            message_id=uuid4(),
            attempt=1,
            priority=recipient.priority,
            status=AlertStatus.PENDING,
            created_at=now,
            due_at=due_at,
        )
    )


def _reminder_distances(incidents: Sequence[Incident]) -> dict[int, timedelta]:
    rules = _reminder_rules(Incident.id.in_([incident.id for incident in incidents]))
    return {row.id: _reminder_distance(row) for row in rules}


def _reminder_rules(*which: ColumnElement[bool]) -> Sequence[Any]:
    """Of incidents what decides when they are reminded of."""
    minutes = inherited("alert_reminder_minutes")
    return db.session.execute(
        select(Incident.id, Incident.subject, Incident.next_reminder_at, minutes)
        .join(Monitor, Monitor.id == Incident.monitor_id)
        .join(Customer, Customer.id == Monitor.customer_id)
        .join(Organization, Organization.id == Monitor.organization_id)
        .where(*which)
    ).all()


def _reminder_distance(rule: Any) -> timedelta:
    distance = timedelta(minutes=rule.alert_reminder_minutes)
    return max(distance, WARNING_REMINDER) if rule.subject in set(WarningCode) else distance
