"""Rows of incidents and of the messages about them, for tests of what becomes of these."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from app.clock import utcnow
from app.domain.enums import AlertEvent, AlertStatus
from app.extensions import db
from app.models import Alert, Incident, Location, Monitor


def incident_of(monitor: Monitor, location: Location, **columns: Any) -> Incident:
    """Open, of a refused connection, as it was seen from that location."""
    now = utcnow()
    defaults = {"subject": "downtime", "type": "connection_refused", "started_at": now, "opened_at": now}
    incident = Incident(
        organization_id=monitor.organization_id,
        monitor_id=monitor.id,
        location_id=location.id,
        evidence={},
        **(defaults | columns),
    )
    db.session.add(incident)
    db.session.commit()
    return incident


def alert_of(incident: Incident, due_at: datetime, **columns: Any) -> Alert:
    """Pending, by mail, unless the columns say otherwise."""
    defaults = {
        "channel_type": "email",
        "channel_name": "a@example.com",
        "address": "a@example.com",
        "event": AlertEvent.ALERT,
        "message_id": uuid4(),
        "status": AlertStatus.PENDING,
        "created_at": due_at,
    }
    alert = Alert(
        incident_id=incident.id, monitor_id=incident.monitor_id, due_at=due_at, **(defaults | columns)
    )
    db.session.add(alert)
    db.session.commit()
    return alert
