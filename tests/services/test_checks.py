"""Recording results: only for the claim that still holds its row, and what follows from them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.clock import to_ms, utcnow
from app.crypto import Vault
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, ErrorCode
from app.domain.outcome import CheckOutcome
from app.domain.schedule import CONFIRM_AFTER_MS
from app.domain.target import TargetGuard
from app.extensions import db
from app.models import CheckResult, CheckRollup, Location, MonitorSchedule
from app.services import checks, claims
from app.services.checks import CheckRecord
from app.services.monitor_config import ConfigStore
from tests.factories import Factory

NOW = utcnow() + timedelta(days=1)  # later than all that the suite makes
NOW_MS = to_ms(NOW)
FAR_MS = NOW_MS + 3_600_000
SUCCESS = CheckOutcome(
    status=CheckStatus.SUCCESS, duration_ms=120, diagnostics={"errorCode": None, "attempts": 1}
)
FAILURE = CheckOutcome(
    status=CheckStatus.ERROR, duration_ms=50, code=ErrorCode.TIMEOUT, message="The server kept silent."
)


@pytest.fixture
def claimed(make: Factory) -> ClaimedCheck:
    """A claimed check whose monitor is planned again in an hour."""
    location: Location = make.location()
    make.monitor()
    [claim] = claims.claim(location.id, NOW, 1)
    plan(next_check_at_ms=FAR_MS)
    return claim


def plan(**columns: Any) -> None:
    db.session.execute(update(MonitorSchedule).values(**columns))
    db.session.commit()


def record(claim: ClaimedCheck, outcome: CheckOutcome) -> MonitorSchedule:
    checks.record([CheckRecord(claim, outcome, NOW)])
    db.session.commit()
    return db.session.scalars(select(MonitorSchedule).execution_options(populate_existing=True)).one()


def results() -> list[CheckResult]:
    return list(db.session.scalars(select(CheckResult)))


def test_a_result_is_stored_as_it_was_found(claimed: ClaimedCheck) -> None:
    warning = CheckOutcome(
        status=CheckStatus.WARNING, duration_ms=7, message="Slow.", diagnostics={"phase": None}
    )
    record(claimed, warning)
    [result] = results()
    assert (result.monitor_id, result.location_id) == (claimed.monitor_id, claimed.location_id)
    assert (result.public_id, result.checked_at) == (claimed.token, NOW)
    assert (result.status, result.timing_ms, result.diagnostics) == (CheckStatus.WARNING, 7, {"phase": None})
    assert (result.warning_message, result.error_message) == ("Slow.", None)


def test_a_result_ends_the_lease_and_becomes_the_last(claimed: ClaimedCheck) -> None:
    row = record(claimed, FAILURE)
    assert (row.lease_token, row.lease_until_ms) == (None, None)
    assert (row.last_status, row.last_checked_at) == (CheckStatus.ERROR, NOW)
    assert (row.last_error_code, row.last_error_message) == (ErrorCode.TIMEOUT, FAILURE.message)


def test_a_success_clears_the_last_error(claimed: ClaimedCheck) -> None:
    plan(last_status=CheckStatus.ERROR, last_error_code="timeout", last_error_message="gone")
    row = record(claimed, SUCCESS)
    assert (row.last_error_code, row.last_error_message) == (None, None)


def test_a_claim_that_lost_its_lease_changes_nothing(claimed: ClaimedCheck) -> None:
    token = uuid4()
    plan(lease_token=token)
    row = record(claimed, FAILURE)
    assert (row.lease_token, row.last_status, row.next_check_at_ms) == (token, None, FAR_MS)
    assert results() == []


def test_a_result_counts_once(claimed: ClaimedCheck) -> None:
    assert checks.record([CheckRecord(claimed, SUCCESS, NOW)]) == 1
    assert checks.record([CheckRecord(claimed, SUCCESS, NOW)]) == 0


def test_a_result_of_a_deleted_monitor_is_dropped(claimed: ClaimedCheck) -> None:
    db.session.execute(MonitorSchedule.__table__.delete())
    assert checks.record([CheckRecord(claimed, SUCCESS, NOW)]) == 0


def test_of_two_that_hold_the_same_row_the_newer_counts(claimed: ClaimedCheck) -> None:
    older = replace(claimed, token=uuid4())
    assert checks.record([CheckRecord(older, FAILURE, NOW), CheckRecord(claimed, SUCCESS, NOW)]) == 1
    assert [result.public_id for result in results()] == [claimed.token]


def test_a_result_is_summed_up_once(claimed: ClaimedCheck) -> None:
    for _ in range(2):
        checks.record([CheckRecord(claimed, FAILURE, NOW)])
    sums = select(CheckRollup.period, CheckRollup.checks, CheckRollup.failures).order_by(CheckRollup.period)
    assert db.session.execute(sums).all() == [("day", 1, 1), ("hour", 1, 1)]


def test_what_timed_out_waits_among_its_like_until_it_answers(claimed: ClaimedCheck) -> None:
    plan(next_check_at_ms=claimed.planned_at_ms)
    assert record(claimed, FAILURE).is_slow
    again = replace(claimed, token=uuid4())
    plan(lease_token=again.token)
    assert not record(again, replace(FAILURE, code=ErrorCode.CONNECTION_REFUSED)).is_slow


def test_what_was_triggered_meanwhile_does_not(claimed: ClaimedCheck) -> None:
    plan(next_check_at_ms=NOW_MS - 1)
    assert not record(claimed, FAILURE).is_slow


def test_a_success_leaves_the_planned_time_alone(claimed: ClaimedCheck) -> None:
    assert record(claimed, SUCCESS).next_check_at_ms == FAR_MS


@pytest.mark.parametrize("before", [None, CheckStatus.SUCCESS, CheckStatus.WARNING])
def test_a_first_failure_is_confirmed_soon(claimed: ClaimedCheck, before: CheckStatus | None) -> None:
    plan(last_status=before)
    row = record(claimed, FAILURE)
    assert row.next_check_at_ms == NOW_MS + FAILURE.duration_ms + CONFIRM_AFTER_MS


def test_a_second_failure_waits_for_its_planned_time(claimed: ClaimedCheck) -> None:
    plan(last_status=CheckStatus.ERROR, streak=1, hard_failures=1, streak_since=NOW)
    assert record(claimed, FAILURE).next_check_at_ms == FAR_MS


def test_a_confirming_check_never_puts_off_a_nearer_one(claimed: ClaimedCheck) -> None:
    plan(next_check_at_ms=NOW_MS + 5_000)
    assert record(claimed, FAILURE).next_check_at_ms == NOW_MS + 5_000


def test_a_failure_leaves_a_disabled_monitor_unplanned(claimed: ClaimedCheck) -> None:
    plan(next_check_at_ms=None)
    assert record(claimed, FAILURE).next_check_at_ms is None


def test_a_batch_is_stored_together(make: Factory) -> None:
    location, customer = make.location(), make.customer()
    for _ in range(5):
        make.monitor(customer)
    taken = claims.claim(location.id, NOW, 5)
    lost = replace(taken[0], token=uuid4())
    records = [CheckRecord(claim, SUCCESS, NOW) for claim in [lost, *taken[1:]]]
    assert checks.record(records) == 4
    assert {result.monitor_id for result in results()} == {claim.monitor_id for claim in taken[1:]}


def test_a_claimed_check_runs_with_the_decrypted_config(
    claimed: ClaimedCheck, app: Flask, store: ConfigStore
) -> None:
    outcome = checks.run_claimed(replace(claimed, hostname="127.0.0.1"), store, TargetGuard())
    assert outcome.code is ErrorCode.TARGET_FORBIDDEN


def test_a_config_under_an_unknown_key_is_an_internal_error(claimed: ClaimedCheck) -> None:
    outcome = checks.run_claimed(claimed, ConfigStore(Vault([b"x" * 32])), TargetGuard())
    assert (outcome.status, outcome.code) == (CheckStatus.ERROR, ErrorCode.INTERNAL_ERROR)
    assert outcome.message is not None
    assert "CREDENTIALS_KEYS" in outcome.message


@pytest.fixture
def store(app: Flask) -> ConfigStore:
    configured: ConfigStore = app.config["CONFIG_STORE"]
    return configured
