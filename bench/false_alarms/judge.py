"""Incidents held against the outages that there were: which are false, which are missing, which came late."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

from app.domain.health import Rules
from bench.false_alarms.mailbox import Mailbox
from bench.false_alarms.play import Course, Incident
from bench.false_alarms.world import Kind, Outage


@dataclass(frozen=True)
class Delay:
    took_ms: int
    bound_ms: int
    """What it may take at most."""

    @property
    def is_late(self) -> bool:
        return self.took_ms > self.bound_ms


@dataclass(frozen=True)
class Sighting:
    """What became of one outage."""

    kind: Kind
    interval_ms: int
    is_long_enough: bool
    is_found: bool
    """Whether an incident was opened about it."""
    detection: Delay | None = None
    """Of one that was long enough."""
    recovery: Delay | None = None
    """Where an incident was open at its end."""

    @property
    def faults(self) -> Iterator[str]:
        if self.is_long_enough and not self.is_found:
            yield "missed"
        if self.detection and self.detection.is_late:
            yield f"found after {self.detection}"
        if self.recovery and self.recovery.is_late:
            yield f"its end seen after {self.recovery}"


@dataclass
class Verdict:
    """What the checks of some mailboxes come to."""

    checks: int = 0
    fresh: int = 0
    drops: int = 0
    incidents: int = 0
    false_incidents: int = 0
    sightings: list[Sighting] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What broke a promise."""

    @classmethod
    def of(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        total = cls()
        for verdict in verdicts:
            for name in (known.name for known in fields(cls)):
                setattr(total, name, getattr(total, name) + getattr(verdict, name))
        return total

    @property
    def missed(self) -> int:
        return sum(one.is_long_enough and not one.is_found for one in self.sightings)


def judge(mailbox: Mailbox, outages: Sequence[Outage], course: Course, drops: int, rules: Rules) -> Verdict:
    real = [outage for outage in outages if outage.is_real]
    false = [one for one in course.incidents if not any(_is_about(one, outage) for outage in real)]
    faults = [f"{mailbox}: false incident {incident}" for incident in false]
    sightings = []
    for outage in outages:
        told = [one for one in course.incidents if outage.is_real and _is_about(one, outage)]
        sighting = _sighting(mailbox, outage, told, rules)
        sightings.append(sighting)
        faults += [f"{mailbox}: {outage} {fault}" for fault in sighting.faults]
    if course.open_incident:
        faults.append(f"{mailbox}: never over: {course.open_incident}")
    return Verdict(
        checks=course.checks,
        fresh=course.fresh,
        drops=drops,
        incidents=len(course.incidents),
        false_incidents=len(false),
        sightings=sightings,
        faults=faults,
    )


def _is_about(incident: Incident, outage: Outage) -> bool:
    """Whether the mailbox was out of order for some time between the first failing check and the alarm."""
    return incident.started_ms < outage.end_ms and incident.opened_ms > outage.start_ms


def _sighting(mailbox: Mailbox, outage: Outage, told: Sequence[Incident], rules: Rules) -> Sighting:
    bound = outage.bound_ms(mailbox, rules)
    is_long_enough = bound is not None and outage.end_ms - outage.start_ms >= bound
    detection = None
    if told and bound is not None and is_long_enough:
        detection = Delay(max(told[0].opened_ms - outage.start_ms, 0), bound)
    return Sighting(
        kind=outage.kind,
        interval_ms=mailbox.interval_ms,
        is_long_enough=is_long_enough,
        is_found=bool(told),
        detection=detection,
        recovery=_recovery(mailbox, outage, told[-1], rules) if told else None,
    )


def _recovery(mailbox: Mailbox, outage: Outage, last: Incident, rules: Rules) -> Delay | None:
    """None where it ended within the outage, as it may while the mailbox is flapping."""
    if last.resolved_ms is None or last.resolved_ms <= outage.end_ms:
        return None
    setbacks = sum(begin_ms >= outage.end_ms for begin_ms in last.failed_at)
    bound = mailbox.recovery_ms(rules, was_refused=outage.was_refused, setbacks=setbacks)
    return Delay(last.resolved_ms - outage.end_ms, bound)
