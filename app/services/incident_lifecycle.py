"""Incidents as results open and resolve them, with what is told of them, in the results' transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
class Beginning:
    """An incident that is to be opened, and the result that it began with."""

    monitor_id: int
    organization_id: int
    subject: str
    location_id: int
    at: datetime


@dataclass(frozen=True)
class Ending:
    """An incident that is over, since the first good result."""

    incident: Incident
    ended_at: datetime
    is_abandoned: bool = False
    """Nobody checks the monitor any more, so nobody would see the recovery."""


def open_incidents(monitor_ids: Sequence[int]) -> dict[int, dict[str, Incident]]:
    """The open incidents of these monitors, by subject. Their `monitor_health` is held by the caller."""
    found: dict[int, dict[str, Incident]] = {number: {} for number in monitor_ids}
    for incident in db.session.scalars(
        select(Incident).where(Incident.monitor_id.in_(monitor_ids), Incident.ended_at.is_(None))
    ):
        found[incident.monitor_id][incident.subject] = incident
    return found


def begin(beginnings: Sequence[Beginning], now: datetime) -> None:
    """Open incidents and tell who wants to know: a server that dies takes hundreds of mailboxes with it."""
    if not beginnings:
        return
    results = _results(beginnings)
    places = db.session.scalars(
        select(Location).where(Location.id.in_({one.location_id for one in beginnings}))
    )
    locations = {place.id: place for place in places}
    incidents = []
    for one in beginnings:
        result = results.get((one.monitor_id, one.location_id, one.at))
        incidents.append(
            Incident(
                organization_id=one.organization_id,
                monitor_id=one.monitor_id,
                location_id=one.location_id,
                subject=one.subject,
                type=_type(one.subject, result),
                started_at=one.at,
                opened_at=now,
                error_message=result and (result.error_message or result.warning_message),
                evidence=_shown(one, locations[one.location_id], result),
            )
        )
    db.session.add_all(incidents)
    db.session.flush()  # the ids
    for incident in incidents:
        note(incident, IncidentEventKind.OPENED, incident.error_message, now)
    alerts.announce(incidents, now)


def end(endings: Sequence[Ending], now: datetime) -> None:
    """Resolve incidents and tell those who were told of them."""
    if not endings:
        return
    for one in endings:
        incident = one.incident
        # Clocks of two schedulers need not quite agree.
        incident.ended_at = max(one.ended_at, incident.started_at)
        incident.resolved_at = now
        incident.next_reminder_at = None
        incident.was_abandoned = one.is_abandoned
        note(incident, IncidentEventKind.RESOLVED, NOT_WATCHED if one.is_abandoned else None, now)
    db.session.flush()  # incidents are locked before their alerts, by everybody
    alerts.conclude([one.incident for one in endings], now)


def _results(beginnings: Sequence[Beginning]) -> dict[tuple[int, int, datetime], CheckResult]:
    """Without those that are not kept any more."""
    # Perhaps a few too many; by pairs SQLite would read the table.
    found = db.session.scalars(
        select(CheckResult).where(
            CheckResult.monitor_id.in_({one.monitor_id for one in beginnings}),
            CheckResult.checked_at.in_({one.at for one in beginnings}),
        )
    )
    return {(result.monitor_id, result.location_id, result.checked_at): result for result in found}


def _type(subject: str, result: CheckResult | None) -> str:
    if subject != DOWNTIME or result is None or result.error_code is None:
        return subject
    return result.error_code


def _shown(one: Beginning, location: Location, result: CheckResult | None) -> dict[str, Any]:
    return {
        "resultId": str(result.public_id) if result else None,
        "checkedAt": to_iso(one.at),
        "locationCode": location.code,
        "locationName": location.name,
        "diagnostics": result.diagnostics if result else None,
    }


def note(
    incident: Incident,
    kind: IncidentEventKind,
    text: str | None,
    now: datetime,
    *,
    actor_name: str | None = None,
) -> None:
    """Add a line to the timeline; without a name nobody did it."""
    db.session.add(
        IncidentEvent(incident_id=incident.id, created_at=now, kind=kind, actor_name=actor_name, text=text)
    )
