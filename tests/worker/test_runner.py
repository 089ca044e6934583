"""The runner: no more checks than slots, and a tick that outlives what goes wrong in it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from app.domain.enums import ErrorCode
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import Location, MonitorSchedule
from app.services.checks import CheckRecord
from app.services.claims import ClaimedCheck
from app.worker import runner as module
from app.worker.runner import CRASHED, Runner
from app.worker.slots import Slots
from tests.conftest import ENVIRON
from tests.factories import Factory
from tests.worker.conftest import SUCCESS


@dataclass
class Rig:
    """A runner whose checks are started by hand, and whose results stay in a list."""

    app: Flask
    location_id: int
    size: int = 3
    run_check: Callable[[ClaimedCheck], CheckOutcome] = lambda _: SUCCESS
    started: list[ClaimedCheck] = field(default_factory=list)
    results: list[CheckRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slots = Slots(self.size)
        self.runner = Runner(
            self.app,
            self.location_id,
            slots=self.slots,
            writer=self,  # type: ignore[arg-type] # only `put` is called
            submit=lambda _check, claim: self.started.append(claim),
            run_check=self.check,
        )

    def check(self, claim: ClaimedCheck) -> CheckOutcome:
        return self.run_check(claim)

    def put(self, record: CheckRecord) -> None:
        self.results.append(record)


@pytest.fixture
def rig(app: Flask, make: Factory) -> Rig:
    """With five monitors that are due."""
    location, customer = make.location(), make.customer()
    for _ in range(5):
        make.monitor(customer)
    return Rig(app, location.id)


def test_a_tick_starts_as_many_checks_as_slots_are_free(rig: Rig) -> None:
    rig.runner.tick()
    assert len(rig.started) == 3
    rig.runner.tick()
    assert len(rig.started) == 3


def test_a_slot_that_is_freed_takes_the_next_check(rig: Rig) -> None:
    rig.runner.tick()
    rig.slots.free(rig.started[:1])
    rig.runner.tick()
    assert len({claim.token for claim in rig.started}) == 4


def test_a_tick_goes_on_while_full_batches_come_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLAIM_ROWS", 1)
    rig.runner.tick()
    assert len(rig.started) == 3


def test_a_check_leaves_its_result_to_the_writer_and_keeps_its_slot(rig: Rig) -> None:
    rig.runner.tick()
    rig.runner.check(rig.started[0])
    [record] = rig.results
    assert (record.claim, record.outcome) == (rig.started[0], SUCCESS)
    assert rig.slots.available == 0


def test_a_check_that_crashes_has_a_result_without_the_error_text(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.run_check = partial(_crash, "s3cret-pw")
    rig.runner.tick()
    rig.runner.check(rig.started[0])
    assert rig.results[0].outcome.code is ErrorCode.INTERNAL_ERROR
    assert rig.results[0].outcome.message == CRASHED
    [line] = caplog.messages
    assert "error=ValueError at=test_runner.py:" in line
    assert "s3cret-pw" not in caplog.text


def _crash(text: str, _claim: ClaimedCheck) -> CheckOutcome:
    raise ValueError(text)


@pytest.fixture
def unreachable(tmp_path: Path) -> Flask:
    """An application whose database is away."""
    return create_app({**ENVIRON, "DATABASE_URL": f"sqlite:///{tmp_path}/missing/test.db"})


def test_a_tick_survives_a_database_error(
    rig: Rig, unreachable: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.worker.outage")
    rig.runner._app = unreachable
    rig.runner.tick()
    rig.runner.tick()
    rig.runner._app = rig.app
    rig.runner.tick()
    assert len(rig.started) == 3
    away, recovered = caplog.messages
    assert away == "database_away during=claim error=OperationalError: unable to open database file"
    assert recovered.startswith("activity_recovered during=claim")


def test_an_error_that_nobody_foresaw_is_logged_with_its_traceback(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.runner._app = None  # type: ignore[assignment] # as wrong as can be
    rig.runner.tick()
    assert caplog.messages == ["activity_failing during=claim"]
    assert caplog.records[0].exc_info


def test_nothing_is_claimed_once_it_stops(rig: Rig) -> None:
    rig.runner.stop_claiming(1)
    rig.runner.tick()
    assert rig.started == []


def test_what_did_not_finish_is_given_back(rig: Rig) -> None:
    rig.runner.tick()
    assert rig.runner.release() == 3
    assert set(db.session.scalars(select(MonitorSchedule.lease_token))) == {None}


def test_giving_back_survives_a_database_error(
    rig: Rig, unreachable: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    rig.runner.tick()
    rig.runner._app = unreachable
    assert rig.runner.release() == 3
    assert caplog.messages[0].startswith("release_failed checks=3 error=OperationalError")


def test_another_location_is_left_alone(rig: Rig, make: Factory) -> None:
    elsewhere: Location = make.location(code="elsewhere")
    other = replace(rig, location_id=elsewhere.id, started=[], results=[])
    other.runner.tick()
    assert other.started == []
