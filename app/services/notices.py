"""What a message says, put together from the database when it is about to be sent."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from app.domain.enums import WarningCode
from app.domain.notification import Notice, NoticeIncident, NoticeMonitor, Party
from app.domain.target import DEFAULT_PORTS
from app.extensions import db
from app.models import Alert, Customer, Incident, Location, Monitor, Organization

UNKNOWN_HOST = "-"
TRANSCRIPT_LINES = 20
"""The last ones, of which the reason is one."""


def notice_of(
    alert: Alert,
    incident: Incident,
    *,
    former_customer: Customer | None = None,
    public_url: str | None,
    now: datetime,
) -> Notice:
    """`former_customer` is whose recipient it is, where the monitor has been moved to another customer since.

    That one is named, and nothing is told of the new one or of what was changed since the move.
    """
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
            is_watched=not incident.was_abandoned,
        ),
        monitor=told_monitor(monitor) if former_customer is None else _left_monitor(monitor),
        customer=party(former_customer or monitor.customer),
        organization=party(organization),
        url=f"{public_url.rstrip('/')}/api/incidents/{incident.public_id}" if public_url else None,
    )


def told_monitor(monitor: Monitor) -> NoticeMonitor:
    port = monitor.server.rpartition(":")[2]
    return NoticeMonitor(
        public_id=monitor.public_id,
        name=monitor.name,
        hostname=monitor.hostname,
        # A row whose config could not be read has no server: most use TLS.
        port=int(port) if port else monitor.port or DEFAULT_PORTS[monitor.protocol, True],
        protocol=monitor.protocol,
    )


def _left_monitor(monitor: Monitor) -> NoticeMonitor:
    """As a former customer knew it: by its number only, where anything was changed since it was moved."""
    told = told_monitor(monitor)
    if monitor.customer_since is not None and monitor.updated_at <= monitor.customer_since:
        return told
    return replace(
        told, name=str(monitor.public_id), hostname=UNKNOWN_HOST, port=DEFAULT_PORTS[told.protocol, True]
    )


def party(row: Customer | Organization) -> Party:
    return Party(public_id=row.public_id, name=row.name)


def _transcript(incident: Incident) -> tuple[str, ...]:
    if incident.type in set(WarningCode):
        return ()
    diagnostics: dict[str, Any] = incident.evidence.get("diagnostics") or {}
    return tuple(diagnostics.get("transcript", ())[-TRANSCRIPT_LINES:])
