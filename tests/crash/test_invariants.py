"""The invariants see each fault that they are there for, and none where there is none."""

from collections.abc import Callable, Iterator
from time import time

import pytest
from sqlalchemy import Engine, create_engine, select

from app.clock import to_ms, utcnow
from app.domain.enums import CheckStatus
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import CheckResult, Monitor
from app.services import checks, claims
from app.services.checks import CheckRecord
from bench.crash import invariants
from bench.crash.callers import Ledger, Promise
from bench.crash.invariants import Downtime
from bench.crash.lapse import INTERVAL_FACTOR
from tests.factories import Factory

OUTCOME = CheckOutcome(
    status=CheckStatus.SUCCESS, duration_ms=120, diagnostics={"attempts": 1, "timings": {"login": 20}}
)
CALLER, NAME = "c0 ", "c0 1"
MINUTES = 5
HOUR_MS = 3_600_000

Spoil = Callable[[str], None]


@pytest.fixture
def monitor(make: Factory) -> Monitor:
    """Claimed, checked and recorded as the scheduler does it."""
    location, monitor = make.location(), make.monitor(name=NAME, check_interval=MINUTES)
    now = utcnow()
    [claim] = claims.claim(location.id, now, 1)
    checks.record([CheckRecord(claim, OUTCOME, now)])
    db.session.commit()
    return monitor


@pytest.fixture
def engine(monitor: Monitor, database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def spoil(engine: Engine) -> Spoil:
    """Runs a statement although it may break foreign keys, which SQLite minds only when asked to."""

    def run(statement: str) -> None:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(statement)

    return run


@pytest.fixture
def ledger(monitor: Monitor) -> Ledger:
    """Of the caller who made the monitor."""
    fields = {"name": {NAME}, "status": {"active"}, "checkInterval": {float(MINUTES)}}
    # As old as its one check, so that gaps do not hang on how long the fixtures take.
    checked_at = db.session.scalars(select(CheckResult.checked_at)).one()
    promise = Promise(fields, born_ms=to_ms(checked_at), slowest_minutes=MINUTES)
    return Ledger(CALLER, promises={str(monitor.public_id): promise})


def promise_of(ledger: Ledger) -> Promise:
    [promise] = ledger.promises.values()
    return promise


def kinds(faults: list[str]) -> list[str]:
    return [fault.partition(":")[0] for fault in faults]


def test_what_is_in_order_is_not_complained_of(engine: Engine, ledger: Ledger) -> None:
    assert invariants.unsettled(engine, time()) == []
    assert invariants.wrong(engine, time()) == []
    assert invariants.broken_promises(engine, ledger) == []
    assert invariants.gaps(engine, ledger, Downtime(), slack=0) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE monitor_schedules SET next_check_at_ms = NULL", "monitor without a next check"),
        ("DELETE FROM monitor_schedules", "monitor without a next check"),
        ("UPDATE monitor_schedules SET next_check_at_ms = 1", "check that is due and not begun"),
        ("UPDATE monitor_schedules SET lease_until_ms = 1", "lease past its time"),
    ],
)
def test_what_should_settle_and_does_not_is_named(
    engine: Engine, spoil: Spoil, statement: str, fault: str
) -> None:
    spoil(statement)
    assert kinds(invariants.unsettled(engine, time())) == [fault]


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        (
            "DELETE FROM monitors",
            ["result without a monitor", "roll-up without a monitor", "schedule without a monitor"],
        ),
        ("UPDATE monitors SET status = 'disabled'", ["disabled monitor with a next check"]),
        (
            "UPDATE monitor_schedules SET next_check_at_ms = next_check_at_ms + 3600000",
            ["monitor planned beyond its interval"],
        ),
        (
            "UPDATE monitor_schedules SET last_checked_at = NULL",
            ["schedule that does not know its last result"],
        ),
        (
            "UPDATE monitor_schedules SET last_checked_at = '2020-01-01 00:00:00.000000'",
            ["schedule that does not know its last result"],
        ),
        ("DELETE FROM check_results", ["roll-up unlike its results"]),
        ("DELETE FROM check_rollups", ["roll-up unlike its results"]),
        ("DELETE FROM check_rollups WHERE period = 'day'", ["roll-up unlike its results"]),
        ("UPDATE check_rollups SET checks = checks + 1", ["roll-up unlike its results"]),
        ("UPDATE check_rollups SET login_ms = 0", ["roll-up unlike its results"]),
        ("UPDATE check_results SET status = 'error'", ["roll-up unlike its results"]),
        ("UPDATE check_results SET timing_ms = timing_ms + 1", ["roll-up unlike its results"]),
    ],
)
def test_what_is_wrong_is_named(engine: Engine, spoil: Spoil, statement: str, faults: list[str]) -> None:
    spoil(statement)
    assert kinds(invariants.wrong(engine, time())) == faults


