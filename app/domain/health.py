"""What results say of a mailbox: confirmed at each location, then concluded from all of them.

At a location nothing is believed before it was seen so often in a row as the rules ask for: a failure, its
recovery, a warning. The monitor follows its locations at once, because they have been asked twice already.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.enums import CheckStatus, ErrorCode, Health

MAX_STREAK = 1000
"""Far beyond what any rule asks for; counted no further, so that the number stays small for ever."""

LATER_FOR = timedelta(minutes=30)
"""How long a server may say "later" before that is a failure."""

REFUSALS = frozenset(
    {ErrorCode.AUTHENTICATION_FAILED, ErrorCode.TEMPORARILY_UNAVAILABLE, ErrorCode.OAUTH_FAILED}
)
"""Results after which asking again soon makes things worse: accounts are locked, servers throttle."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How much it takes, by organization and customer (contract section 4)."""

    alert_checks: int = 2
    recovery_checks: int = 2
    locations: int = 1
    """How many have to see a failure for the monitor to be down; never more than there are that know."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One result, as far as it matters for health."""

    status: CheckStatus
    code: str | None
    at: datetime
    """When the check began."""
    warnings: tuple[str, ...] = ()

    @property
    def is_failure(self) -> bool:
        return self.status is CheckStatus.ERROR


@dataclass(frozen=True, slots=True)
class LocationHealth:
    """How one location sees a mailbox, and the results in a row that may change that."""

    health: Health = Health.PENDING
    is_failing: bool = False
    """Whether the streak is of failures."""
    streak: int = 0
    since: datetime | None = None
    """When the first result of the streak began."""
    hard: int = 0
    """How many failures of the streak were more than a server's "later"."""

    @property
    def is_down(self) -> bool:
        return self.health is Health.DOWN

    def follow(self, seen: Seen, rules: Rules) -> "LocationHealth":
        """The same with one more result."""
        goes_on = self.streak > 0 and self.is_failing is seen.is_failure
        is_hard = seen.is_failure and seen.code != ErrorCode.TEMPORARILY_UNAVAILABLE
        after = LocationHealth(
            health=self.health,
            is_failing=seen.is_failure,
            streak=min(self.streak + 1, MAX_STREAK) if goes_on else 1,
            since=self.since if goes_on else seen.at,
            hard=min((self.hard if goes_on else 0) + is_hard, MAX_STREAK),
        )
        health = after._concluded(seen, rules)
        return after if health is self.health else replace(after, health=health)

    def _concluded(self, seen: Seen, rules: Rules) -> Health:
        if seen.is_failure:
            return Health.DOWN if self._is_confirmed_failure(seen.at, rules) else self.health
        if self.is_down and self.streak < rules.recovery_checks:
            return Health.DOWN
        return Health.DEGRADED if seen.status is CheckStatus.WARNING else Health.UP

    def _is_confirmed_failure(self, at: datetime, rules: Rules) -> bool:
        """Enough in a row; of a server that says "later", also for long enough."""
        if self.hard >= rules.alert_checks:
            return True
        return self.since is not None and self.streak >= rules.alert_checks and at - self.since >= LATER_FOR

    def later_ends_at(self, rules: Rules) -> datetime | None:
        """When a server that has said nothing but "later" will have said it for too long."""
        if self.since is None or self.is_down or not self.is_failing or self.hard >= rules.alert_checks:
            return None
        return self.since + LATER_FOR

    def wants_confirmation(self, code: str | None) -> bool:
        """Whether the next check should come soon, because this one may change what is believed.

        Of refused logins one confirmation is asked for and no more: they are counted by the server too.
        """
        if not self.is_failing:
            return self.is_down
        return not self.is_down and (self.streak == 1 or code not in REFUSALS)


@dataclass(frozen=True, slots=True)
class WarningAlarm:
    """One kind of warning at one location, from its first result until it is confirmed to be over."""

    hits: int
    """Results in a row that had it, counted up to MAX_STREAK."""
    since: datetime
    is_raised: bool = False
    misses: int = 0
    """Results in a row that did not have it."""
    missed_since: datetime | None = None


def follow_warnings(
    alarms: Mapping[str, WarningAlarm], seen: Seen, rules: Rules
) -> tuple[dict[str, WarningAlarm], dict[str, datetime]]:
    """The alarms with one more result, and those that are over with it, since when.

    A failed check says nothing about warnings.
    """
    if seen.is_failure:
        return dict(alarms), {}
    after: dict[str, WarningAlarm] = {}
    over: dict[str, datetime] = {}
    for code in seen.warnings:
        known = alarms.get(code) or WarningAlarm(0, seen.at)
        hits = min(known.hits + 1, MAX_STREAK)
        is_raised = known.is_raised or hits >= rules.alert_checks
        after[code] = replace(known, hits=hits, is_raised=is_raised, misses=0, missed_since=None)
    for code, alarm in alarms.items():
        if code in after or not alarm.is_raised:
            continue
        missed_since = alarm.missed_since or seen.at
        if alarm.misses + 1 >= rules.recovery_checks:
            over[code] = missed_since
        else:
            after[code] = replace(alarm, hits=0, misses=alarm.misses + 1, missed_since=missed_since)
    return after, over


def conclude(locations: Iterable[Health], rules: Rules) -> Health:
    """The monitor's health by those locations that have data; pending ones do not know yet."""
    known = [health for health in locations if health is not Health.PENDING]
    if not known:
        return Health.PENDING
    down = known.count(Health.DOWN)
    if down >= quorum(len(known), rules):
        return Health.DOWN
    return Health.DEGRADED if down or Health.DEGRADED in known else Health.UP


def quorum(known: int, rules: Rules) -> int:
    """How many of the locations that know have to agree: an organization that asks for more still hears."""
    return max(min(rules.locations, known), 1)
