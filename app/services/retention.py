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


def forget_old_results(now: datetime, days: int) -> int:
    """Remove results older than so many days, in slices that are committed one by one.

    PostgreSQL drops the tables of whole days. Returns how many rows were removed one by one.
    """
    before = now - timedelta(days=days)
    if partitions.is_used():
        partitions.drop_days(before)
        return partitions.forget_elsewhere(before)
    removed = 0
    while slice_size := _forget_slice(before):
        removed += slice_size
    return removed


def _forget_slice(before: datetime) -> int:
    """In the order of their making, which is that of their time: no index is needed for that."""
    row = aliased(CheckResult)
    oldest = select(row.id).order_by(row.id).limit(SLICE)
    removed = db.session.execute(
        delete(CheckResult)
        .where(CheckResult.id.in_(oldest), CheckResult.checked_at < before)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return cast("CursorResult[Any]", removed).rowcount