@pytest.mark.only_on("postgresql")  # its key holds the time as well; SQLite refuses the second row
def test_a_token_with_two_results_is_named(
    make: Factory, monitor: Monitor, engine: Engine, spoil: Spoil
) -> None:
    make.result(monitor, monitor.schedules[0].location)
    spoil("UPDATE check_results SET public_id = '00000000-0000-4000-8000-000000000000'")
    assert "token with two results" in kinds(invariants.wrong(engine, time()))


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE monitors SET name = 'other'", "has name 'other'"),
        ("UPDATE monitors SET status = 'maintenance'", "has status 'maintenance'"),
        ("UPDATE monitors SET check_interval = 7", "has checkInterval 7.0"),
        ("DELETE FROM monitors", "is gone"),
    ],
)
def test_a_change_that_nobody_asked_for_is_named(
    engine: Engine, spoil: Spoil, ledger: Ledger, statement: str, complaint: str
) -> None:
    spoil(statement)
    [found] = invariants.broken_promises(engine, ledger)
    assert complaint in found


def test_a_monitor_that_was_deleted_has_to_be_gone(engine: Engine, ledger: Ledger) -> None:
    promise_of(ledger).is_gone = True
    [found] = invariants.broken_promises(engine, ledger)
    assert "is still there" in found


def test_a_trigger_that_left_no_trace_is_named(engine: Engine, ledger: Ledger) -> None:
    promise_of(ledger).triggered_ms = to_ms(utcnow())
    [found] = invariants.broken_promises(engine, ledger)
    assert "was not triggered" in found


def test_a_monitor_of_a_request_without_an_answer_may_be_there(engine: Engine) -> None:
    assert invariants.broken_promises(engine, Ledger(CALLER, maybe={NAME})) == []


@pytest.mark.parametrize("ledger", [Ledger(CALLER), Ledger(CALLER, maybe={NAME}, refused={NAME})])
def test_a_monitor_that_nobody_made_is_named(engine: Engine, ledger: Ledger) -> None:
    assert invariants.broken_promises(engine, ledger) == [f"monitor that nobody made: {NAME}"]


def test_after_a_request_without_an_answer_both_states_are_in_order(
    engine: Engine, spoil: Spoil, ledger: Ledger
) -> None:
    promise_of(ledger).fields["name"].add("c0 2")
    assert invariants.broken_promises(engine, ledger) == []
    spoil("UPDATE monitors SET name = 'c0 2'")
    assert invariants.broken_promises(engine, ledger) == []


def test_a_monitor_unchecked_for_too_long_is_named(engine: Engine, ledger: Ledger) -> None:
    promise_of(ledger).born_ms -= HOUR_MS
    [found] = invariants.gaps(engine, ledger, Downtime(), slack=0)
    assert found.endswith("was unchecked for 3600.0 s, 65.0 s are allowed")


def test_time_in_which_nobody_could_check_does_not_count(engine: Engine, ledger: Ledger) -> None:
    promise_of(ledger).born_ms -= HOUR_MS
    now = time()
    assert invariants.gaps(engine, ledger, Downtime([(now - 3600, now)]), slack=0) == []


def test_an_interval_and_a_lease_may_pass_unchecked(engine: Engine, ledger: Ledger) -> None:
    promise_of(ledger).born_ms -= (MINUTES * 60_000) // INTERVAL_FACTOR + 30_000
    assert invariants.gaps(engine, ledger, Downtime(), slack=0) == []
