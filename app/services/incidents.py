"""Incidents as people see them: listed, looked at, acknowledged, commented on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, not_, select, update
from sqlalchemy.orm import defer, joinedload

from app.domain.enums import AlertEvent, AlertStatus, AuditAction, IncidentEventKind, IncidentStatus
from app.errors import INVALID_QUERY, ConflictError, InvalidError, NotFoundError
from app.extensions import db
from app.models import Alert, Customer, Incident, IncidentEvent, Monitor
from app.models.alert import IS_TOLD
from app.services import access, audit, monitors
from app.services.access import Actor
from app.services.identifiers import parse_reference, parse_uuid
from app.services.incident_lifecycle import note
from app.services.locking import locked

NOT_FOUND = "Incident not found"
INVALID_INCIDENT = "Invalid Incident identifier"
RESOLVED = "Incident is resolved"
NEWEST = 100
"""How much the history of one monitor shows."""
MAX_TIMELINE = 1000
FEW = 50_000
"""So many incidents are gathered and sorted in no time."""

_WITHOUT_EVIDENCE = defer(Incident.evidence, raiseload=True)
_WHOSE = joinedload(Incident.monitor, innerjoin=True).joinedload(Monitor.customer, innerjoin=True)
_NAMES = (
    _WITHOUT_EVIDENCE,
    _WHOSE.load_only(Customer.name),
    joinedload(Incident.monitor, innerjoin=True).load_only(
        Monitor.public_id, Monitor.name, Monitor.hostname, Monitor.customer_id
    ),
)
"""What a list needs of them: a transcript, or an encrypted config, for each row would be most of its work."""

Row = TypeVar("Row", Incident, Alert)


@dataclass(frozen=True)
class Newest(Generic[Row]):
    """The beginning of a list, newest first, and how many rows it has in all."""

    rows: list[Row]
    total: int


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened to an incident: an event of its own, or an attempt to tell somebody."""

    at: datetime
    kind: IncidentEventKind | AlertEvent
    actor_name: str | None = None
    text: str | None = None
    alert: Alert | None = None


def list_recent(
    actor: Actor,
    *,
    limit: int,
    before: str | None = None,
    organization_id: int | None = None,
    **filters: Any,
) -> Newest[Incident]:
    """At most `limit` incidents of an organization, those older than the incident `before` if it is given.

    Filters: `status`, `code`, and `customer_id` and `monitor_id` as numbers or UUIDs. `total` counts all that
    they let through. Raises InvalidError for a `before` that is no incident the actor may see.
    """
    organization = access.organization_in_question(actor, organization_id)
    position = None if before is None else _position(actor, organization, before)
    matching = _matching(actor, organization, **filters)
    total = db.session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    # A database may go through all there are, newest first, in the hope to meet enough that match: for many
    # that is best, for few it is worst, and it cannot tell the one from the other.
    found = matching.cte().prefix_with("MATERIALIZED") if total <= FEW else matching.subquery()
    page = select(found.c.id).order_by(found.c.id.desc()).limit(limit)
    if position is not None:
        page = page.where(found.c.id < position)
    rows = select(Incident).where(Incident.id.in_(page)).options(*_NAMES).order_by(Incident.id.desc())
    return Newest(list(db.session.scalars(rows)), total)


def _matching(
    actor: Actor,
    organization: int,
    *,
    status: IncidentStatus | None = None,
    code: str | None = None,
    customer_id: int | UUID | None = None,
    monitor_id: int | UUID | None = None,
) -> Select[int]:
    """The ids of the incidents that pass the filters."""
    conditions: list[ColumnElement[bool]] = []
    if status is not None:
        is_open = Incident.ended_at.is_(None)
        conditions.append(is_open if status is IncidentStatus.OPEN else Incident.ended_at.is_not(None))
    if code is not None:
        conditions.append(Incident.type == code)
    ids = select(Incident.id).where(*conditions)
    if customer_id is None and monitor_id is None and actor.customer_ids is None:
        return ids.where(Incident.organization_id == organization)
    # Theirs is the index that finds them; the organization's would be no help.
    asked_about = _monitors(actor, organization, customer_id, monitor_id)
    return ids.where(Incident.monitor_id.in_(asked_about))


def _monitors(
    actor: Actor, organization: int, customer_id: int | UUID | None, monitor_id: int | UUID | None
) -> Select[int]:
    """The ids of the monitors that are asked about, as far as the actor may see them."""
    of = [Monitor.organization_id == organization, access.visible_monitors(actor)]
    if customer_id is not None:
        customer = select(Customer.id).where(Customer.is_named(customer_id))
        of.append(Monitor.customer_id == customer.scalar_subquery())
    if monitor_id is not None:
        of.append(Monitor.is_named(monitor_id))
    return select(Monitor.id).where(*of)


def _position(actor: Actor, organization: int, identifier: str) -> int:
    found = db.session.scalar(
        select(Incident.id)
        .join(Incident.monitor)
        .where(
            Incident.public_id == parse_uuid(identifier),
            Incident.organization_id == organization,
            access.visible_monitors(actor),
        )
    )
    if found is None:
        raise InvalidError(INVALID_QUERY, faults={"before": ["is not the id of an incident"]})
    return found


def get(actor: Actor, identifier: str) -> Incident:
    """The incident that a path names, by its public id or its number.

    Raises InvalidError for what is neither, NotFoundError, ForbiddenError.
    """
    reference = parse_reference(identifier)
    if reference is None:
        raise InvalidError(INVALID_INCIDENT)
    incident = db.session.scalar(select(Incident).where(Incident.is_named(reference)).options(_WHOSE))
    if incident is None:
        raise NotFoundError(NOT_FOUND)
    return _visible(actor, incident)


