"""The outbox on its way: claimed with a lease, sent by others, settled; at least once, never silently."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from app.crypto import Vault
from app.domain.enums import AlertEvent, AlertStatus, MonitorStatus
from app.domain.notification import Delivery, Destination, Notice
from app.extensions import db
from app.models import Alert, Incident, Monitor
from app.models.alert import MAY_BE_UNSETTLED
from app.services import channels, maintenance, notices
from app.services.alerts import Target
from app.services.locking import begin_writing

LEASE = timedelta(seconds=90)
"""Longer than any delivery takes: it has a deadline of its own."""

BACK_OFF = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 3600, 7200)
)
"""How long to wait after each attempt that failed; after the last, nobody tries again."""

LOOKED_AT = 500
"""Of what is due, so many are looked at at once, without what goes to targets that have their share."""

LOST = "The scheduler ended while this was being sent; whether it arrived is not known."
GONE = "The channel was removed or switched off, or its secrets cannot be decrypted any more."


@dataclass(frozen=True)
class ClaimedAlert:
    """One attempt that this scheduler has to make now, with all that it needs to make it."""

    id: int
    token: UUID
    incident_id: int
    monitor_id: int
    target: Target
    notice: Notice
    destination: Destination


def is_any_due(now: datetime) -> bool:
    """Whether there is anything to claim or to take back, asked without keeping anybody from writing."""
    is_due = or_(
        and_(Alert.status == AlertStatus.PENDING, Alert.due_at <= now),
        and_(Alert.status == AlertStatus.SENDING, Alert.lease_until < now),
    )
    return bool(db.session.scalar(select(exists().where(MAY_BE_UNSETTLED, is_due))))


def claim(
    now: datetime,
    vault: Vault,
    *,
    limit: int,
    public_url: str | None = None,
    holding: Collection[int] = (),
    busy: Mapping[Target, int] = MappingProxyType({}),
    per_target: int = 2,
) -> list[ClaimedAlert]:
    """Take at most `limit` attempts that are due, the most urgent first.

    Not those of incidents that locations in `holding` have seen, and no more to one target than
    `per_target`, with those in `busy` that are in flight already. Attempts whose scheduler ended meanwhile
    are failed, and made again.
    """
    begin_writing()
    _take_back(now)
    chosen = _choose(_due(now, holding, busy, per_target), limit, busy, per_target)
    claimed = []
    for alert, incident in _locked(chosen):
        destination = channels.destination(
            alert.channel_id, alert.channel_type, alert.channel_name, alert.address, vault
        )
        if destination is None:
            _fail(alert, GONE, now)
            continue
        alert.status, alert.lease_until, alert.lease_token = AlertStatus.SENDING, now + LEASE, uuid4()
        claimed.append(
            ClaimedAlert(
                id=alert.id,
                token=alert.lease_token,
                incident_id=incident.id,
                monitor_id=incident.monitor_id,
                target=(alert.channel_id, alert.address),
                notice=notices.notice_of(alert, incident, public_url=public_url, now=now),
                destination=destination,
            )
        )
    return claimed


def settle(claimed: ClaimedAlert, delivery: Delivery, now: datetime) -> bool:
    """Note what came of an attempt. False when its lease was given to another, or the monitor is gone."""
    begin_writing()
    held = _held(claimed.monitor_id, claimed.incident_id, claimed.id)
    if held is None or held[1].lease_token != claimed.token or held[1].status is not AlertStatus.SENDING:
        return False
    incident, alert = held
    if delivery.is_sent:
        alert.status, alert.sent_at = AlertStatus.SENT, now
        alert.lease_until = alert.lease_token = None
        incident.last_notified_at = now
    else:
        _fail(alert, delivery.error or "It could not be sent.", now)
        if not delivery.is_final:
            _try_again(alert, incident, now)
    return True


def _due(
    now: datetime, holding: Collection[int], busy: Mapping[Target, int], per_target: int
) -> Iterable[tuple[int, Target]]:
    """Number and target of what may be sent now, the most urgent first."""
    earlier = aliased(Alert)
    # Nobody is to hear that it is over before hearing that it began.
    is_overtaking = exists().where(
        earlier.incident_id == Alert.incident_id,
        earlier.id < Alert.id,
        earlier.status == AlertStatus.SENDING,
        earlier.channel_id.is_not_distinct_from(Alert.channel_id),
        earlier.address.is_not_distinct_from(Alert.address),
    )
    query = (
        select(Alert.id, Alert.channel_id, Alert.address)
        .join(Incident, Incident.id == Alert.incident_id)
        .join(Monitor, Monitor.id == Alert.monitor_id)
        .where(MAY_BE_UNSETTLED, Alert.status == AlertStatus.PENDING, Alert.due_at <= now, ~is_overtaking)
        .where(or_(Alert.event == AlertEvent.RECOVERY, ~_is_quiet(now)))
        .where(*(~_is_to(target) for target, count in busy.items() if count >= per_target))
        .order_by(Alert.priority, Alert.due_at, Alert.id)
        .limit(LOOKED_AT)
    )
    if holding:
        query = query.where(Incident.location_id.not_in(holding))
    for number, channel_id, address in db.session.execute(query).all():
        yield number, (channel_id, address)


def _is_quiet(now: datetime) -> ColumnElement[bool]:
    """Told when maintenance is over, unless the incident is by then."""
    return or_(
        Monitor.status == MonitorStatus.MAINTENANCE,
        maintenance.is_covered(Monitor.id, Monitor.customer_id, now),
    )


def _is_to(target: Target) -> ColumnElement[bool]:
    channel_id, address = target
    return and_(
        Alert.channel_id.is_not_distinct_from(channel_id), Alert.address.is_not_distinct_from(address)
    )


def _choose(
    due: Iterable[tuple[int, Target]], limit: int, busy: Mapping[Target, int], per_target: int
) -> list[int]:
    counts = Counter(busy)
    chosen: list[int] = []
    for number, target in due:
        if len(chosen) < limit and counts[target] < per_target:
            counts[target] += 1
            chosen.append(number)
    return chosen


def _locked(chosen: list[int]) -> Iterable[tuple[Alert, Incident]]:
    """Those of them that nobody else has taken meanwhile, in the same order."""
    found = db.session.execute(
        select(Alert, Incident)
        .join(Incident, Incident.id == Alert.incident_id)
        .where(Alert.id.in_(chosen), Alert.status == AlertStatus.PENDING)
        .with_for_update(of=Alert, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return sorted(((row[0], row[1]) for row in found.all()), key=lambda row: chosen.index(row[0].id))


def _take_back(now: datetime) -> None:
    lost = db.session.execute(
        select(Alert, Incident)
        .join(Incident, Incident.id == Alert.incident_id)
        .where(MAY_BE_UNSETTLED, Alert.status == AlertStatus.SENDING, Alert.lease_until < now)
        .with_for_update(of=Alert, skip_locked=True)
    )
    for alert, incident in lost.all():
        _fail(alert, LOST, now)
        _try_again(alert, incident, now, at_once=True)


def _held(monitor_id: int, incident_id: int, alert_id: int) -> tuple[Incident, Alert] | None:
    """In the order in which everybody takes these locks."""
    monitor = select(Monitor.id).where(Monitor.id == monitor_id).with_for_update(read=True, key_share=True)
    if db.session.scalar(monitor) is None:
        return None
    incident = db.session.scalar(select(Incident).where(Incident.id == incident_id).with_for_update())
    alert = db.session.scalar(select(Alert).where(Alert.id == alert_id).with_for_update())
    return None if incident is None or alert is None else (incident, alert)


def _fail(alert: Alert, error: str, now: datetime) -> None:
    alert.status, alert.error_message, alert.sent_at = AlertStatus.FAILED, error, now
    alert.lease_until = alert.lease_token = None


def _try_again(alert: Alert, incident: Incident, now: datetime, *, at_once: bool = False) -> None:
    """With the same message id. What is over needs no alert any more, only its recovery does."""
    is_wanted = alert.event is AlertEvent.RECOVERY or (
        incident.ended_at is None and incident.acknowledged_at is None
    )
    if alert.attempt > len(BACK_OFF) or not is_wanted:
        return
    wait = timedelta() if at_once else BACK_OFF[alert.attempt - 1]
    db.session.add(
        Alert(
            incident_id=alert.incident_id,
            monitor_id=alert.monitor_id,
            channel_id=alert.channel_id,
            channel_type=alert.channel_type,
            channel_name=alert.channel_name,
            address=alert.address,
            event=alert.event,
            message_id=alert.message_id,
            attempt=alert.attempt + 1,
            priority=alert.priority,
            status=AlertStatus.PENDING,
            created_at=now,
            due_at=now + wait,
        )
    )
