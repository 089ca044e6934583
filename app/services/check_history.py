"""The stored results of one monitor, newest first."""

from sqlalchemy import select, tuple_
from sqlalchemy.orm import joinedload

from app.errors import INVALID_QUERY, InvalidError
from app.extensions import db
from app.models import CheckResult
from app.services import monitors
from app.services.access import Actor
from app.services.identifiers import parse_uuid


def newest(actor: Actor, identifier: str, *, limit: int, before: str | None = None) -> list[CheckResult]:
    """At most `limit` results, those older than the result `before` if it is given (keyset paging).

    Raises InvalidError for a `before` that is no result of this monitor.
    """
    monitor = monitors.get(actor, identifier)
    query = select(CheckResult).where(CheckResult.monitor_id == monitor.id)
    if before is not None:
        row = _result(monitor.id, before)
        query = query.where(tuple_(CheckResult.checked_at, CheckResult.id) < (row.checked_at, row.id))
    newest_first = query.order_by(CheckResult.checked_at.desc(), CheckResult.id.desc())
    return list(db.session.scalars(newest_first.limit(limit).options(joinedload(CheckResult.location))))


def _result(monitor_id: int, identifier: str) -> CheckResult:
    public_id = parse_uuid(identifier)
    row = db.session.scalar(
        select(CheckResult).where(CheckResult.public_id == public_id, CheckResult.monitor_id == monitor_id)
    )
    if row is None:
        raise InvalidError(INVALID_QUERY, faults={"before": ["is not the id of a result of this monitor"]})
    return row
