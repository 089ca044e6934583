"""The runner: no more checks than slots, and a tick that outlives what goes wrong in it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from structlog.contextvars import get_contextvars

from app import create_app
from app.clock import to_ms, utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import ErrorCode
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import Location, MonitorSchedule
from app.services import locations
from app.services.checks import CheckRecord
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
    slow_size: int = 1
    per_server: int = 100
    run_check: Callable[[ClaimedCheck], CheckOutcome] = lambda _: SUCCESS
    started: list[ClaimedCheck] = field(default_factory=list)
    results: list[CheckRecord] = field(default_factory=list)
    is_held_up: bool = False

    def __post_init__(self) -> None:
        self.slots = Slots(self.size, self.slow_size, self.per_server)
        self.runner = Runner(
            self.app,
            self.location_id,
            slots=self.slots,
            writer=self,  # type: ignore[arg-type] # only `put` and `is_held_up` are used
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


def test_nothing_is_claimed_while_results_wait_for_the_database(rig: Rig) -> None:
    rig.is_held_up = True
    rig.runner.tick()
    assert not rig.started
    rig.is_held_up = False
    rig.runner.tick()
    assert rig.started


def test_a_check_leaves_its_result_to_the_writer_and_keeps_its_slot(rig: Rig) -> None:
    rig.runner.tick()
    rig.runner.check(rig.started[0])
    [record] = rig.results
    assert (record.claim, record.outcome) == (rig.started[0], SUCCESS)
    assert rig.slots.available(is_slow=False) == 0


def test_lines_written_meanwhile_name_the_check(rig: Rig) -> None:
    on_lines = list[Any]()
    rig.run_check = lambda _: on_lines.append(get_contextvars()) or SUCCESS  # type: ignore[func-returns-value]
    rig.runner.tick()
    for claim in rig.started[:2]:
        rig.runner.check(claim)
    assert on_lines == [{"monitor": claim.monitor_id, "check": claim.token} for claim in rig.started[:2]]
    assert get_contextvars() == {}


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


def due(make: Factory, count: int, **columns: Any) -> list[int]:
    """So many monitors of one customer that are due; their ids."""
    customer = make.customer()
    return [make.monitor(customer, **columns).id for _ in range(count)]


def set_rows(monitor_ids: list[int], **columns: Any) -> None:
    row = MonitorSchedule
    db.session.execute(update(row).where(row.monitor_id.in_(monitor_ids)).values(**columns))
    db.session.commit()


def counters() -> dict[str, int]:
    db.session.rollback()
    return locations.counters()["local"]


class TestLanes:
    def test_targets_that_timed_out_take_no_slot_of_others(self, app: Flask, make: Factory) -> None:
        location = make.location()
        set_rows(due(make, 5), is_slow=True)
        quick = due(make, 2)
        rig = Rig(app, location.id)
        rig.runner.tick()
        assert [claim.monitor_id for claim in rig.started if not claim.is_slow] == quick
        assert len([claim for claim in rig.started if claim.is_slow]) == 1

    def test_a_server_gets_no_more_checks_than_it_may_have(self, app: Flask, make: Factory) -> None:
        location = make.location()
        crowd = due(make, 6, server="crowded:993")
        rig = Rig(app, location.id, size=10, per_server=2)
        quick = due(make, 3, server="quick:993")
        rig.runner.tick()
        rig.runner.tick()
        servers = Counter(claim.server for claim in rig.started)
        assert servers == {"crowded:993": 2, "quick:993": 2}
        assert counters()["checks_put_off"] == 4
        db.session.expire_all()
        left = {row.monitor_id for row in db.session.scalars(select(MonitorSchedule)) if not row.lease_token}
        assert len(left & set(crowd)) == 4
        rig.slots.free(rig.started[:1])
        rig.runner.tick()
        assert len(rig.started) == 5
        assert counters()["checks_put_off"] == 4
        assert len(quick) == 3

    def test_an_organization_with_a_backlog_leaves_room_to_others(self, app: Flask, make: Factory) -> None:
        location = make.location()
        set_rows(due(make, 20), next_check_at_ms=1)
        make.organization()
        rig = Rig(app, location.id, size=16)
        rig.runner.tick()
        assert len(rig.started) == 14
        other = due(make, 1)
        rig.runner.tick()
        assert [claim.monitor_id for claim in rig.started[14:]] == other
        rig.slots.free(rig.started[:1])
        rig.runner.tick()
        assert len(rig.started) == 15

    def test_the_only_organization_there_is_may_have_every_slot(self, app: Flask, make: Factory) -> None:
        location = make.location()
        due(make, 20)
        rig = Rig(app, location.id, size=16)
        rig.runner.tick()
        assert len(rig.started) == 16

    def test_what_is_late_or_left_out_is_counted(self, app: Flask, make: Factory) -> None:
        location = make.location()
        now_ms = to_ms(utcnow())
        on_time, late, skipped = (due(make, 1) for _ in range(3))
        set_rows(on_time, next_check_at_ms=now_ms)
        set_rows(late, next_check_at_ms=now_ms - 6_000)
        set_rows(skipped, next_check_at_ms=now_ms - 3 * 300_000)
        Rig(app, location.id).runner.tick()
        assert counters() == {
            "checks_begun": 3,
            "checks_late": 2,
            "checks_put_off": 0,
            "checks_skipped": 3,
        }

    def test_a_claim_that_is_not_committed_takes_no_slot(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(module.locations, "count", fail)
            rig.runner.tick()
        assert rig.started == []
        assert rig.slots.available(is_slow=False) == 3
        rig.runner.tick()
        assert len(rig.started) == 3
