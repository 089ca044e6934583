"""The benchmark of a fleet: how lateness is counted, and simulated servers that fall silent. No speed."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app import checkers
from app.domain.enums import ErrorCode
from app.domain.target import TargetGuard, target_from_config
from bench import fleet, harness, storage
from bench.fleet import Plan, Servers
from bench.fleet_servers import address
from bench.harness_app import kinds
from tests.parts import require
from tests.parts.dovecot import BINARY, REMEDY
from tests.parts.ports import free_port

INTERVAL = 30_000
CONFIG = {"protocol": "imap", "user": "user1", "password": "s3cret-pw", "tls": False}


def lags(results: list[tuple[int, int]], since_ms: int = 60_000) -> list[int]:
    """Of one monitor that is due 10 s into the interval."""
    return fleet.lags({1: Plan(10_000, "a")}, results, since_ms, INTERVAL)


def test_a_check_is_as_late_as_it_began_behind_its_planned_time() -> None:
    assert lags([(1, 70_250)]) == [250]


def test_checks_of_other_intervals_and_monitors_do_not_count() -> None:
    assert lags([(1, 69_999), (1, 100_000), (2, 70_000)]) == [INTERVAL]


def test_the_first_of_two_checks_counts() -> None:
    assert lags([(1, 75_000), (1, 71_000)]) == [1_000]


def test_an_interval_may_begin_behind_the_planned_time() -> None:
    assert lags([(1, 70_000), (1, 100_500)], since_ms=75_000) == [500]


def test_the_busiest_second_is_one_of_the_clock() -> None:
    assert fleet.busiest([0, 999, 1000, 1500, 1999]) == 3
    assert fleet.busiest([]) == 0


def test_a_restart_is_told_from_when_the_scheduler_was_up() -> None:
    results = [(1, 500), (1, 3_000), (2, 2_500), (1, 33_500), (3, 40_000)]
    told = fleet.restart(1_000, 2_000, results)
    assert (told.seconds_until_up, told.checked_within_interval) == (1.0, 2)
    assert (told.seconds_until_all, told.busiest_second) == (38.0, 1)


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack, free_port(), 2)


def code_at(servers: Servers, number: int) -> ErrorCode | None:
    target = target_from_config(address(number), servers.port, CONFIG)
    return checkers.run(target, 1, TargetGuard(allow_private=True)).code


def test_simulated_servers_answer_until_they_fall_silent(servers: Servers) -> None:
    assert code_at(servers, 0) is None
    servers.silence([address(0)])
    assert (code_at(servers, 0), code_at(servers, 1)) == (ErrorCode.TIMEOUT, None)
    servers.silence([])
    assert code_at(servers, 0) is None


@pytest.mark.parametrize("kind", kinds())
def test_storage_is_measured_by_what_the_rows_take(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(BINARY is not None, "Storage benchmark", REMEDY)
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(storage, "ROUNDS", 2)
    monkeypatch.setattr(storage, "HOURS", 1)
    assert storage.main(["--results", "3000", "--monitors", "10", "--kinds", kind]) == 0
    figures = json.loads((tmp_path / "storage.json").read_text())["figures"][kind]
    assert figures["results"] == pytest.approx(3000, rel=0.1)
    assert figures["bytesPerCheck"] > figures["bytesPerCheckOfDiagnostics"]
    assert figures["forgotten"] > 0
