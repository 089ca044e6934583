"""How a location sees a mailbox, read from its schedule row and moved on by each result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms, to_ms
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus
from app.domain.health import LocationHealth, Rules, Seen, WarningAlarm, follow_warnings
from app.domain.outcome import CheckOutcome

WRITTEN = (
    "in_maintenance",
    "health",
    "streak",
    "streak_since",
    "hard_failures",
    "warning_alarms",
)
"""Of a schedule row, what `columns_of` sets."""
COLUMNS = (*WRITTEN, "last_status", "next_check_at_ms", "data_until_ms")
"""Of a schedule row, what `step` reads."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one result changed at its location."""

    claim: ClaimedCheck
    checked_at: datetime
    before: LocationHealth
    after: LocationHealth
    alarms: Mapping[str, WarningAlarm]
    """By WarningCode, after this result."""
    over: Mapping[str, datetime]
    """Warnings that are over with this result, since when."""
    is_new_alarm: bool
    silent_since: datetime | None
    """When the data ended, if this result comes after a gap."""
    was_in_maintenance: bool
    in_maintenance: bool

    @property
    def matters(self) -> bool:
        """Whether anything may follow from it for the monitor."""
        return (
            self.after.health is not self.before.health
            or self.silent_since is not None
            or self.is_new_alarm
            or bool(self.over)
            or self._may_be_due_still
        )

    @property
    def _may_be_due_still(self) -> bool:
        """An alarm that maintenance held back, or that it held back until a good result came in between."""
        if self.was_in_maintenance and not self.in_maintenance:
            return self.after.is_down or any(alarm.is_raised for alarm in self.alarms.values())
        return self.after.is_down and self.after.is_failing and self.after.streak == 1


def step(
    claim: ClaimedCheck, outcome: CheckOutcome, checked_at: datetime, row: Any, *, in_maintenance: bool
) -> Step:
    """`row` has COLUMNS as they were before this result.

    Results in a row are that however long nobody looked between them: a server that is silent, or very slow,
    is looked at rarely, and is no better for it.

    A row that is not planned any more has been told farewell (`verdicts.stop_watching`), and stays so.
    """
    rules = rules_of(claim)
    seen = Seen(
        status=outcome.status,
        code=outcome.code,
        at=checked_at,
        warnings=tuple(outcome.diagnostics.get("warnings", ())),
    )
    before = LocationHealth(
        health=row.health,
        is_failing=row.last_status is CheckStatus.ERROR,
        streak=row.streak,
        since=row.streak_since,
        hard=row.hard_failures,
    )
    silent_since = None
    if row.data_until_ms is not None and to_ms(checked_at) > row.data_until_ms:
        silent_since = from_ms(row.data_until_ms)
    known = _alarms(row.warning_alarms)
    is_watched = row.next_check_at_ms is not None
    alarms, over = follow_warnings(known, seen, rules) if is_watched else (known, {})
    return Step(
        claim=claim,
        checked_at=checked_at,
        before=before,
        after=before.follow(seen, rules) if is_watched else before,
        alarms=alarms,
        over=over,
        is_new_alarm=any(
            alarm.is_raised and not (code in known and known[code].is_raised)
            for code, alarm in alarms.items()
        ),
        silent_since=silent_since,
        was_in_maintenance=row.in_maintenance,
        in_maintenance=in_maintenance,
    )


def rules_of(claim: ClaimedCheck) -> Rules:
    return Rules(alert_checks=claim.alert_checks, recovery_checks=claim.recovery_checks)


def columns_of(step: Step) -> dict[str, Any]:
    """What the schedule row says of it from now on."""
    after = step.after
    return {
        "in_maintenance": step.in_maintenance,
        "health": after.health,
        "streak": after.streak,
        "streak_since": after.since,
        "hard_failures": after.hard,
        "warning_alarms": {code: _stored(alarm) for code, alarm in step.alarms.items()} or None,
    }


def _alarms(stored: Mapping[str, Any] | None) -> dict[str, WarningAlarm]:
    return {code: _alarm(values) for code, values in (stored or {}).items()}


def _alarm(values: Mapping[str, Any]) -> WarningAlarm:
    missed_since = values.get("missedSince")
    return WarningAlarm(
        hits=values["hits"],
        since=datetime.fromisoformat(values["since"]),
        is_raised=values["isRaised"],
        misses=values["misses"],
        missed_since=datetime.fromisoformat(missed_since) if missed_since else None,
    )


def _stored(alarm: WarningAlarm) -> dict[str, Any]:
    return {
        "hits": alarm.hits,
        "since": alarm.since.isoformat(),
        "isRaised": alarm.is_raised,
        "misses": alarm.misses,
        "missedSince": alarm.missed_since.isoformat() if alarm.missed_since else None,
    }


def is_raised(stored: Mapping[str, Any] | None, code: str) -> bool:
    """Whether that warning stands at a location, by its row's `warning_alarms`."""
    return bool(stored and stored.get(code, {}).get("isRaised"))
