"""Who is to be told of an incident: rows of the outbox, in the transaction of what they tell of."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from app.domain.channel_conditions import Recipient, delay_of, wants
from app.domain.enums import AlertEvent, AlertStatus, MonitorStatus, WarningCode
from app.extensions import db
from app.models import Alert, Customer, Incident, Monitor, Organization
from app.services import channels, maintenance

WARNING_REMINDER = timedelta(days=1)
"""Nobody wants to read every hour for two weeks that a certificate will end."""

BEGUN = frozenset({AlertStatus.SENDING, AlertStatus.SENT, AlertStatus.FAILED})
"""An attempt in one of these may have reached somebody, also where it failed: an answer can be lost."""

REMINDED_AT_ONCE = 200


def announce(incident: Incident, now: datetime) -> None:
    """Tell all who want to know, each after its delay. The incident is new."""
    for recipient in _recipients(incident, AlertEvent.ALERT):
        delay = delay_of(recipient, incident.started_at, now)
        _add(incident, recipient, AlertEvent.ALERT, now=now, due_at=now + delay)
    incident.next_reminder_at = now + _reminder_distance(incident)


def conclude(incident: Incident, now: datetime) -> None:
    """Tell those who were told that it is over; those who were not yet told need not know.

    The incident is held by the caller.
    """
    told = set()
    for alert in _held(incident):
        if alert.status is AlertStatus.PENDING and alert.event is not AlertEvent.RECOVERY:
            alert.status = AlertStatus.CANCELLED
        elif alert.status in BEGUN:
            told.add((alert.channel_id, alert.address))
    for recipient in _recipients(incident, AlertEvent.RECOVERY):
        if (recipient.channel_id, recipient.address) in told:
            _add(incident, recipient, AlertEvent.RECOVERY, now=now, due_at=now)


def remind(now: datetime) -> int:
    """Remind of incidents that are open for long and that nobody has acknowledged. Returns of how many.

    Not of those in maintenance: they are reminded of when it is over.
    """
    due = db.session.scalars(
        select(Incident)
        .where(Incident.ended_at.is_(None), Incident.next_reminder_at <= now)
        .order_by(Incident.next_reminder_at)
        .limit(REMINDED_AT_ONCE)
        .options(joinedload(Incident.monitor, innerjoin=True))
        .with_for_update(of=Incident, skip_locked=True)
    )
    coverage = maintenance.covered(now)
    reminded = 0
    for incident in due:
        monitor = incident.monitor
        is_quiet = monitor.status is MonitorStatus.MAINTENANCE or coverage.covers(
            monitor.customer_id, monitor.id
        )
        if is_quiet:
            incident.next_reminder_at = now + timedelta(minutes=1)
            continue
        _remind(incident, now)
        reminded += 1
    return reminded


def _remind(incident: Incident, now: datetime) -> None:
    waiting = {
        (alert.channel_id, alert.address)
        for alert in _held(incident)
        if alert.status in {AlertStatus.PENDING, AlertStatus.SENDING}
    }
    for recipient in _recipients(incident, AlertEvent.REMINDER):
        # Who is still to be told, or is being told at this moment, need not be reminded.
        if (recipient.channel_id, recipient.address) not in waiting:
            _add(incident, recipient, AlertEvent.REMINDER, now=now, due_at=now)
    incident.next_reminder_at = now + _reminder_distance(incident)


def _held(incident: Incident) -> Iterable[Alert]:
    return db.session.scalars(
        select(Alert).where(Alert.incident_id == incident.id).order_by(Alert.id).with_for_update()
    )


def _recipients(incident: Incident, event: AlertEvent) -> list[Recipient]:
    monitor = db.session.get_one(Monitor, incident.monitor_id)
    return [recipient for recipient in channels.recipients(monitor) if wants(recipient, event, incident.type)]


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


def _reminder_distance(incident: Incident) -> timedelta:
    minutes = db.session.scalar(
        select(func.coalesce(Customer.alert_reminder_minutes, Organization.alert_reminder_minutes))
        .select_from(Monitor)
        .join(Customer, Customer.id == Monitor.customer_id)
        .join(Organization, Organization.id == Monitor.organization_id)
        .where(Monitor.id == incident.monitor_id)
    )
    distance = timedelta(minutes=minutes or 0)
    return max(distance, WARNING_REMINDER) if incident.subject in set(WarningCode) else distance
