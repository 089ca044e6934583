"""Which scheduler mails the operator, and when: once for all schedulers of a location, across restarts.

A mail is claimed before it is sent, so that nothing is told twice, and given back when it could not be sent.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, select, update

from app.domain.enums import TroubleKind
from app.domain.trouble import AGAIN_AFTER
from app.extensions import db
from app.models import OperatorMail
from app.services.upserts import insert_into

_TABLE = cast("Table", OperatorMail.__table__)


@dataclass(frozen=True)
class ClaimedMail:
    """One mail that is to be sent now."""

    kind: TroubleKind
    is_over: bool
    before: tuple[datetime | None, bool]
    """What the row said before: `mailed_at`, `is_open`."""
    after: tuple[datetime | None, bool]


def claim(location_id: int, kind: TroubleKind, now: datetime, *, is_over: bool) -> ClaimedMail | None:
    """Claim the mail about trouble, or about its end. None when there is nothing to be told (again)."""
    before = _state(location_id, kind)
    after = next_state(before, now, is_over=is_over)
    if after is None:
        return None
    insert = insert_into(_TABLE, db.engine.dialect.name)
    values = {"location_id": location_id, "kind": kind, "is_open": False}
    db.session.execute(insert.values(values).on_conflict_do_nothing())
    mail = ClaimedMail(kind, is_over, before, after)
    return mail if _moved(location_id, kind, before, after) else None


def give_back(location_id: int, mail: ClaimedMail) -> None:
    """It could not be sent: as if it had not been claimed."""
    _moved(location_id, mail.kind, mail.after, mail.before)


def next_state(
    state: tuple[datetime | None, bool], now: datetime, *, is_over: bool
) -> tuple[datetime | None, bool] | None:
    """`mailed_at` and `is_open` after a mail now, or None when it is not the time for one."""
    mailed_at, is_open = state
    if is_over:
        return (mailed_at, False) if is_open else None
    # Further ahead than that can only be what a wrong clock left.
    is_too_soon = mailed_at is not None and abs(now - mailed_at) < AGAIN_AFTER
    return None if is_too_soon else (now, True)


def _state(location_id: int, kind: TroubleKind) -> tuple[datetime | None, bool]:
    row = db.session.execute(
        select(OperatorMail.mailed_at, OperatorMail.is_open).where(
            OperatorMail.location_id == location_id, OperatorMail.kind == kind
        )
    ).one_or_none()
    return (None, False) if row is None else (row.mailed_at, row.is_open)


def _moved(
    location_id: int,
    kind: TroubleKind,
    before: tuple[datetime | None, bool],
    after: tuple[datetime | None, bool],
) -> bool:
    """Whether the row said what it was thought to say, so that nobody else was quicker."""
    moved: Any = db.session.execute(
        update(OperatorMail)
        .where(OperatorMail.location_id == location_id, OperatorMail.kind == kind)
        .where(
            OperatorMail.mailed_at.is_not_distinct_from(before[0]),
            OperatorMail.is_open.is_(before[1]),
        )
        .values(mailed_at=after[0], is_open=after[1])
        .returning(OperatorMail.kind)
        .execution_options(synchronize_session=False)
    )
    return moved.first() is not None
