"""Who is to be told of an incident: rows of the outbox, in the transaction of what they tell of."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import exists, func, select
from sqlalchemy.orm import joinedload

from app.domain.channel_conditions import Recipient, delay_of, wants
from app.domain.enums import AlertEvent, AlertStatus, MonitorStatus, WarningCode
from app.extensions import db
from app.models import Alert, Customer, Incident, Monitor, Organization
from app.services import channels, maintenance
from app.services.locking import begin_writing

WARNING_REMINDER = timedelta(days=1)
"""Nobody wants to read every hour for two weeks that a certificate will end."""

BEGUN = frozenset({AlertStatus.SENDING, AlertStatus.SENT, AlertStatus.FAILED})
"""An attempt in one of these may have reached somebody, also where it failed: an answer can be lost."""

REMINDED_AT_ONCE = 200
QUIET_PAUSE = timedelta(minutes=1)
"""When a reminder that maintenance keeps back is looked at again."""

Target = tuple[int | None, str | None]
"""Channel or direct address, by which messages to one target are told from others."""


def announce(incidents: Sequence[Incident], now: datetime) -> None:
    """Tell all who want to know, each after its delay. The incidents are new."""
    distances = _reminder_distances(incidents)
    for incident, recipients in _recipients(incidents, AlertEvent.ALERT):
        for recipient in recipients:
            delay = delay_of(recipient, incident.started_at, now)
            _add(incident, recipient, AlertEvent.ALERT, now=now, due_at=now + delay)
        incident.next_reminder_at = now + distances[incident.id]


def conclude(incidents: Sequence[Incident], now: datetime) -> None:
    """Tell those who were told that it is over; those who were not yet told need not know.

    The incidents are held by the caller.
    """
    told: dict[int, set[Target]] = {}
    for alert in _held(incidents):
        if alert.status is AlertStatus.PENDING and alert.event is not AlertEvent.RECOVERY:
            alert.status = AlertStatus.CANCELLED
        elif alert.status in BEGUN:
            told.setdefault(alert.incident_id, set()).add((alert.channel_id, alert.address))
    informed = [incident for incident in incidents if incident.id in told]
    for incident, recipients in _recipients(informed, AlertEvent.RECOVERY):
        for recipient in recipients:
            if _target(recipient) in told[incident.id]:
                _add(incident, recipient, AlertEvent.RECOVERY, now=now, due_at=now)


def remind(now: datetime) -> int:
    """Remind of incidents that are open for long and that nobody has acknowledged. Returns of how many.

    Not of those in maintenance: they are reminded of when it is over.
    """
    is_due = (Incident.ended_at.is_(None), Incident.next_reminder_at <= now)
    if not db.session.scalar(select(exists().where(*is_due))):
        return 0
    begin_writing()
    due = db.session.scalars(
        select(Incident)
        .where(*is_due)
        .order_by(Incident.next_reminder_at)
        .limit(REMINDED_AT_ONCE)
        .options(joinedload(Incident.monitor, innerjoin=True))
        .with_for_update(of=Incident, skip_locked=True)
    ).all()
    monitors = [incident.monitor for incident in due]
    coverage = maintenance.covered(now, {monitor.id: monitor.customer_id for monitor in monitors})
    reminded = []
    for incident in due:
        monitor = incident.monitor
        if monitor.status is MonitorStatus.MAINTENANCE or coverage.covers(monitor.customer_id, monitor.id):
            incident.next_reminder_at = now + QUIET_PAUSE
        else:
            reminded.append(incident)
    _remind(reminded, now)
    return len(reminded)


def _remind(incidents: Sequence[Incident], now: datetime) -> None:
    distances = _reminder_distances(incidents)
    waiting = {
        (alert.incident_id, alert.channel_id, alert.address)
        for alert in _held(incidents)
        if alert.status in {AlertStatus.PENDING, AlertStatus.SENDING}
    }
    for incident, recipients in _recipients(incidents, AlertEvent.REMINDER):
        for recipient in recipients:
            # Who is still to be told, or is being told at this moment, need not be reminded.
            if (incident.id, *_target(recipient)) not in waiting:
                _add(incident, recipient, AlertEvent.REMINDER, now=now, due_at=now)
        incident.next_reminder_at = now + distances[incident.id]


def _held(incidents: Sequence[Incident]) -> Iterable[Alert]:
    ids = [incident.id for incident in incidents]
    return db.session.scalars(
        select(Alert).where(Alert.incident_id.in_(ids)).order_by(Alert.id).with_for_update()
    )


def _recipients(
    incidents: Sequence[Incident], event: AlertEvent
) -> Iterator[tuple[Incident, list[Recipient]]]:
    """Each incident with those who want to hear of such an event."""
    ids = {incident.monitor_id for incident in incidents}
    monitors = list(db.session.scalars(select(Monitor).where(Monitor.id.in_(ids)))) if ids else []
    found = channels.recipients_of(monitors) if monitors else {}
    for incident in incidents:
        yield incident, [one for one in found[incident.monitor_id] if wants(one, event, incident.type)]


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
    minutes = func.coalesce(Customer.alert_reminder_minutes, Organization.alert_reminder_minutes)
    found = db.session.execute(
        select(Monitor.id, minutes.label("minutes"))
        .join(Customer, Customer.id == Monitor.customer_id)
        .join(Organization, Organization.id == Monitor.organization_id)
        .where(Monitor.id.in_({incident.monitor_id for incident in incidents}))
    )
    by_monitor = {row.id: timedelta(minutes=row.minutes) for row in found}
    return {
        incident.id: max(by_monitor[incident.monitor_id], WARNING_REMINDER)
        if incident.subject in set(WarningCode)
        else by_monitor[incident.monitor_id]
        for incident in incidents
    }
