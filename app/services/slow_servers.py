"""A server that fell silent holds up nobody else: all that is watched there waits in the slow lane.

Learnt from the first checks that time out, or each of its mailboxes would first take a check thread of the
others for a whole timeout.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, or_, select, update

from app.domain.enums import ErrorCode
from app.extensions import db
from app.models import Monitor, MonitorSchedule


def slow_down(location_id: int, silent_since: Mapping[str, datetime]) -> None:
    """Move what a location watches at these servers to the slow lane, unless somebody got an answer since.

    `silent_since`: for each server when the check began that has timed out. Whether a monitor leaves the lane
    again, its own next check tells.
    """
    answered = _answered_at(location_id, list(silent_since))
    silent = [name for name, since in silent_since.items() if name not in answered or answered[name] < since]
    if not silent:
        return
    row = MonitorSchedule
    # Who holds a row at this moment is about to settle it, and waiting for it could be a deadlock.
    others = (
        select(row.id)
        .join(Monitor, Monitor.id == row.monitor_id)
        .where(Monitor.server.in_(silent), row.location_id == location_id, row.is_slow.is_(False))
        .with_for_update(of=row, skip_locked=True)
    )
    db.session.execute(
        update(row)
        .where(row.id.in_(others))
        .values(is_slow=True)
        .execution_options(synchronize_session=False)
    )


def _answered_at(location_id: int, servers: list[str]) -> dict[str, datetime]:
    """When the last check of each server began that did not time out."""
    row = MonitorSchedule
    has_answer = or_(row.last_error_code.is_(None), row.last_error_code != ErrorCode.TIMEOUT)
    found = db.session.execute(
        select(Monitor.server, func.max(row.last_checked_at).label("at"))
        .join(row, row.monitor_id == Monitor.id)
        .where(Monitor.server.in_(servers), row.location_id == location_id, has_answer)
        .where(row.last_checked_at.is_not(None))
        .group_by(Monitor.server)
    )
    return {answer.server: answer.at for answer in found}
