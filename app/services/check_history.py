"""The stored results of one monitor: the newest, those of a range, and all of them for export."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import joinedload

from app.domain.calendar import TimeRange
from app.errors import INVALID_QUERY, InvalidError, NotFoundError
from app.extensions import db
from app.models import CheckResult, Location, Monitor
from app.services import monitors
from app.services.access import Actor
from app.services.identifiers import parse_uuid

BATCH = 500
"""Results that an export holds at a time: with their diagnostics, some 2 MB."""
_COLUMNS = (
    CheckResult.public_id,
    CheckResult.checked_at,
    CheckResult.status,
    CheckResult.error_code,
    CheckResult.timing_ms,
    CheckResult.in_maintenance,
    CheckResult.location_id,
    Location.code.label("location_code"),
    Location.name.label("location_name"),
)
_place = tuple_(CheckResult.checked_at, CheckResult.id)
"""Where a result stands among those of its monitor."""


def newest(actor: Actor, identifier: str, *, limit: int, before: str | None = None) -> list[CheckResult]:
    """At most `limit` results, those older than the result `before` if it is given (keyset paging).

    Raises InvalidError for a `before` that is no result of this monitor.
    """
    monitor = monitors.get(actor, identifier)
    query = select(CheckResult).where(CheckResult.monitor_id == monitor.id)
    if before is not None:
        row = _result(monitor.id, before)
        query = query.where(_place < (row.checked_at, row.id))
    return _newest(query, limit)


def latest(monitor_id: int, limit: int) -> list[CheckResult]:
    """The same of a monitor that is known to be the actor's to see."""
    return _newest(select(CheckResult).where(CheckResult.monitor_id == monitor_id), limit)


def _newest(query: Select[Any], limit: int) -> list[CheckResult]:
    newest_first = query.order_by(CheckResult.checked_at.desc(), CheckResult.id.desc())
    return list(db.session.scalars(newest_first.limit(limit).options(joinedload(CheckResult.location))))


def points(monitor_id: int, within: TimeRange, limit: int) -> Sequence[Mapping[Any, Any]]:
    """At most so many of the newest results of a range, in the order of time, without their transcripts."""
    newest_first = (
        _of_range(monitor_id, within, CheckResult.diagnostics["timings"].label("timings"))
        .where(CheckResult.checked_at >= within.from_)
        .order_by(CheckResult.checked_at.desc(), CheckResult.id.desc())
    )
    return db.session.execute(newest_first.limit(limit)).mappings().all()[::-1]


def export(monitor_id: int, within: TimeRange) -> Iterator[Sequence[Any]]:
    """All results of a range in the order of time, in batches. The transaction may end between any two.

    Raises NotFoundError when the monitor was removed meanwhile: half of it must not pass for the whole.
    """
    row = CheckResult
    in_order = _of_range(
        monitor_id, within, row.id, row.error_message, row.warning_message, row.diagnostics
    ).order_by(row.checked_at, row.id)
    page = in_order.where(row.checked_at >= within.from_).limit(BATCH)
    while batch := db.session.execute(page).all():
        yield batch
        # In the place of the range's beginning: of two bounds a database may take the wrong one.
        page = in_order.where(_place > (batch[-1].checked_at, batch[-1].id)).limit(BATCH)
    if db.session.scalar(select(Monitor.id).where(Monitor.id == monitor_id)) is None:
        raise NotFoundError(monitors.NOT_FOUND)


def _of_range(monitor_id: int, within: TimeRange, *more: Any) -> Select[Any]:
    """What is told of each result, and `more`, up to the range's end; where it begins is up to the caller."""
    return (
        select(*_COLUMNS, *more)
        .join(CheckResult.location)
        .where(CheckResult.monitor_id == monitor_id, CheckResult.checked_at < within.until)
    )


def _result(monitor_id: int, identifier: str) -> CheckResult:
    public_id = parse_uuid(identifier)
    row = db.session.scalar(
        select(CheckResult).where(CheckResult.public_id == public_id, CheckResult.monitor_id == monitor_id)
    )
    if row is None:
        raise InvalidError(INVALID_QUERY, faults={"before": ["is not the id of a result of this monitor"]})
    return row
