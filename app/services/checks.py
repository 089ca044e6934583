"""Running one check and recording what it found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, case, func, insert, select, update
from sqlalchemy.orm import aliased

from app import checkers
from app.clock import to_ms
from app.crypto import DecryptionError
from app.domain.enums import CheckStatus, ErrorCode
from app.domain.outcome import CheckOutcome
from app.domain.schedule import CONFIRM_AFTER_MS, next_after_refusal_ms
from app.domain.target import CheckTarget, TargetGuard, target_from_config
from app.extensions import db
from app.models import CheckResult, Monitor, MonitorSchedule
from app.services.claims import ClaimedCheck
from app.services.monitor_config import ConfigStore

UNREADABLE = "The stored config cannot be decrypted: CREDENTIALS_KEYS lacks the key it was encrypted with."

REFUSALS = frozenset(
    {ErrorCode.AUTHENTICATION_FAILED, ErrorCode.TEMPORARILY_UNAVAILABLE, ErrorCode.OAUTH_FAILED}
)
"""Results after which asking again soon makes things worse: accounts are locked, servers throttle."""

# Made once, and of the bare table: putting such a statement together takes longer than running it.
_RESULTS = cast("Table", CheckResult.__table__)
_TABLE = cast("Table", MonitorSchedule.__table__)
_ROW = _TABLE.c
_SETTLED = (
    update(_TABLE)
    .where(_ROW.id == bindparam("schedule_id"), _ROW.lease_token == bindparam("token"))
    .values(
        lease_until_ms=None,
        lease_token=None,
        last_checked_at=bindparam("checked_at"),
        last_status=bindparam("status"),
        last_error_code=bindparam("code"),
        last_error_message=bindparam("message"),
    )
    .returning(_ROW.id)
)
_SUCCEEDED = _SETTLED.values(refusals=0)


@dataclass(frozen=True)
class CheckRecord:
    """What is to be stored of one check. `checked_at` is when it started."""

    claim: ClaimedCheck
    outcome: CheckOutcome
    checked_at: datetime


def internal_error(message: str) -> CheckOutcome:
    """The outcome of a check that Pillarbox itself could not run or keep."""
    return CheckOutcome(
        status=CheckStatus.ERROR,
        duration_ms=0,
        code=ErrorCode.INTERNAL_ERROR,
        message=message,
        diagnostics={"errorCode": ErrorCode.INTERNAL_ERROR, "attempts": 0},
    )


def run_claimed(claim: ClaimedCheck, store: ConfigStore, guard: TargetGuard) -> CheckOutcome:
    """Check a claimed monitor's mailbox. Needs no database and never raises."""
    try:
        config = store.unseal(claim.monitor_public_id, claim.config_encrypted)
    except DecryptionError:
        return internal_error(UNREADABLE)
    return run(target_from_config(claim.hostname, claim.port, config), claim.timeout_seconds, guard)


def run(target: CheckTarget, timeout_seconds: float, guard: TargetGuard) -> CheckOutcome:
    """Check a mailbox, be it a monitor's or not. Needs no database and never raises."""
    return checkers.run(target, timeout_seconds, guard)


def record(records: Iterable[CheckRecord]) -> int:
    """Store results and move their schedules, for each claim that still holds its lease.

    A late scheduler whose lease was given to another changes nothing. Returns how many were stored.
    """
    in_order = sorted(records, key=lambda record: record.claim.schedule_id)
    _hold_monitors({record.claim.monitor_id for record in in_order})
    held = [record for record in in_order if _move_schedule(record)]
    if held:
        # Of the bare table: as objects they would cost half as much again.
        db.session.execute(insert(_RESULTS), [_result(record) for record in held])
    return len(held)


def _hold_monitors(monitor_ids: set[int]) -> None:
    """Take the locks that the results' foreign keys need before those of the schedules, as removing does.

    In the other order PostgreSQL would find a deadlock now and then. SQLite knows no row locks.
    """
    db.session.execute(
        select(Monitor.id)
        .where(Monitor.id.in_(monitor_ids))
        .order_by(Monitor.id)
        .with_for_update(read=True, key_share=True)
    )


def _result(record: CheckRecord) -> dict[str, Any]:
    outcome = record.outcome
    return {
        "public_id": record.claim.token,
        "monitor_id": record.claim.monitor_id,
        "location_id": record.claim.location_id,
        "checked_at": record.checked_at,
        "status": outcome.status,
        "error_code": outcome.code,
        "error_message": outcome.error_message,
        "warning_message": outcome.warning_message,
        "timing_ms": outcome.duration_ms,
        "diagnostics": outcome.diagnostics,
    }


def _move_schedule(record: CheckRecord) -> bool:
    claim, outcome = record.claim, record.outcome
    is_error = outcome.status is CheckStatus.ERROR
    moved = db.session.execute(
        _SETTLED.values(_next_check(record)) if is_error else _SUCCEEDED,
        {
            "schedule_id": claim.schedule_id,
            "token": claim.token,
            "checked_at": record.checked_at,
            "status": outcome.status,
            "code": outcome.code,
            "message": outcome.error_message,
        },
    )
    return moved.first() is not None


def _next_check(record: CheckRecord) -> dict[str, Any]:
    """After a first failure the confirming check comes soon; a mailbox that goes on refusing us waits.

    A disabled monitor's NULL stays NULL, because a comparison with NULL is never true.
    """
    outcome, claim, row = record.outcome, record.claim, _ROW
    checked_at = to_ms(record.checked_at)
    confirm_at = checked_at + outcome.duration_ms + CONFIRM_AFTER_MS
    is_first = row.last_status.is_distinct_from(CheckStatus.ERROR)
    confirms_early = is_first & (row.next_check_at_ms > confirm_at)
    if outcome.code not in REFUSALS:
        # Who bans us after too many refusals stops answering: that is no reason to ask more often again.
        return {"next_check_at_ms": case((confirms_early, confirm_at), else_=row.next_check_at_ms)}
    # Who changed or triggered the monitor meanwhile has planned it anew, and wants no back-off.
    is_untouched = row.next_check_at_ms == claim.planned_at_ms
    refusals = _refusals(claim)
    put_off_to = next_after_refusal_ms(checked_at, claim.planned_at_ms, refusals, claim.interval_ms)
    return {
        "refusals": case((is_untouched, refusals), else_=0),
        "next_check_at_ms": case(
            (confirms_early, confirm_at), (is_untouched, put_off_to), else_=row.next_check_at_ms
        ),
    }


def _refusals(claim: ClaimedCheck) -> int:
    """How many in a row it makes with this one.

    From the second one of a monitor on, those count that others have met at the mailbox: all of them use
    up the patience of one account. Only read, because a lock on the rows of other monitors could meet
    another writer head on.
    """
    if not claim.refusals:
        return 1
    row, other = MonitorSchedule, aliased(MonitorSchedule)
    mailbox_key = select(row.mailbox_key).where(row.id == claim.schedule_id).scalar_subquery()
    most = db.session.scalar(select(func.max(other.refusals)).where(other.mailbox_key == mailbox_key))
    return (most or 0) + 1
