"""Processes killed, the database away, the clock set: short runs of what `make crash` does at length."""

import pytest

from bench.crash import parts
from bench.crash.outages import DAY, HOUR
from bench.crash.parts import DATABASES, Report

ROUNDS = {"sqlite": 1, "postgresql": 2}
"""PostgreSQL is stopped in two ways, one in each round."""
SEED = 32
SLACK_SECONDS = 30.0
"""How late a busy machine may be. That nothing is forgotten shows all the same."""


def held(report: Report) -> bool:
    assert not report.faults, str(report)
    return True


@pytest.mark.parametrize("kind", DATABASES)
def test_kills_at_any_moment_break_nothing(kind: str) -> None:
    report = parts.kills(kind, ROUNDS[kind], SEED, SLACK_SECONDS)
    assert held(report)
    assert "scheduler SIGKILL" in report.facts
    assert "web worker SIGKILL" in report.facts
    assert ("database fast" in report.facts) is ("database immediate" in report.facts) is (kind != "sqlite")


@pytest.mark.parametrize("kind", DATABASES)
def test_nothing_is_lost_while_the_database_is_away(kind: str) -> None:
    assert held(parts.outage(kind))


def test_a_clock_that_jumps_stops_no_checks() -> None:
    """Where results are in partitions by the day, which have to be there in time."""
    assert held(parts.clock("postgresql", (9 * DAY, 9 * DAY - HOUR // 6, 0)))
