"""What a restored database has to be told about the time that it knows nothing of.

It takes up the state of when the backup was made. Checks need no help: leases of then have ended, and a
scheduler that starts spreads what it missed. Four things are different:

- Messages that were due then were most likely sent then. What is late is not sent, but for recoveries, which
  are true still and which their message id tells from new ones.
- Who was still to be told of an incident that is open and that nobody has acknowledged, is told a little
  later instead: a channel that wants no reminders would never hear of it.
- Incidents that were open may be over. Those that are not are reminded of soon, when every mailbox has been
  checked again: so nobody hears of one that is over, and everybody of one that is not.
- Whoever logged out, or was made to, would be logged in again. All sessions end.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Update, and_, or_, select, update

from app.domain.enums import AlertEvent, AlertStatus
from app.models import Alert, Incident, Session

LATE = timedelta(minutes=15)
"""A message that was due longer ago is not sent."""
REMINDED_AFTER = timedelta(minutes=15)
"""Enough to check what is checked every 5 minutes twice and to tell of what is over."""
NOT_SENT = "Not sent: it was due before a backup was restored."


def statements(now: datetime, tables: Collection[str]) -> Iterator[Update]:
    """To be executed in this order, in the transaction of the restore. `tables` are those that there are."""
    if {Incident.__tablename__, Alert.__tablename__} <= set(tables):
        yield from _of_incidents(now)
    if Session.__tablename__ in tables:
        yield update(Session).where(Session.revoked_at.is_(None)).values(revoked_at=now)


def _of_incidents(now: datetime) -> Iterator[Update]:
    is_late = and_(
        Alert.status.in_([AlertStatus.PENDING, AlertStatus.SENDING]),
        Alert.event != AlertEvent.RECOVERY,
        Alert.due_at < now - LATE,
    )
    soon = now + REMINDED_AFTER
    is_reminded = or_(
        Incident.next_reminder_at < soon,
        and_(
            Incident.next_reminder_at.is_not(None),
            Incident.id.in_(select(Alert.incident_id).where(is_late)),
        ),
    )
    yield update(Incident).where(Incident.ended_at.is_(None), is_reminded).values(next_reminder_at=soon)
    is_open = and_(Incident.ended_at.is_(None), Incident.acknowledged_at.is_(None))
    is_untold = and_(
        Alert.event == AlertEvent.ALERT, Alert.incident_id.in_(select(Incident.id).where(is_open))
    )
    yield (
        update(Alert)
        .where(is_late, is_untold)
        .values(status=AlertStatus.PENDING, due_at=soon, lease_until=None, lease_token=None)
    )
    yield (
        update(Alert)
        .where(is_late)
        .values(status=AlertStatus.CANCELLED, error_message=NOT_SENT, lease_until=None, lease_token=None)
    )
