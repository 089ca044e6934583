"""Rows of incidents and of the messages about them, for tests of what becomes of these."""

from datetime import datetime
from typing import Any

from app.domain.enums import AlertStatus
from app.models import Alert, Incident, Location, Monitor
from tests.factories import Factory


def incident_of(monitor: Monitor, location: Location, **columns: Any) -> Incident:
    """Open, of a refused connection, as it was seen from that location."""
    return Factory().incident(monitor, location_id=location.id, **columns)


def alert_of(incident: Incident, due_at: datetime, **columns: Any) -> Alert:
    """Pending, by mail, unless the columns say otherwise."""
    by_mail = {"channel_type": "email", "channel_name": "a@example.com", "address": "a@example.com"}
    defaults = {"status": AlertStatus.PENDING, "created_at": due_at, **by_mail}
    return Factory().alert(incident, due_at=due_at, **(defaults | columns))
