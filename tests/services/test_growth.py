"""What keeps the table of results from growing without end: days on PostgreSQL, and forgetting."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from app.extensions import db
from app.models import CheckResult
from app.services import partitions, retention
from tests.factories import Factory

NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def forget(now: datetime, days: int) -> int:
    """In how many transactions."""
    count = 0
    while retention.forget_some(now, days):
        db.session.commit()
        count += 1
    return count


def make_days(now: datetime, *, with_past: bool = True) -> list[date]:
    made = []
    while day := partitions.make_day(now, with_past=with_past):
        db.session.commit()
        made.append(day)
    db.session.rollback()
    return made


def store(make: Factory, *times: datetime) -> None:
    monitor, location = make.monitor(), make.location()
    for at in times:
        make.result(monitor, location, checked_at=at)


def ages() -> list[timedelta]:
    return [NOW - at for at in db.session.scalars(select(CheckResult.checked_at).order_by(CheckResult.id))]


def test_results_older_than_they_are_kept_are_forgotten(make: Factory) -> None:
    store(make, NOW - 31 * DAY, NOW - 32 * DAY, NOW - 29 * DAY, NOW)
    forget(NOW, 30)
    assert ages() == [29 * DAY, timedelta()]


@pytest.mark.only_on("sqlite")
def test_many_are_forgotten_slice_by_slice(make: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 3)
    store(make, *(NOW - 40 * DAY + timedelta(minutes=at) for at in range(10)), NOW)
    assert forget(NOW, 30) == 4
    assert ages() == [timedelta()]


def test_nothing_old_costs_nothing(make: Factory) -> None:
    store(make, NOW)
    assert forget(NOW, 30) == 0


@pytest.mark.only_on("postgresql")
class TestDays:
    @pytest.fixture(autouse=True)
    def no_days(self, make: Factory) -> None:
        while partitions.drop_day(datetime(2100, 1, 1, tzinfo=UTC)):
            db.session.commit()

    def count(self, table: str) -> int:
        return db.session.scalar(select(func.count()).select_from(text(table))) or 0

    def test_they_are_made_ahead(self) -> None:
        made = make_days(NOW)
        assert made == [date(2026, 3, 20) + timedelta(days) for days in range(8)]
        assert make_days(NOW) == []
        assert make_days(NOW + DAY) == [date(2026, 3, 28)]

    def test_a_result_goes_to_its_day(self, make: Factory) -> None:
        make_days(NOW)
        midnight = NOW.replace(hour=0, minute=0)
        store(make, midnight - timedelta(microseconds=1), midnight, midnight + DAY)
        assert [self.count(f"check_results_{name}") for name in ("other", "20260320", "20260321")] == [
            1,
            1,
            1,
        ]

    def test_results_without_a_day_wait_for_it(self, make: Factory) -> None:
        store(make, NOW - DAY, NOW, NOW + 100 * DAY)
        made = make_days(NOW)
        assert made[:2] == [date(2026, 3, 19), date(2026, 3, 20)]
        assert [self.count(f"check_results_{name}") for name in ("20260319", "20260320", "other")] == [
            1,
            1,
            1,
        ]
        assert len(ages()) == 3

    def test_only_what_lies_ahead_is_made_at_a_start(self, make: Factory) -> None:
        store(make, NOW - DAY)
        assert make_days(NOW, with_past=False)[0] == date(2026, 3, 20)

    def test_they_are_dropped_whole(self, make: Factory) -> None:
        make_days(NOW - 40 * DAY)
        store(make, NOW - 40 * DAY, NOW - 33 * DAY)
        forget(NOW - 40 * DAY + timedelta(hours=14), 0)
        assert ages() == [33 * DAY]
        assert make_days(NOW - 40 * DAY) == [date(2026, 2, 8)]

    def test_what_no_day_was_made_for_is_forgotten_too(self, make: Factory) -> None:
        store(make, NOW - 40 * DAY, NOW)
        assert forget(NOW, 30) == 1
        assert ages() == [timedelta()]

    def test_keys_reach_into_every_day(self, make: Factory) -> None:
        make_days(NOW)
        store(make, NOW, NOW + DAY)
        monitor_id = db.session.scalar(select(CheckResult.monitor_id))
        db.session.execute(text("DELETE FROM monitors WHERE id = :id"), {"id": monitor_id})
        assert ages() == []
