"""Monitors of one mailbox take turns; changes, results and removals wait without a deadlock."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Event
from typing import Any, ClassVar

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.clock import utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, MonitorStatus
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import CheckResult, Location, Monitor, MonitorSchedule, Organization
from app.services import checks, claims, schedules
from app.services.checks import CheckRecord
from tests.calling import MONITORS, Caller, customer_path, monitor_path
from tests.factories import Factory

NOW = utcnow() + timedelta(days=1)
SUCCESS = CheckOutcome(status=CheckStatus.SUCCESS, duration_ms=5, diagnostics={})
KEY = "a" * 32


def claim(location: Location) -> list[ClaimedCheck]:
    taken = claims.claim(location.id, NOW, 100)
    db.session.commit()
    return taken


def store(taken: list[ClaimedCheck]) -> None:
    checks.record([CheckRecord(one, SUCCESS, NOW) for one in taken])
    db.session.commit()


class TestTurns:
    @pytest.fixture
    def location(self, make: Factory) -> Location:
        return make.location()

    def test_one_mailbox_is_claimed_once_at_a_time(self, make: Factory, location: Location) -> None:
        shared = {make.monitor(mailbox_key=KEY).id for _ in range(3)}
        alone = make.monitor().id

        seen = []
        for _ in range(3):
            taken = claim(location)
            seen.append({one.monitor_id for one in taken})
            assert len(seen[-1] & shared) == 1
            assert claim(location) == []
            store(taken)

        assert set.union(*seen) == shared | {alone}

    def test_a_check_at_another_location_counts(self, make: Factory, location: Location) -> None:
        elsewhere = make.location(code="elsewhere")
        make.monitor(mailbox_key=KEY)

        assert len(claim(location)) == 1
        assert claim(elsewhere) == []

    def test_a_dead_location_holds_up_nobody(self, make: Factory, location: Location) -> None:
        """Its row is due for ever, and before ours."""
        make.location(code="elsewhere")
        make.monitor(mailbox_key=KEY)

        assert len(claim(location)) == 1

    def test_schedulers_at_once_take_one_of_a_mailbox(
        self, app: Flask, make: Factory, location: Location
    ) -> None:
        for _ in range(8):
            make.monitor(mailbox_key=KEY)
        place = location.id

        def take() -> int:
            with app.app_context():
                taken = claims.claim(place, NOW, 100)
                db.session.commit()
                return len(taken)

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(lambda _: take(), range(8))) == 1


class TestKey:
    """What makes two monitors share a mailbox."""

    BODY: ClassVar[dict[str, Any]] = {
        "name": "x",
        "hostname": "mail.example.com",
        "imapPopConfig": {"user": "u", "password": "p", "tls": True},
    }

    def key_of(self, caller: Caller, customer_id: int, **body: Any) -> str:
        answer = caller.post(MONITORS, {**self.BODY, "customerId": customer_id, **body})
        assert answer.status_code == 201
        query = select(Monitor.mailbox_key).where(Monitor.id == answer.get_json()["id"])
        return db.session.scalars(query).one()

    @pytest.mark.parametrize(
        ("body", "is_same"),
        [
            ({"name": "y", "checkInterval": 60}, True),
            ({"port": 993}, True),
            ({"hostname": "MAIL.example.com"}, True),
            ({"port": 994}, False),
            ({"hostname": "other.example.com"}, False),
            ({"imapPopConfig": {"user": "v", "password": "p", "tls": True}}, False),
        ],
    )
    def test_host_port_and_user_make_it(
        self, admin: Caller, make: Factory, house: Organization, body: dict[str, Any], is_same: bool
    ) -> None:
        customer_id = make.customer(house).id

        assert (self.key_of(admin, customer_id) == self.key_of(admin, customer_id, **body)) is is_same

    def test_it_follows_a_change(self, admin: Caller, make: Factory, house: Organization) -> None:
        make.location()
        monitor = make.monitor(make.customer(house), mailbox_key=KEY)

        assert admin.patch(monitor_path(monitor), {"hostname": "other.example.com"}).status_code == 200

        db.session.refresh(monitor)
        assert {row.mailbox_key for row in monitor.schedules} == {monitor.mailbox_key}
        assert monitor.mailbox_key != KEY


class TestWaiting:
    """The writer stores a result while somebody changes or removes the monitor."""

    @pytest.fixture
    def monitor(self, make: Factory, house: Organization) -> Monitor:
        make.location()
        return make.monitor(make.customer(house))

    @pytest.fixture
    def halfway(self, app: Flask, monitor: Monitor) -> Callable[[Callable[[], None]], None]:
        """Runs something in another transaction that begins, and waits, while a result is being stored."""
        taken = claims.claim(db.session.scalars(select(Location.id)).one(), NOW, 1)
        db.session.commit()

        def run(other: Callable[[], None]) -> None:
            begun = Event()

            def in_another_transaction() -> None:
                with app.app_context():
                    begun.set()
                    other()
                    db.session.commit()

            with ThreadPoolExecutor(1) as pool:
                checks.record([CheckRecord(taken[0], SUCCESS, NOW)])
                waiting = pool.submit(in_another_transaction)
                begun.wait()
                db.session.commit()
                waiting.result(timeout=20)

        return run

    def test_a_change_and_a_result_both_count(
        self, admin: Caller, monitor: Monitor, halfway: Callable[[Callable[[], None]], None]
    ) -> None:
        statuses = []
        path = monitor_path(monitor)

        halfway(lambda: statuses.append(admin.patch(path, {"timeoutSeconds": 7}).status_code))

        assert statuses == [200]
        assert len(list(db.session.scalars(select(CheckResult.id)))) == 1

    def test_a_removal_takes_the_result_with_it(
        self, admin: Caller, monitor: Monitor, halfway: Callable[[Callable[[], None]], None]
    ) -> None:
        statuses = []
        path = monitor_path(monitor)

        halfway(lambda: statuses.append(admin.delete(path).status_code))

        assert statuses == [200]
        assert list(db.session.scalars(select(CheckResult.id))) == []

    def test_a_monitor_is_not_removed_in_the_middle_of_its_customer_s_change(
        self, make: Factory, admin: Caller, house: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make.location()
        customer = make.customer(house)
        monitors = [make.monitor(customer) for _ in range(2)]
        victim, change = monitor_path(monitors[1]), customer_path(customer)
        removals: list[Future[int]] = []
        look_up = schedules.allowed_countries

        def remove_meanwhile(monitor: Monitor) -> list[str] | None:
            if not removals:
                removals.append(pool.submit(lambda: admin.delete(victim).status_code))
                wait(removals, timeout=0.5)
            return look_up(monitor)

        monkeypatch.setattr(schedules, "allowed_countries", remove_meanwhile)
        with ThreadPoolExecutor(1) as pool:
            answer = admin.patch(change, {"allowedCheckCountryCodes": ["DE"]})
            assert (answer.status_code, removals[0].result(timeout=20)) == (200, 200)

    @pytest.mark.only_on("postgresql")
    def test_a_change_in_the_middle_does_not_meet_the_writer_head_on(
        self, app: Flask, monitor: Monitor
    ) -> None:
        """The order of locks that once ended as a deadlock: monitor, then schedule, against the reverse."""
        taken = claims.claim(db.session.scalars(select(Location.id)).one(), NOW, 1)
        db.session.commit()
        monitor_id = monitor.id

        def record() -> int:
            with app.app_context():
                stored = checks.record([CheckRecord(taken[0], SUCCESS, NOW)])
                db.session.commit()
                return stored

        changing = db.session.get(Monitor, monitor_id, with_for_update={"key_share": True})
        assert changing is not None
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(record)
            # Behind the writer's own lock on the schedule, if it is that far already.
            db.session.execute(
                update(MonitorSchedule).where(MonitorSchedule.monitor_id == monitor_id).values(timeout_ms=7)
            )
            db.session.commit()
            assert writing.result(timeout=20) == 1


class TestDisabled:
    @pytest.fixture
    def monitor(self, make: Factory) -> Monitor:
        make.location()
        return make.monitor(status=MonitorStatus.DISABLED)

    def test_a_trigger_plans_no_disabled_monitor(self, monitor: Monitor) -> None:
        ids = [row.id for row in monitor.schedules]

        assert not schedules.trigger(ids, NOW, pause_ms=0)

    def test_one_that_was_planned_all_the_same_is_taken_off(self, monitor: Monitor) -> None:
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=1))

        assert schedules.unplan_disabled(monitor.schedules[0].location_id) == 1

        db.session.refresh(monitor.schedules[0])
        assert monitor.schedules[0].next_check_at_ms is None
