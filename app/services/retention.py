"""Forgetting results that are older than they are kept. What they came to stays in the roll-ups."""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import aliased

from app.extensions import db
from app.models import CheckResult
from app.services import partitions

SLICE = 2_000
"""Results removed in one transaction: writers wait for no more than that."""


def forget_some(now: datetime, days: int) -> bool:
    """Remove some of the results that are older than so many days; tell whether there were any.

    To be called until there are none, each time in a transaction of its own. On PostgreSQL it drops the
    table of a day.
    """
    before = now - timedelta(days=days)
    if partitions.is_used():
        return partitions.drop_day(before) is not None or partitions.forget_elsewhere(before) > 0
    return _forget_slice(before) > 0


def _forget_slice(before: datetime) -> int:
    """In the order of their making, which is that of their time: no index is needed for that."""
    row = aliased(CheckResult)
    oldest = select(row.id).order_by(row.id).limit(SLICE)
    removed = db.session.execute(
        delete(CheckResult)
        .where(CheckResult.id.in_(oldest), CheckResult.checked_at < before)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", removed).rowcount
