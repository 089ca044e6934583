"""What the crash tests stand on: time lapse, a small disk, and a report that does not hide anything."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from bench.crash import lapse
from bench.crash.__main__ import is_held
from bench.crash.parts import DATABASES, Report
from bench.crash.processes import StuckError
from tests.conftest import new_database
from tests.parts import REQUIRE_PARTS, require


@pytest.mark.parametrize("kind", DATABASES)
def test_each_value_is_divided_once(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE monitor_schedules (id INT, interval_ms BIGINT, timeout_ms BIGINT)"
            )
        lapse.install(engine)
        seen = []
        for statement in (
            "INSERT INTO monitor_schedules VALUES (1, 60000, 1000)",
            "UPDATE monitor_schedules SET interval_ms = 120000",
            "UPDATE monitor_schedules SET interval_ms = 60000, timeout_ms = 9000",
        ):
            with engine.begin() as connection:
                connection.exec_driver_sql(statement)
                row = connection.exec_driver_sql(
                    "SELECT interval_ms, timeout_ms FROM monitor_schedules"
                ).one()
                seen.append(tuple(row))
        engine.dispose()
    assert seen == [(3000, -11_000), (6000, -11_000), (3000, -9000)]


def test_a_part_is_held_without_faults_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_held(lambda: Report("sqlite, kills", "1 round"))
    assert not is_held(lambda: Report("sqlite, kills", "1 round", faults=["a lease"]))
    assert capsys.readouterr().out.splitlines() == [
        "sqlite, kills: 1 round; 0 s: every invariant held",
        "sqlite, kills: 1 round; 0 s: NOT as it should be:",
        "  a lease",
    ]


def test_a_process_that_is_stuck_is_a_fault() -> None:
    report = Report("sqlite, kills")
    with report.measured():
        raise StuckError("not within 60 s: a result")
    assert report.faults == ["not within 60 s: a result"]


def test_a_part_that_cannot_be_played_here_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(REQUIRE_PARTS, raising=False)

    def part() -> Report:
        require(False, "Full disk", "the right to mount")
        return Report("never")

    assert is_held(part)
    assert capsys.readouterr().out == "SKIPPED: Full disk tests need the right to mount\n"
