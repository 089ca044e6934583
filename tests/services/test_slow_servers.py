"""A server that says nothing sends all its monitors to the slow lane, and one slow mailbox only itself."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.clock import utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, ErrorCode
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import Location, Monitor, MonitorSchedule
from app.services import checks, claims
from app.services.checks import CheckRecord
from app.services.claims import Choice
from tests.factories import Factory

NOW = utcnow() + timedelta(days=1)  # later than all that the suite makes
SERVER, ELSEWHERE = "mail.example.com:993", "mail.example.org:993"
SUCCESS = CheckOutcome(CheckStatus.SUCCESS, 120, diagnostics={"attempts": 1})
TIMEOUT = CheckOutcome(CheckStatus.ERROR, 10_000, ErrorCode.TIMEOUT, diagnostics={"attempts": 1})
REFUSED = replace(TIMEOUT, code=ErrorCode.AUTHENTICATION_FAILED)


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def monitors(make: Factory, location: Location) -> list[Monitor]:
    """Three at one server, and one elsewhere."""
    customer = make.customer()
    return [make.monitor(customer, server=server) for server in (SERVER, SERVER, SERVER, ELSEWHERE)]


@pytest.fixture
def claimed(monitors: list[Monitor], location: Location) -> list[ClaimedCheck]:
    claimed = claims.claim(location.id, NOW, 10)
    db.session.commit()
    return sorted(claimed, key=lambda claim: claim.monitor_id)


def record(claim: ClaimedCheck, outcome: CheckOutcome, began: datetime = NOW) -> None:
    checks.record([CheckRecord(claim, outcome, began)])
    db.session.commit()


def slow() -> list[bool]:
    query = select(MonitorSchedule.is_slow).order_by(MonitorSchedule.monitor_id, MonitorSchedule.location_id)
    return list(db.session.scalars(query))


def test_all_monitors_of_a_silent_server_wait_in_the_slow_lane(claimed: list[ClaimedCheck]) -> None:
    record(claimed[0], TIMEOUT)
    assert slow() == [True, True, True, False]


@pytest.mark.parametrize("outcome", [SUCCESS, REFUSED])
def test_a_server_that_answered_others_meanwhile_is_not_silent(
    claimed: list[ClaimedCheck], outcome: CheckOutcome
) -> None:
    record(claimed[1], outcome, NOW + timedelta(seconds=1))
    record(claimed[0], TIMEOUT)
    assert slow() == [True, False, False, False]


def test_an_answer_from_before_says_nothing(claimed: list[ClaimedCheck]) -> None:
    record(claimed[1], SUCCESS, NOW - timedelta(seconds=1))
    record(claimed[0], TIMEOUT)
    assert slow() == [True, True, True, False]


def test_an_answer_in_the_same_batch_counts(claimed: list[ClaimedCheck]) -> None:
    checks.record([CheckRecord(claimed[0], TIMEOUT, NOW), CheckRecord(claimed[1], SUCCESS, NOW)])
    assert slow() == [True, False, False, False]


def test_each_monitor_leaves_the_lane_with_its_own_answer(claimed: list[ClaimedCheck]) -> None:
    record(claimed[0], TIMEOUT)
    record(claimed[1], SUCCESS)
    assert slow() == [True, False, True, False]


def test_what_timed_out_in_the_slow_lane_moves_nobody(
    claimed: list[ClaimedCheck], location: Location
) -> None:
    record(claimed[0], TIMEOUT)
    record(claimed[1], SUCCESS)
    later = NOW + timedelta(hours=1)
    (again,) = [
        claim
        for claim in claims.claim(location.id, later, 10, Choice(is_slow=True))
        if claim.monitor_id == claimed[0].monitor_id
    ]
    record(again, TIMEOUT, later)
    assert slow() == [True, False, True, False]


def test_another_location_sees_for_itself(make: Factory, location: Location) -> None:
    make.location(code="other")
    for _ in range(2):
        make.monitor(server=SERVER)
    first, *_ = claims.claim(location.id, NOW, 10)
    record(first, TIMEOUT)
    assert slow() == [True, False, True, False]
