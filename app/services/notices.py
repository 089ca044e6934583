"""What a message says, put together from the database when it is about to be sent."""

from datetime import datetime
from typing import Any

from app.domain.enums import WarningCode
from app.domain.notification import Notice, NoticeIncident, NoticeMonitor, Party
from app.extensions import db
from app.models import Alert, Customer, Incident, Location, Monitor, Organization

TRANSCRIPT_LINES = 20
"""The last ones, of which the reason is one."""


def notice_of(alert: Alert, incident: Incident, *, public_url: str | None, now: datetime) -> Notice:
    monitor = db.session.get_one(Monitor, incident.monitor_id)
    organization = db.session.get_one(Organization, monitor.organization_id)
    location = db.session.get_one(Location, incident.location_id)
    return Notice(
        event=alert.event,
        id=alert.message_id,
        attempt=alert.attempt,
        sent_at=now,
        language=organization.language,
        time_zone=organization.time_zone,
        incident=NoticeIncident(
            public_id=incident.public_id,
            type=incident.type,
            started_at=incident.started_at,
            ended_at=incident.ended_at,
            error_message=incident.error_message,
            transcript=_transcript(incident),
            location_name=location.name,
        ),
        monitor=told_monitor(monitor),
        customer=party(monitor.customer),
        organization=party(organization),
        url=f"{public_url.rstrip('/')}/api/incidents/{incident.public_id}" if public_url else None,
    )


def told_monitor(monitor: Monitor) -> NoticeMonitor:
    return NoticeMonitor(
        public_id=monitor.public_id,
        name=monitor.name,
        hostname=monitor.hostname,
        port=int(monitor.server.rpartition(":")[2]),
        protocol=monitor.protocol,
    )


def party(row: Customer | Organization) -> Party:
    return Party(public_id=row.public_id, name=row.name)


def _transcript(incident: Incident) -> tuple[str, ...]:
    if incident.type in set(WarningCode):
        return ()
    diagnostics: dict[str, Any] = incident.evidence.get("diagnostics") or {}
    return tuple(diagnostics.get("transcript", ())[-TRANSCRIPT_LINES:])
