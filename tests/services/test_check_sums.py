"""Sums over ranges of time: the same from roll-ups as from the results that they were made of."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from app.domain.calendar import TimeRange
from app.domain.enums import CheckStatus
from app.domain.rollup import Period
from app.extensions import db
from app.models import Location, Monitor
from app.services import check_sums, rollups
from app.services.check_sums import CheckSums
from tests.factories import Factory

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 12
SEED = 20261101


@pytest.fixture
def locations(make: Factory) -> list[Location]:
    return [make.location(), make.location(code="elsewhere")]


@pytest.fixture
def monitors(make: Factory, locations: list[Location]) -> list[Monitor]:
    return [make.monitor(), make.monitor()]


@pytest.fixture
def results(monitors: list[Monitor], locations: list[Location]) -> list[dict[str, Any]]:
    """Some at each hour and many at none, summed up."""
    random = Random(SEED)  # noqa: S311
    made = [
        {
            "monitor_id": random.choice(monitors).id,
            "location_id": random.choice(locations).id,
            "checked_at": BEGIN + timedelta(seconds=random.randrange(DAYS * 86_400)),
            "status": random.choice(list(CheckStatus)),
            "timing_ms": random.randrange(5, 70_000),
            "diagnostics": {"timings": {"dns": random.randrange(9), "login": random.randrange(400)}},
        }
        for _ in range(900)
    ]
    rollups.add(made)
    db.session.commit()
    return made


def hour_of(result: dict[str, Any]) -> datetime:
    return Period.HOUR.start_of(result["checked_at"])


def added(results: list[dict[str, Any]], monitor: Monitor, within: TimeRange) -> CheckSums:
    """One by one, each result in the range in which its hour begins."""
    total = check_sums.NOTHING
    for result in results:
        if result["monitor_id"] == monitor.id and within.from_ <= hour_of(result) < within.until:
            total += CheckSums(rollups.counts_of(result))
    return total


def test_sums_of_any_ranges_are_those_of_their_results(
    monitors: list[Monitor], results: list[dict[str, Any]]
) -> None:
    random = Random(SEED)  # noqa: S311
    edges = sorted(BEGIN + timedelta(seconds=random.randrange(DAYS * 86_400)) for _ in range(9))
    ranges = [TimeRange(*ends) for ends in pairwise(edges)]
    ranges += [TimeRange(BEGIN, BEGIN + timedelta(days=DAYS)), TimeRange(edges[2], edges[6])]

    for monitor in monitors:
        found = check_sums.by_range(monitor.id, ranges)
        assert [total + check_sums.NOTHING for total in found] == [
            added(results, monitor, within) + check_sums.NOTHING for within in ranges
        ]


def test_sums_of_several_monitors_are_those_of_each(
    make: Factory, monitors: list[Monitor], results: list[dict[str, Any]]
) -> None:
    within = TimeRange(BEGIN + timedelta(hours=7.5), BEGIN + timedelta(days=5, hours=3))
    unchecked = make.monitor()

    found = check_sums.by_monitor([unchecked.id, *(monitor.id for monitor in monitors)], within)

    assert found == {monitor.id: added(results, monitor, within) for monitor in monitors}


def test_ranges_in_which_no_hour_begins_have_nothing(monitors: list[Monitor]) -> None:
    minute = TimeRange(BEGIN + timedelta(minutes=1), BEGIN + timedelta(minutes=2))

    assert check_sums.by_range(monitors[0].id, [minute, minute]) == [check_sums.NOTHING] * 2
    assert check_sums.by_range(monitors[0].id, []) == []
    assert check_sums.by_monitor([monitors[0].id], minute) == {}


def test_where_nothing_was_checked_nothing_is_told() -> None:
    nothing = check_sums.NOTHING

    assert (nothing.checks, nothing.warnings, nothing.failures) == (0, 0, 0)
    assert (nothing.average_ms, nothing.p95_ms, nothing.timings) == (None, None, {})


def test_times_are_those_of_checks_that_did_not_fail() -> None:
    timings = {"dns": 3, "connect": 20}
    results = [
        {"status": CheckStatus.SUCCESS, "timing_ms": 40, "diagnostics": {"timings": timings}},
        {"status": CheckStatus.WARNING, "timing_ms": 81, "diagnostics": {"timings": {"dns": 4}}},
        {"status": CheckStatus.ERROR, "timing_ms": 30_000, "diagnostics": {"timings": {"dns": 30_000}}},
    ]
    total = check_sums.NOTHING
    for result in results:
        total += CheckSums(rollups.counts_of(result))

    assert (total.checks, total.warnings, total.failures) == (3, 1, 1)
    assert total.average_ms == 60
    assert total.timings == {"dns": 4, "connect": 10}
    assert total.p95_ms == 100