def _visible(actor: Actor, incident: Incident) -> Incident:
    access.require_visible(
        actor,
        organization_id=incident.organization_id,
        customer_id=incident.customer_id,
        title=NOT_FOUND,
    )
    return incident


def _held(actor: Actor, identifier: str) -> Incident:
    """The same, locked: what resolves it comes before or after. Its monitor may have been moved meanwhile."""
    incident = locked(get(actor, identifier), NOT_FOUND)
    db.session.refresh(incident.monitor)
    return _visible(actor, incident)


def timeline(actor: Actor, incident: Incident) -> list[TimelineEntry]:
    """What happened to it, oldest first; of a very long story the last MAX_TIMELINE entries."""
    events = select(IncidentEvent).where(IncidentEvent.incident_id == incident.id)
    if since := _since(actor, incident.monitor):
        is_comment = IncidentEvent.kind == IncidentEventKind.COMMENTED
        events = events.where(not_(and_(is_comment, IncidentEvent.created_at < since)))
    newest_events = events.order_by(IncidentEvent.id.desc()).limit(MAX_TIMELINE)
    alerts = select(Alert).where(Alert.incident_id == incident.id, *_told(actor, incident.monitor))
    newest_alerts = alerts.order_by(Alert.id.desc()).limit(MAX_TIMELINE)
    entries = [
        *(
            TimelineEntry(row.sent_at or row.due_at, row.event, alert=row)
            for row in db.session.scalars(newest_alerts)
        ),
        *(
            TimelineEntry(row.created_at, row.kind, row.actor_name, row.text)
            for row in db.session.scalars(newest_events)
        ),
    ]
    # The sort keeps the order of what happened at once: turned round, an event comes before its alerts.
    newest_first = sorted(entries, key=lambda entry: entry.at, reverse=True)
    return newest_first[:MAX_TIMELINE][::-1]


def _since(actor: Actor, monitor: Any) -> datetime | None:
    """From when on the actor may see what people said and who was told; None: all of it.

    Whoever is restricted to some customers does not see that of the one who had the monitor before.
    """
    since: datetime | None = monitor.customer_since
    return None if actor.customer_ids is None else since


def _told(actor: Actor, monitor: Any) -> list[Any]:
    """Which attempts to tell somebody the actor may see."""
    since = _since(actor, monitor)
    return [IS_TOLD] if since is None else [IS_TOLD, Alert.created_at >= since]


def acknowledge(actor: Actor, identifier: str, *, now: datetime) -> Incident:
    """Note that somebody cares, so that nobody else is called for it. The first one stays.

    Raises ConflictError for an incident that is over.
    """
    incident = _held(actor, identifier)
    if incident.status is IncidentStatus.RESOLVED:
        raise ConflictError(RESOLVED, "It is over, so there is nothing left to take care of.")
    if incident.acknowledged_at is not None:
        return incident
    changes = audit.changes_of({"acknowledged_at": None}, {"acknowledged_at": now})
    incident.acknowledged_at, incident.acknowledged_by = now, actor.name
    incident.next_reminder_at = None
    _cancel_alerts(incident)
    note(incident, IncidentEventKind.ACKNOWLEDGED, None, now, actor_name=actor.name)
    audit.record(actor, AuditAction.INCIDENT_ACKNOWLEDGE, incident, now=now, changes=changes)
    return incident


def comment(actor: Actor, identifier: str, *, text: str, now: datetime) -> Incident:
    """Add to the timeline what somebody has to say, also when all is over."""
    incident = _held(actor, identifier)
    note(incident, IncidentEventKind.COMMENTED, text, now, actor_name=actor.name)
    changes = audit.changes_of({"text": None}, {"text": text})
    audit.record(actor, AuditAction.INCIDENT_COMMENT, incident, now=now, changes=changes)
    return incident


def _cancel_alerts(incident: Incident) -> None:
    """What nobody has begun to send. A recovery is told all the same."""
    waiting = (Alert.incident_id == incident.id, Alert.status == AlertStatus.PENDING)
    of_failure = Alert.event.in_([AlertEvent.ALERT, AlertEvent.REMINDER])
    db.session.execute(update(Alert).where(*waiting, of_failure).values(status=AlertStatus.CANCELLED))


def history(actor: Actor, identifier: str) -> Newest[Incident]:
    """The newest incidents of the monitor that a path names. Raises what `monitors.get` raises."""
    monitor_id = monitors.get(actor, identifier).id
    total = select(func.count()).select_from(Incident).where(Incident.monitor_id == monitor_id)
    return Newest(newest_of(monitor_id), db.session.scalar(total) or 0)


def alert_history(actor: Actor, identifier: str) -> Newest[Alert]:
    """The newest attempts to tell somebody of the monitor's incidents, well or not. Raises the same."""
    monitor = monitors.get(actor, identifier)
    told = (Alert.monitor_id == monitor.id, *_told(actor, monitor))
    total = db.session.scalar(select(func.count()).select_from(Alert).where(*told))
    return Newest(newest_alerts_of(actor, monitor), total or 0)


def newest_of(monitor_id: int) -> list[Incident]:
    """The newest incidents of a monitor that is known to be the actor's to see."""
    of_monitor = select(Incident).where(Incident.monitor_id == monitor_id).options(_WITHOUT_EVIDENCE)
    return list(db.session.scalars(of_monitor.order_by(Incident.id.desc()).limit(NEWEST)))


def newest_alerts_of(actor: Actor, monitor: Any) -> list[Alert]:
    """The same of attempts to tell somebody."""
    told = select(Alert).where(Alert.monitor_id == monitor.id, *_told(actor, monitor))
    return list(db.session.scalars(told.order_by(Alert.sent_at.desc(), Alert.id.desc()).limit(NEWEST)))
