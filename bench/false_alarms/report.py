"""The figures of a run, as JSON and as a few lines."""

from collections.abc import Callable, Iterable, Sequence
from math import exp, sqrt
from typing import Any

from bench import harness
from bench.false_alarms.fleet import Fleet
from bench.false_alarms.judge import Delay, Sighting, Verdict
from bench.false_alarms.mailbox import MINUTE, SECOND
from bench.false_alarms.world import Kind

Row = Sequence[str]
SIGMAS = 5


def expected_false(fleet: Fleet, verdict: Verdict) -> float:
    """How many there are on average: any check that could begin a row may do so by chance."""
    return verdict.fresh * fleet.network.failure_rate**fleet.rules.alert_checks


def is_as_expected(fleet: Fleet, verdict: Verdict) -> bool:
    """Whether there are about as many: chance goes by Poisson's law."""
    expected = expected_false(fleet, verdict)
    return abs(verdict.false_incidents - expected) <= SIGMAS * sqrt(expected) + 1


def chances(fleet: Fleet, verdict: Verdict) -> dict[str, Any]:
    expected = expected_false(fleet, verdict)
    return {
        "checks": verdict.checks,
        "drops": verdict.drops,
        "incidents": verdict.incidents,
        "falseIncidents": verdict.false_incidents,
        "expectedFalseIncidents": float(f"{expected:.3g}"),
        "chanceOfAny": float(f"{1 - exp(-expected):.3g}"),
    }


def _delays(delays: Sequence[Delay]) -> dict[str, float]:
    """Seconds, and the largest share of what each may take."""
    took = sorted(delay.took_ms / SECOND for delay in delays)
    shares = sorted(delay.took_ms / delay.bound_ms for delay in delays)
    return {
        "count": len(delays),
        "p50": round(harness.share(took, 50), 1),
        "p99": round(harness.share(took, 99), 1),
        "worst": round(took[-1], 1),
        "p50OfBound": round(harness.share(shares, 50), 4),
        "p99OfBound": round(harness.share(shares, 99), 4),
        "worstOfBound": round(shares[-1], 4),
    }


def _by_interval(
    sightings: Iterable[Sighting], delay_of: Callable[[Sighting], Delay | None], apart: Sequence[Kind]
) -> dict[str, dict[str, float]]:
    """By interval in minutes; kinds that take longer for a reason count apart."""
    found: dict[tuple[bool, int], list[Delay]] = {}
    for one in sightings:
        if delay := delay_of(one):
            found.setdefault((one.kind in apart, one.interval_ms), []).append(delay)
    return {
        f"{interval / MINUTE:g}{', ' * is_apart}{'/'.join(apart) * is_apart}": _delays(delays)
        for (is_apart, interval), delays in sorted(found.items())
    }


def figures(fleet: Fleet, verdict: Verdict) -> dict[str, Any]:
    seen = verdict.sightings
    kinds = {
        kind.value: {
            "outages": sum(one.kind is kind for one in seen),
            "longEnough": sum(one.kind is kind and one.is_long_enough for one in seen),
            "withIncident": sum(one.kind is kind and one.is_found for one in seen),
        }
        for kind in Kind
    }
    return {
        **chances(fleet, verdict),
        "missed": verdict.missed,
        "outages": kinds,
        "detection": _by_interval(seen, lambda one: one.detection, [Kind.LATER]),
        "recovery": _by_interval(seen, lambda one: one.recovery, [Kind.WRONG_PASSWORD, Kind.LATER]),
        "faults": len(verdict.faults),
    }


def chance_table(told: dict[str, dict[str, Any]]) -> str:
    rows: list[Row] = [("", "checks", "drops", "false incidents", "expected", "chance of any")]
    rows += [
        (
            name,
            f"{one['checks']:,}",
            f"{one['drops']:,}",
            str(one["falseIncidents"]),
            f"{one['expectedFalseIncidents']:g}",
            f"{one['chanceOfAny']:.1%}",
        )
        for name, one in told.items()
    ]
    return harness.table(rows)


def outage_table(told: dict[str, Any]) -> str:
    rows: list[Row] = [("outages", "in all", "long enough", "with an incident")]
    rows += [
        (name, *(str(one[key]) for key in ("outages", "longEnough", "withIncident")))
        for name, one in told["outages"].items()
    ]
    return harness.table(rows)


def delay_table(name: str, told: dict[str, dict[str, float]]) -> str:
    rows: list[Row] = [(f"{name}, by interval (min)", "count", "p50 s", "p99 s", "worst s", "worst of bound")]
    rows += [
        (
            interval,
            str(one["count"]),
            *(f"{one[key]:.1f}" for key in ("p50", "p99", "worst")),
            f"{one['worstOfBound']:.2%}",
        )
        for interval, one in told.items()
    ]
    return harness.table(rows)
