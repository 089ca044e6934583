"""Is it them or is it us: a location that cannot reach its own reference targets does not trust what it sees.

What is told of incidents that it has seen waits meanwhile, and until all that it takes for down has been
looked at once more; nothing is lost. Without REFERENCE_TARGETS nothing ever waits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update

from app.clock import to_ms
from app.domain.enums import AlertStatus, CheckStatus, Health
from app.domain.reference import Reference
from app.extensions import db
from app.log import get_logger
from app.models import Alert, Incident, Location, MonitorSchedule
from app.models.alert import MAY_BE_UNSETTLED
from app.net.references import all_unreachable
from app.services.locations import ACTIVE_FOR
from app.services.schedules import is_free

log = get_logger(__name__)

References = tuple[Reference, ...]

LOOK_SECONDS = 10
"""How often a location looks: failures that open an incident are 30 s apart, so it sees what caused both."""
FRESH_FOR = timedelta(seconds=LOOK_SECONDS)
SETTLES_WITHIN = timedelta(minutes=5)
"""How long after the references are back a location may take to look again at what it takes for down."""
HOLDS_FOR = timedelta(hours=1)
"""How long a suspect location that fell silent goes on holding: it may never come back to clear itself."""


@dataclass(frozen=True)
class _Look:
    at: datetime
    reachable_since: datetime | None
    """None: no reference could be reached."""
    is_trusted: bool


_looks: dict[tuple[int, References], _Look] = {}
_looking = Lock()


def look_at_references(location_id: int, now: datetime, references: References) -> bool:
    """Try to reach them, note in the location's row what that means, and tell whether it trusts itself.

    Takes three seconds at worst, before the database is asked for anything. Always True without references.
    """
    if not references:
        return True
    is_reachable = not all_unreachable(references)
    last = _looks.get((location_id, references))
    since = (last and last.reachable_since) or now
    trusted = _reached(location_id, now, since) if is_reachable else _cut_off(location_id, now)
    _looks[location_id, references] = _Look(now, since if is_reachable else None, trusted)
    return trusted


def may_tell(location_id: int, now: datetime, references: References) -> bool:
    """Whether this location trusts what it sees, by a look that is at most 10 s old.

    To be asked outside of a transaction: a fresh look takes three seconds at worst.
    """
    with _looking:
        last = _looks.get((location_id, references))
        # Nor may it be one from a time that the clock showed before it was set back.
        if last is not None and timedelta() <= now - last.at < FRESH_FOR:
            return last.is_trusted
        return look_at_references(location_id, now, references)


def _cut_off(location_id: int, now: datetime) -> bool:
    code = db.session.execute(
        update(Location)
        .where(Location.id == location_id, Location.suspect_since.is_(None))
        .values(suspect_since=now)
        .returning(Location.code)
        .execution_options(synchronize_session=False)
    ).scalar()
    if code is not None:
        log.error("location_suspects_itself", location=code)
    return False


def _reached(location_id: int, now: datetime, since: datetime) -> bool:
    """Trust again once what was taken for down has been looked at since: most of it never was."""
    place = db.session.execute(
        select(Location.code, Location.suspect_since).where(Location.id == location_id)
    ).one()
    if place.suspect_since is None:
        return True
    if now - since < SETTLES_WITHIN and _is_unsettled(location_id, since):
        _recheck(location_id, now, since)
        return False
    db.session.execute(
        update(Location)
        .where(Location.id == location_id)
        .values(suspect_since=None)
        .execution_options(synchronize_session=False)
    )
    lasted = (now - place.suspect_since).total_seconds()
    log.info("location_trusts_itself", location=place.code, seconds=round(lasted, 1))
    return True


def _is_down(location_id: int) -> ColumnElement[bool]:
    """Mailboxes that the location takes for down, but for those that want to be left alone for a while."""
    row = MonitorSchedule
    return and_(
        row.location_id == location_id,
        row.health == Health.DOWN,
        row.refusals == 0,
        row.next_check_at_ms.is_not(None),
    )


def _is_unsettled(location_id: int, since: datetime) -> bool:
    row = MonitorSchedule
    is_recovering = row.last_status != CheckStatus.ERROR
    query = select(exists().where(_is_down(location_id), or_(row.last_checked_at < since, is_recovering)))
    return bool(db.session.scalar(query))


def _recheck(location_id: int, now: datetime, since: datetime) -> None:
    """Make due at once what was not checked since."""
    row, now_ms = MonitorSchedule, to_ms(now)
    waiting = select(row.id).where(
        _is_down(location_id),
        row.last_checked_at < since,
        row.next_check_at_ms > now_ms,
        is_free(row, now_ms),
    )
    db.session.execute(
        update(row)
        # Who holds a row at this moment is about to settle it, and waiting for it could be a deadlock.
        .where(row.id.in_(waiting.with_for_update(skip_locked=True)))
        .values(next_check_at_ms=now_ms)
        .execution_options(synchronize_session=False)
    )


def holding_locations(now: datetime, own_location_id: int, own_may_tell: bool) -> set[int]:
    """Locations whose incidents are not to be told of by the scheduler of `own_location_id` now.

    Those that suspect themselves; and others that could come to: they have references and are at work, so
    they look before they tell. Of the own location `may_tell` knows more than its row.
    """
    looks_itself = and_(Location.has_references, Location.heartbeat_at > now - ACTIVE_FOR)
    others = select(Location.id).where(Location.id != own_location_id, or_(_is_suspect(now), looks_itself))
    holding = set(db.session.scalars(others))
    return holding if own_may_tell else holding | {own_location_id}


def _is_suspect(now: datetime) -> ColumnElement[bool]:
    return and_(Location.suspect_since.is_not(None), Location.heartbeat_at > now - HOLDS_FOR)


def suspects() -> dict[str, datetime | None]:
    """Each location's code and since when it suspects itself, if it does."""
    rows = db.session.execute(select(Location.code, Location.suspect_since).order_by(Location.id))
    return {row.code: row.suspect_since for row in rows}


def count_held(now: datetime) -> int:
    """Messages that would be on their way, had not a location that suspects itself seen the incident."""
    return (
        db.session.scalar(
            select(func.count())
            .select_from(Alert)
            .join(Incident, Incident.id == Alert.incident_id)
            .join(Location, Location.id == Incident.location_id)
            .where(MAY_BE_UNSETTLED, Alert.status == AlertStatus.PENDING)
            .where(Alert.due_at <= now, _is_suspect(now))
        )
        or 0
    )
