"""The writer: batches, patience with a database that is away, and no patience with a bad row."""

from collections.abc import Callable, Iterable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.clock import utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import ErrorCode
from app.extensions import db
from app.models import CheckResult
from app.services import checks
from app.services.checks import CheckRecord
from app.worker import writer as module
from app.worker.slots import Slots
from app.worker.writer import NOT_STORABLE, Writer
from tests.worker.conftest import SUCCESS
from tests.worker.waiting import until

Claims = Callable[[int], list[ClaimedCheck]]
Record = Callable[[Iterable[CheckRecord]], int]
AWAY = OperationalError("INSERT …", {"secret": "s3cret-pw"}, Exception("connection refused\nand more"))
UNSTORABLE = checks.internal_error("half a character: \ud800")


@pytest.fixture
def start(app: Flask) -> Iterator[Callable[..., tuple[Writer, Slots]]]:
    """Starts a writer whose slots are taken by the claims, with another record function if need be."""
    started = []

    def build(claims: list[ClaimedCheck], record: Record = checks.record) -> tuple[Writer, Slots]:
        slots = Slots(len(claims), 1, len(claims))
        slots.take(claims)
        started.append(Writer(app, slots, record))
        started[-1].start()
        return started[-1], slots

    yield build
    for writer in started:
        assert writer.stop(5)


def record_of(claim: ClaimedCheck) -> CheckRecord:
    return CheckRecord(claim, SUCCESS, utcnow())


def failing(times: int, error: Exception, calls: list[int]) -> Record:
    """`checks.record`, after so many failures; notes the size of each batch."""

    def record(records: Iterable[CheckRecord]) -> int:
        batch = list(records)
        calls.append(len(batch))
        if len(calls) <= times:
            raise error
        return checks.record(batch)

    return record


Start = Callable[..., tuple[Writer, Slots]]


def test_results_are_stored_in_one_batch_and_free_their_slots(
    claims: Claims, start: Start, results: Callable[[], int]
) -> None:
    claimed, calls = claims(5), list[int]()
    writer, slots = start(claimed, failing(0, AWAY, calls))
    for claim in claimed:
        writer.put(record_of(claim))
    assert slots.wait_until_all_free(5)
    assert (calls, results()) == ([5], 5)


def test_it_is_held_up_until_the_last_result_that_had_to_wait_is_stored(
    claims: Claims, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 1)
    claimed, seen = claims(3), list[bool]()
    waiting = iter([AWAY, None, None, None])

    def record(records: Iterable[CheckRecord]) -> int:
        seen.append(writer.is_held_up)
        if error := next(waiting):
            raise error
        return checks.record(records)

    writer, slots = start(claimed, record)
    for claim in claimed:
        writer.put(record_of(claim))
    assert slots.wait_until_all_free(5)
    assert seen == [False, True, True, True]
    assert not writer.is_held_up


def test_a_batch_has_a_size(claims: Claims, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    claimed, calls = claims(5), list[int]()
    writer, slots = start(claimed, failing(0, AWAY, calls))
    for claim in claimed:
        writer.put(record_of(claim))
    assert slots.wait_until_all_free(5)
    assert max(calls) == 2


def test_a_batch_is_kept_while_the_database_is_away(
    claims: Claims, start: Start, results: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app.worker.outage")
    [claim], calls = claims(1), list[int]()
    writer, slots = start([claim], failing(2, AWAY, calls))
    writer.put(record_of(claim))
    assert slots.wait_until_all_free(5)
    assert (len(calls), results()) == (3, 1)
    away, recovered = caplog.messages
    assert away == "database_away during=record error=Exception: connection refused"
    assert recovered.startswith("activity_recovered during=record seconds=")


def test_a_result_keeps_its_slot_while_the_database_is_away(claims: Claims, start: Start) -> None:
    [claim], calls = claims(1), list[int]()
    writer, slots = start([claim], failing(10**6, AWAY, calls))
    writer.put(record_of(claim))
    until(lambda: len(calls) > 1)
    assert slots.taken == [claim.token]


def test_stopping_tries_once_more_and_gives_up(claims: Claims, start: Start) -> None:
    [claim], calls = claims(1), list[int]()
    writer, slots = start([claim], failing(10**6, AWAY, calls))
    writer.put(record_of(claim))
    until(lambda: calls)
    assert writer.stop(5)
    assert slots.taken == [claim.token]


def test_stopping_stores_what_is_queued(claims: Claims, start: Start, results: Callable[[], int]) -> None:
    claimed = claims(3)
    writer, slots = start(claimed)
    for claim in claimed:
        writer.put(record_of(claim))
    assert writer.stop(5)
    assert (slots.taken, results()) == ([], 3)


def test_stopping_does_not_wait_for_a_database_that_never_answers(claims: Claims, app: Flask) -> None:
    [claim] = claims(1)
    answer = module.Event()
    slots = Slots(1, 1, 1)
    writer = Writer(app, slots, lambda _: int(answer.wait(10)))
    writer.start()
    writer.put(record_of(claim))
    assert not writer.stop(0.05)
    answer.set()
    assert writer.stop(5)


def test_one_bad_result_does_not_spoil_its_batch(
    claims: Claims, start: Start, results: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    bad, *good = claims(3)
    writer, slots = start([bad, *good])
    writer.put(CheckRecord(bad, UNSTORABLE, utcnow()))
    for claim in good:
        writer.put(record_of(claim))
    assert slots.wait_until_all_free(5)
    assert results() == 3
    assert writer.lost == 1
    assert caplog.messages == [f"result_not_storable monitor={bad.monitor_id} error=UnicodeEncodeError"]


def test_a_bad_result_is_visible_as_an_internal_error(claims: Claims, start: Start) -> None:
    [bad] = claims(1)
    writer, slots = start([bad])
    writer.put(CheckRecord(bad, UNSTORABLE, utcnow()))
    assert slots.wait_until_all_free(5)
    stored = db.session.scalars(select(CheckResult)).one()
    assert (stored.error_code, stored.error_message) == (ErrorCode.INTERNAL_ERROR, NOT_STORABLE.message)


def test_a_result_that_can_never_be_stored_frees_its_slot(claims: Claims, start: Start) -> None:
    bad, good = claims(2)

    def record(records: Iterable[CheckRecord]) -> int:
        batch = list(records)
        if bad in [record.claim for record in batch]:
            raise ValueError("s3cret-pw")
        return checks.record(batch)

    writer, slots = start([bad, good], record)
    for claim in (bad, good):
        writer.put(record_of(claim))
    assert slots.wait_until_all_free(5)
    assert writer.lost == 1
