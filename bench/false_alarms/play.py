"""A mailbox's checks one after the other, as the schedule plans them and health follows them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.clock import from_ms, to_ms
from app.domain.enums import CheckStatus, Health
from app.domain.health import REFUSALS, LocationHealth, Rules, Seen, conclude
from app.domain.schedule import CONFIRM_AFTER_MS, next_after_refusal_ms, next_slot_ms
from app.net.failure import CheckError
from bench.false_alarms.mailbox import Mailbox, first_tick

Follow = Callable[[LocationHealth, Seen, Rules], LocationHealth]
Look = Callable[[int], tuple[CheckError | None, int]]


@dataclass
class Incident:
    """Of one mailbox, from the first failing check until its recovery is confirmed."""

    started_ms: int
    opened_ms: int
    """When the check ended that confirmed it."""
    ended_ms: int | None = None
    """When the first check began that was good again."""
    resolved_ms: int | None = None
    failed_at: list[int] = field(default_factory=list)
    """The checks that failed while it was open, by their start, and the one that opened it."""


@dataclass
class Course:
    """What came of a mailbox's checks."""

    checks: int = 0
    fresh: int = 0
    """Checks of a mailbox that was up and had not just failed: each could begin a false alarm."""
    incidents: list[Incident] = field(default_factory=list)

    @property
    def open_incident(self) -> Incident | None:
        return self.incidents[-1] if self.incidents and self.incidents[-1].resolved_ms is None else None

    def note(self, health: LocationHealth, check: tuple[int, int], rules: Rules) -> None:
        """Open and end incidents by what a location says after a check, given by its start and end."""
        begin_ms, end_ms = check
        is_down = conclude([health.health], rules) is Health.DOWN
        incident, since_ms = self.open_incident, to_ms(health.since) if health.since else begin_ms
        if is_down and incident is None:
            incident = Incident(since_ms, end_ms)
            self.incidents.append(incident)
        elif incident and not is_down:
            incident.ended_ms, incident.resolved_ms = since_ms, end_ms
        if incident and health.is_failing:
            incident.failed_at.append(begin_ms)


@dataclass
class Plan:
    """When the next check comes. The same as `services/checks.py` writes into the schedule."""

    mailbox: Mailbox
    due_ms: int
    refusals: int = 0

    def move(
        self, begin_ms: int, end_ms: int, code: str | None, health: LocationHealth, rules: Rules
    ) -> None:
        planned = self.due_ms = next_slot_ms(begin_ms, self.mailbox.interval_ms, self.mailbox.offset_ms)
        if code in REFUSALS:
            self.refusals += 1
            self.due_ms = next_after_refusal_ms(begin_ms, planned, self.refusals, self.mailbox.interval_ms)
        elif code is None:
            self.refusals = 0
        if health.wants_confirmation(code) and end_ms + CONFIRM_AFTER_MS < planned:
            self.due_ms = end_ms + CONFIRM_AFTER_MS
        later_ends_at = health.later_ends_at(rules)
        if later_ends_at is not None and to_ms(later_ends_at) > end_ms:
            self.due_ms = min(self.due_ms, to_ms(later_ends_at))


def play(
    mailbox: Mailbox, look: Look, rules: Rules, span: tuple[int, int], follow: Follow = LocationHealth.follow
) -> Course:
    """All checks that begin within a span, its start being when the mailbox was registered."""
    end_ms, until_ms = span
    plan, now, course = Plan(mailbox, end_ms), LocationHealth(), Course()
    # A check that is still going on is waited for.
    while (begin_ms := first_tick(max(plan.due_ms, end_ms))) < until_ms:
        failure, duration_ms = look(begin_ms)
        end_ms = begin_ms + duration_ms
        code = failure.code if failure else None
        status = CheckStatus.ERROR if failure else CheckStatus.SUCCESS
        after = follow(now, Seen(status, code, from_ms(begin_ms)), rules)
        course.checks += 1
        course.fresh += now.health is Health.UP and not now.is_failing
        if after.is_failing or now.is_down:
            course.note(after, (begin_ms, end_ms), rules)
        plan.move(begin_ms, end_ms, code, after, rules)
        now = after
    return course
