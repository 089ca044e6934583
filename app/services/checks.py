"""Running one check and recording what it found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, select, update

from app import checkers
from app.clock import to_ms
from app.crypto import DecryptionError
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, ErrorCode
from app.domain.health import REFUSALS
from app.domain.outcome import CheckOutcome
from app.domain.schedule import CONFIRM_AFTER_MS, data_until_ms, next_after_refusal_ms
from app.domain.target import CheckTarget, TargetGuard, target_from_config
from app.extensions import db
from app.models import CheckResult, Monitor, MonitorSchedule
from app.services import maintenance, rollups, slow_servers, streaks, verdicts
from app.services.locking import begin_writing
from app.services.monitor_config import ConfigStore
from app.services.streaks import Step

UNREADABLE = "The stored config cannot be decrypted: CREDENTIALS_KEYS lacks the key it was encrypted with."

# Made once, and of the bare tables: putting such a statement together takes longer than running it.
_RESULTS = insert(cast("Table", CheckResult.__table__))
_SCHEDULES = cast("Table", MonitorSchedule.__table__)
_ROW = _SCHEDULES.c
_IDS: Any = bindparam("ids", expanding=True)
# The locks that the results' foreign keys need come before those of the schedules, as in removing a monitor;
# in the other order PostgreSQL would find a deadlock now and then. SQLite knows no row locks.
_HELD_MONITORS = (
    select(Monitor.__table__.c.id)
    .where(Monitor.__table__.c.id.in_(_IDS))
    .order_by(Monitor.__table__.c.id)
    .with_for_update(read=True, key_share=True)
)
_HELD_SCHEDULES = (
    select(
        *(_ROW[name] for name in ("id", "lease_token", "mailbox_key", "refusals")),
        *(_ROW[name] for name in streaks.COLUMNS),
    )
    .where(_ROW.id.in_(_IDS))
    .order_by(_ROW.id)
    .with_for_update()
)
_SETTLED = (
    update(_SCHEDULES)
    .where(_ROW.id == bindparam("schedule_id"))
    .values(
        lease_until_ms=None,
        lease_token=None,
        last_checked_at=bindparam("checked_at"),
        last_status=bindparam("status"),
        last_error_code=bindparam("code"),
        last_error_message=bindparam("message"),
        next_check_at_ms=bindparam("planned_at_ms"),
        refusals=bindparam("refused"),
        is_slow=bindparam("timed_out"),
        data_until_ms=bindparam("holds_until_ms"),
        **{name: bindparam(f"new_{name}") for name in streaks.WRITTEN},
    )
)


@dataclass(frozen=True)
class CheckRecord:
    """What is to be stored of one check. `checked_at` is when it started."""

    claim: ClaimedCheck
    outcome: CheckOutcome
    checked_at: datetime

    @property
    def ended_at(self) -> datetime:
        return self.checked_at + timedelta(milliseconds=self.outcome.duration_ms)


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
    by_token = {record.claim.token: record for record in records}
    begin_writing()
    connection = db.session.connection()
    if connection.dialect.name != "sqlite":
        connection.execute(_HELD_MONITORS, {"ids": [record.claim.monitor_id for record in by_token.values()]})
    ids = [record.claim.schedule_id for record in by_token.values()]
    rows = connection.execute(_HELD_SCHEDULES, {"ids": ids}).all()
    held = [(by_token[row.lease_token], row) for row in rows if row.lease_token in by_token]
    if held:
        now = max(record.ended_at for record, _ in held)
        steps = _steps(held, now)
        refusals = _refusals_by_mailbox(held)
        moves = [_move(record, row, refusals, step) for (record, row), step in zip(held, steps, strict=True)]
        results = [_result(record, step) for (record, _), step in zip(held, steps, strict=True)]
        connection.execute(_SETTLED, moves)
        connection.execute(_RESULTS, results)
        rollups.add(results)
        _slow_down(held, moves)
        verdicts.follow([step for step in steps if step.matters], now)
    return len(held)


def _steps(held: Sequence[tuple[CheckRecord, Any]], now: datetime) -> list[Step]:
    """What each result changes at its location. Maintenance is looked at now, when they are recorded."""
    claims = [record.claim for record, _ in held]
    coverage = maintenance.covered(now, {claim.monitor_id: claim.customer_id for claim in claims})
    return [
        streaks.step(
            record.claim,
            record.outcome,
            record.checked_at,
            row,
            in_maintenance=record.claim.is_maintenance
            or coverage.covers(record.claim.customer_id, record.claim.monitor_id),
        )
        for record, row in held
    ]


def _slow_down(held: Iterable[tuple[CheckRecord, Any]], moves: Iterable[Mapping[str, Any]]) -> None:
    """Tell what has timed out for the first time, by location and server."""
    silent: dict[int, dict[str, datetime]] = {}
    for (record, _), move in zip(held, moves, strict=True):
        claim = record.claim
        if move["timed_out"] and not claim.is_slow:
            since = silent.setdefault(claim.location_id, {})
            since[claim.server] = min(record.checked_at, since.get(claim.server, record.checked_at))
    for location_id, since in silent.items():
        slow_servers.slow_down(location_id, since)


def _refusals_by_mailbox(held: Iterable[tuple[CheckRecord, Any]]) -> dict[str, int]:
    """The most refusals in a row that any monitor has met, at mailboxes that go on refusing.

    Only read, because a lock on the rows of other monitors could meet another writer head on.
    """
    keys = {
        row.mailbox_key for record, row in held if record.outcome.code in REFUSALS and record.claim.refusals
    }
    if not keys:
        return {}
    found = db.session.execute(
        select(_ROW.mailbox_key, func.max(_ROW.refusals).label("most"))
        .where(_ROW.mailbox_key.in_(keys))
        .group_by(_ROW.mailbox_key)
    )
    return {row.mailbox_key: row.most for row in found}


def _result(record: CheckRecord, step: Step) -> dict[str, Any]:
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
        "in_maintenance": step.in_maintenance,
        "diagnostics": outcome.diagnostics,
    }


def _move(record: CheckRecord, row: Any, refusals: Mapping[str, int], step: Step) -> dict[str, Any]:
    """What the row says from now on. `refusals` are those of mailboxes that go on refusing."""
    claim, outcome = record.claim, record.outcome
    # Who changed or triggered the monitor meanwhile has planned it anew: no back-off then, no slow lane.
    is_untouched = row.next_check_at_ms == claim.planned_at_ms
    planned_at_ms, refused = row.next_check_at_ms, row.refusals
    if outcome.code in REFUSALS:
        refused = _refusals(claim, refusals.get(row.mailbox_key, 0)) if is_untouched else 0
        if is_untouched:
            planned_at_ms = next_after_refusal_ms(
                to_ms(record.checked_at), planned_at_ms, refused, claim.interval_ms
            )
    if outcome.status is not CheckStatus.ERROR:
        # Nothing else ends a back-off: who bans us stops answering, and that is no reason to ask more often.
        refused = 0
    if row.next_check_at_ms is not None and step.after.wants_confirmation(outcome.code):
        confirm_at_ms = to_ms(record.ended_at) + CONFIRM_AFTER_MS
        if confirm_at_ms < row.next_check_at_ms:
            planned_at_ms = confirm_at_ms
    later_ends_at = step.after.later_ends_at(streaks.rules_of(claim))
    if planned_at_ms is not None and later_ends_at is not None and later_ends_at > record.ended_at:
        # Whoever says "later" is asked again when that has been so for too long, and not a day after.
        planned_at_ms = min(planned_at_ms, to_ms(later_ends_at))
    holds_until_ms = None
    if planned_at_ms is not None:
        holds_until_ms = data_until_ms(planned_at_ms, claim.interval_ms, claim.timeout_seconds * 1000)
    return {
        "schedule_id": claim.schedule_id,
        "checked_at": record.checked_at,
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.error_message,
        "planned_at_ms": planned_at_ms,
        "refused": refused,
        "timed_out": outcome.code is ErrorCode.TIMEOUT and is_untouched,
        "holds_until_ms": holds_until_ms,
        **{f"new_{name}": value for name, value in streaks.columns_of(step).items()},
    }


def _refusals(claim: ClaimedCheck, of_mailbox: int) -> int:
    """How many in a row it makes with this one.

    From the second one of a monitor on, those count that others have met at the mailbox: all of them use
    up the patience of one account.
    """
    return of_mailbox + 1 if claim.refusals else 1
