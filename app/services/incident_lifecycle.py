"""Incidents as results open and resolve them, with what is told of them, in the results' transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.clock import to_iso
from app.domain.enums import IncidentEventKind
from app.extensions import db
from app.models import CheckResult, Incident, IncidentEvent, Location
from app.services import alerts

DOWNTIME = "downtime"
"""The subject of incidents about failures; those about warnings have the WarningCode."""

NOT_WATCHED = "The monitor is not checked any more, so nobody would see the recovery."


@dataclass(frozen=True)
class Evidence:
    """The result that an incident began with."""

    location_id: int
    at: datetime
    result_id: UUID | None

    @classmethod
    def of_texts(cls, location_id: int, at: str, result_id: str | None) -> "Evidence":
        return cls(location_id, datetime.fromisoformat(at), UUID(result_id) if result_id else None)


def open_subjects(monitor_id: int) -> Mapping[str, Incident]:
    """The open incidents of a monitor, by subject. Its row of `monitor_health` is held by the caller."""
    found = db.session.scalars(
        select(Incident).where(Incident.monitor_id == monitor_id, Incident.ended_at.is_(None))
    )
    return {incident.subject: incident for incident in found}


def open_incident(
    *, monitor_id: int, organization_id: int, subject: str, evidence: Evidence, now: datetime
) -> Incident:
    """Begin an incident and tell who wants to know."""
    result = _result(monitor_id, evidence)
    incident = Incident(
        organization_id=organization_id,
        monitor_id=monitor_id,
        location_id=evidence.location_id,
        subject=subject,
        type=_type(subject, result),
        started_at=evidence.at,
        opened_at=now,
        error_message=result and (result.error_message or result.warning_message),
        evidence=_shown(evidence, result),
    )
    db.session.add(incident)
    db.session.flush()  # the id
    _note(incident, IncidentEventKind.OPENED, incident.error_message, now)
    alerts.announce(incident, now)
    return incident


def resolve(incident: Incident, *, ended_at: datetime, now: datetime, text: str | None = None) -> None:
    """End an incident and tell those who were told of it."""
    # Clocks of two schedulers need not quite agree.
    incident.ended_at = max(ended_at, incident.started_at)
    incident.resolved_at = now
    incident.next_reminder_at = None
    _note(incident, IncidentEventKind.RESOLVED, text, now)
    alerts.conclude(incident, now)


def close_all(monitor_id: int, now: datetime) -> None:
    """End what is open of a monitor that nobody checks any more."""
    for incident in open_subjects(monitor_id).values():
        resolve(incident, ended_at=now, now=now, text=NOT_WATCHED)


def _result(monitor_id: int, evidence: Evidence) -> CheckResult | None:
    """None for one that is not kept any more. What was stored before streaks were is found by its time."""
    query = select(CheckResult).where(
        CheckResult.monitor_id == monitor_id,
        CheckResult.checked_at == evidence.at,
        CheckResult.location_id == evidence.location_id,
    )
    if evidence.result_id is not None:
        query = query.where(CheckResult.public_id == evidence.result_id)
    return db.session.scalar(query.limit(1))


def _type(subject: str, result: CheckResult | None) -> str:
    if subject != DOWNTIME or result is None or result.error_code is None:
        return subject
    return result.error_code


def _shown(evidence: Evidence, result: CheckResult | None) -> dict[str, Any]:
    location = db.session.get_one(Location, evidence.location_id)
    return {
        "resultId": str(result.public_id) if result else None,
        "checkedAt": to_iso(evidence.at),
        "locationCode": location.code,
        "locationName": location.name,
        "diagnostics": result.diagnostics if result else None,
    }


def _note(incident: Incident, kind: IncidentEventKind, text: str | None, now: datetime) -> None:
    db.session.add(IncidentEvent(incident_id=incident.id, created_at=now, kind=kind, text=text))
