"""Plays the scheduler: results come in at instants that a test names, through claims and records as ever."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.clock import to_ms, utcnow
from app.domain.enums import CheckStatus, ErrorCode, Health, WarningCode
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import (
    Alert,
    HealthTransition,
    Incident,
    IncidentEvent,
    Location,
    Monitor,
    MonitorHealth,
    MonitorSchedule,
)
from app.services import checks, claims
from app.services.checks import CheckRecord

START = (utcnow() + timedelta(days=1)).replace(microsecond=0)
"""Later than all that factories make."""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def outcome(kind: str) -> CheckOutcome:
    """`ok`, a WarningCode or an ErrorCode."""
    if kind == "ok":
        return CheckOutcome(CheckStatus.SUCCESS, 100, diagnostics={"warnings": [], "attempts": 1})
    if kind in set(WarningCode):
        diagnostics: dict[str, Any] = {"errorCode": kind, "warnings": [kind], "attempts": 1}
        return CheckOutcome(
            CheckStatus.WARNING, 100, WarningCode(kind), None, f"Warned: {kind}.", diagnostics
        )
    diagnostics = {"errorCode": kind, "warnings": [], "attempts": 1, "transcript": [f"S: {kind}"]}
    return CheckOutcome(CheckStatus.ERROR, 100, ErrorCode(kind), None, f"Failed: {kind}.", diagnostics)


def see(monitor: Monitor, location: Location, kind: str, when: datetime) -> None:
    """Have the location check the monitor then, and commit what it found."""
    of_row = (MonitorSchedule.monitor_id == monitor.id, MonitorSchedule.location_id == location.id)
    db.session.execute(
        update(MonitorSchedule).where(MonitorSchedule.location_id == location.id).values(lease_until_ms=None)
    )
    # Nothing else is due there.
    others = update(MonitorSchedule).where(MonitorSchedule.location_id == location.id, ~of_row[0])
    db.session.execute(others.values(next_check_at_ms=to_ms(when) + 86_400_000))
    is_due = {"next_check_at_ms": to_ms(when), "is_slow": False}
    db.session.execute(update(MonitorSchedule).where(*of_row).values(is_due))
    (claim,) = claims.claim(location.id, when, 1)
    db.session.commit()
    checks.record([CheckRecord(claim, outcome(kind), when)])
    db.session.commit()
    db.session.expire_all()


def see_all(monitor: Monitor, location: Location, kinds: Mapping[float, str]) -> None:
    for seconds, kind in kinds.items():
        see(monitor, location, kind, at(seconds))


def health_of(monitor: Monitor) -> Health:
    row = db.session.get(MonitorHealth, monitor.id, populate_existing=True)
    return row.health if row else Health.PENDING


def incidents(monitor: Monitor) -> list[Incident]:
    found = select(Incident).where(Incident.monitor_id == monitor.id).order_by(Incident.id)
    return list(db.session.scalars(found.execution_options(populate_existing=True)))


def events(incident: Incident) -> list[str]:
    found = select(IncidentEvent).where(IncidentEvent.incident_id == incident.id).order_by(IncidentEvent.id)
    return [event.kind.value for event in db.session.scalars(found)]


def alerts(incident: Incident) -> list[Alert]:
    found = select(Alert).where(Alert.incident_id == incident.id).order_by(Alert.id)
    return list(db.session.scalars(found.execution_options(populate_existing=True)))


def history(monitor: Monitor, location: Location) -> list[tuple[float, str]]:
    """The transitions, as seconds after START."""
    found = (
        select(HealthTransition)
        .where(HealthTransition.monitor_id == monitor.id, HealthTransition.location_id == location.id)
        .order_by(HealthTransition.started_at)
    )
    return [((row.started_at - START).total_seconds(), row.health.value) for row in db.session.scalars(found)]
