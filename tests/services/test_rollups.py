"""Roll-ups: the same sums as the results they were made from, however these came in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.enums import CheckStatus
from app.domain.rollup import BUCKETS_MS, Period, bucket_of
from app.extensions import db
from app.models import CheckRollup
from app.models.check_rollup import BUCKETS, SUMS
from app.services import rollups
from tests.factories import Factory

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def rows() -> list[dict[str, Any]]:
    ordered = select(CheckRollup.__table__).order_by(CheckRollup.period, CheckRollup.started_at)
    return [dict(row._mapping) for row in db.session.execute(ordered)]


class Book:
    """Results of one monitor, to be summed up."""

    def __init__(self, make: Factory) -> None:
        self.monitor, self.location = make.monitor(), make.location()

    def result(
        self, at: datetime, status: CheckStatus = CheckStatus.SUCCESS, ms: int = 40, **timings: int
    ) -> dict[str, Any]:
        return {
            "monitor_id": self.monitor.id,
            "location_id": self.location.id,
            "checked_at": at,
            "status": status,
            "timing_ms": ms,
            "diagnostics": {"timings": timings},
        }


@pytest.fixture
def book(make: Factory) -> Book:
    return Book(make)


def test_a_result_counts_in_its_hour_and_in_its_day(book: Book) -> None:
    rollups.add([book.result(NOON + timedelta(minutes=59), dns=3, login=20)])
    day, hour = rows()
    assert (hour["period"], hour["started_at"]) == (Period.HOUR, NOON)
    assert (day["period"], day["started_at"]) == (Period.DAY, NOON.replace(hour=0))
    for row in (hour, day):
        assert (row["checks"], row["warnings"], row["failures"], row["duration_ms"]) == (1, 0, 0, 40)
        assert (row["dns_ms"], row["login_ms"], row["mailbox_ms"]) == (3, 20, 0)
        assert {name: row[name] for name in BUCKETS if row[name]} == {"within_50_ms": 1}


def test_what_comes_later_is_added(book: Book) -> None:
    first = [book.result(NOON, ms=10), book.result(NOON, CheckStatus.WARNING, ms=7_000)]
    rollups.add(first)
    rollups.add([book.result(NOON + timedelta(minutes=1), ms=11)])
    rollups.add([book.result(NOON + timedelta(hours=1), ms=90_000)])
    day, hour, next_hour = rows()
    assert (hour["checks"], hour["warnings"], hour["duration_ms"]) == (3, 1, 7_021)
    assert {name: hour[name] for name in BUCKETS if hour[name]} == {
        "within_10_ms": 1,
        "within_20_ms": 1,
        "within_10000_ms": 1,
    }
    assert next_hour["longer"] == 1
    assert {name: day[name] for name in SUMS} == {name: hour[name] + next_hour[name] for name in SUMS}


def test_a_failed_check_is_counted_and_its_times_are_not(book: Book) -> None:
    rollups.add([book.result(NOON, CheckStatus.ERROR, ms=30_000, dns=30_000)])
    _, hour = rows()
    assert {name: hour[name] for name in SUMS if hour[name]} == {"checks": 1, "failures": 1}


def test_places_and_monitors_are_summed_up_apart(book: Book, make: Factory) -> None:
    elsewhere = make.location(code="elsewhere")
    other = Book.__new__(Book)
    other.monitor, other.location = book.monitor, elsewhere
    rollups.add([book.result(NOON), other.result(NOON)])
    assert [row["checks"] for row in rows()] == [1, 1, 1, 1]


def test_nothing_adds_nothing(make: Factory) -> None:
    rollups.add([])
    assert rows() == []


def test_they_go_with_their_monitor(book: Book) -> None:
    rollups.add([book.result(NOON)])
    db.session.delete(book.monitor)
    db.session.commit()
    assert rows() == []


@pytest.mark.parametrize("duration_ms", [0, 9, 10, 11, 59_999, 60_000, 60_001, 10**9])
def test_each_duration_has_the_first_bucket_that_holds_it(duration_ms: int) -> None:
    bounds = [*BUCKETS_MS, float("inf")]
    assert bucket_of(duration_ms) == next(at for at, bound in enumerate(bounds) if duration_ms <= bound)
