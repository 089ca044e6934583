"""The outbox on its way: claimed with a lease, sent by others, settled; at least once, never silently."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.exc import SQLAlchemyError

from app.crypto import DecryptionError, Vault
from app.domain.enums import AlertEvent, AlertStatus
from app.domain.notification import Delivery, Destination, Notice
from app.extensions import db
from app.log import get_logger
from app.models import Alert, Incident
from app.models.alert import MAY_BE_UNSETTLED
from app.services import alerts, channels, delivery_order, notices
from app.services.alerts import LEASE
from app.services.delivery_order import Errand
from app.services.locking import begin_writing

log = get_logger(__name__)

BACK_OFF = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 3600, 7200)
)
"""How long to wait after each attempt that failed; after the last, nobody tries again."""

TAKEN_BACK_AT_ONCE = 100

LOST = "The scheduler ended while this was being sent; whether it arrived is not known."
GONE = "The channel was removed or switched off."
UNREADABLE = "The channel's secrets cannot be decrypted with the keys that the scheduler has."
UNBUILT = "The message could not be put together; the scheduler's log tells why."


@dataclass(frozen=True)
class ClaimedAlert:
    """One attempt that this scheduler has to make now, with all that it needs to make it."""

    id: int
    token: UUID
    incident_id: int
    monitor_id: int
    due_at: datetime
    errand: Errand
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
    in_flight: Collection[Errand] = (),
    per_target: int = 2,
) -> list[ClaimedAlert]:
    """Take what is due, the most urgent first, so that at most `limit` are on their way with those in flight.

    Not those of incidents that locations in `holding` have seen, no more to one target than `per_target`,
    and for no organization all that there is room for. Attempts whose scheduler ended meanwhile are failed,
    and made again.
    """
    _take_back(now)
    # Nobody is kept from writing meanwhile: what others have taken by then is not there any more.
    chosen = delivery_order.choose(
        now, limit=limit, in_flight=in_flight, holding=holding, per_target=per_target
    )
    if not chosen:
        return []
    begin_writing()
    held = {alert.id: (alert, incident) for alert, incident in _held(chosen, AlertStatus.PENDING)}
    claimed = []
    for number, errand in chosen.items():
        if number in held:
            claimed += _begin(*held[number], errand, vault=vault, public_url=public_url, now=now)
    return claimed


def _begin(
    alert: Alert, incident: Incident, errand: Errand, *, vault: Vault, public_url: str | None, now: datetime
) -> list[ClaimedAlert]:
    """Claim one, unless it comes to nothing: then it is settled at once. One that breaks stops no others."""
    try:
        prepared = _prepare(alert, incident, vault=vault, public_url=public_url, now=now)
    except SQLAlchemyError:
        raise
    except DecryptionError:  # another scheduler may have the key, or this one after its restart
        _fail(alert, UNREADABLE, now)
        _try_again(alert, incident, now)
        return []
    except Exception as error:  # noqa: BLE001 - nobody else is to wait for it
        log.error("alert_not_built", alert=alert.id, error=type(error).__name__)  # noqa: TRY400 - may have secrets
        _fail(alert, UNBUILT, now)
        _try_again(alert, incident, now)
        return []
    if prepared is None:
        return []
    notice, destination = prepared
    token = uuid4()
    alert.status, alert.lease_until, alert.lease_token = AlertStatus.SENDING, now + LEASE, token
    return [
        ClaimedAlert(
            alert.id, token, incident.id, incident.monitor_id, alert.due_at, errand, notice, destination
        )
    ]


def _prepare(
    alert: Alert, incident: Incident, *, vault: Vault, public_url: str | None, now: datetime
) -> tuple[Notice, Destination] | None:
    """What to send, and where; None where nobody is to be told any more, which the row then says."""
    destination = channels.destination(
        alert.channel_id, alert.channel_type, alert.channel_name, alert.address, vault
    )
    if destination is None:
        _fail(alert, GONE, now)
        return None
    target, customer = (alert.channel_id, alert.address), None
    if not channels.concerns(*target, incident.monitor):
        # Who was told hears that it is over, also when the monitor has another customer by now.
        customer = channels.former_customer(*target, incident.monitor)
        if alert.event is not AlertEvent.RECOVERY or customer is None:
            alert.status = AlertStatus.CANCELLED
            return None
    notice = notices.notice_of(alert, incident, former_customer=customer, public_url=public_url, now=now)
    return notice, destination


def settle(claimed: ClaimedAlert, delivery: Delivery, now: datetime) -> bool:
    """Note what came of an attempt. False when its lease was given to another, or the monitor is gone."""
    begin_writing()
    held = _held([claimed.id], AlertStatus.SENDING, is_patient=True)
    if not held or held[0][0].lease_token != claimed.token:
        return False
    ((alert, incident),) = held
    if delivery.is_sent:
        alert.status, alert.sent_at = AlertStatus.SENT, now
        alert.lease_until = alert.lease_token = None
        incident.last_notified_at = now
    else:
        _fail(alert, delivery.error or "It could not be sent.", now)
        if not delivery.is_final:
            _try_again(alert, incident, now)
    return True


def _take_back(now: datetime) -> None:
    has_ended = and_(Alert.status == AlertStatus.SENDING, Alert.lease_until < now)
    is_lost = select(Alert.id).where(MAY_BE_UNSETTLED, has_ended)
    lost = db.session.scalars(is_lost.limit(TAKEN_BACK_AT_ONCE)).all()
    if lost:
        begin_writing()
    for alert, incident in _held(lost, AlertStatus.SENDING):
        if alert.lease_until is not None and alert.lease_until < now:
            _fail(alert, LOST, now)
            _try_again(alert, incident, now, at_once=True)


def _held(
    alert_ids: Collection[int], status: AlertStatus, *, is_patient: bool = False
) -> list[tuple[Alert, Incident]]:
    """Those of the alerts with that status, locked in the order in which everybody takes these locks.

    Without those that others hold, unless it is to be waited for these.
    """
    if not alert_ids:
        return []
    found = db.session.execute(
        select(Alert.incident_id, Alert.channel_id).where(Alert.id.in_(alert_ids))
    ).all()
    incidents = {
        incident.id: incident
        for incident in alerts.held_incidents({row.incident_id for row in found}, is_patient=is_patient)
    }
    known = alerts.held_channels({row.channel_id for row in found}, is_patient=is_patient)
    held = db.session.scalars(
        select(Alert)
        .where(Alert.id.in_(alert_ids), Alert.status == status, Alert.incident_id.in_(incidents))
        .where(or_(Alert.channel_id.is_(None), Alert.channel_id.in_(known)))
        .order_by(Alert.id)
        .with_for_update(skip_locked=not is_patient)
        .execution_options(populate_existing=True)
    )
    return [(alert, incidents[alert.incident_id]) for alert in held]


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
