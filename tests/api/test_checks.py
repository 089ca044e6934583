"""Checks as the API shows them: triggered, listed, tried without a monitor, and summed up as health."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import update
from werkzeug.test import TestResponse

from app.api.monitors import routes
from app.clock import to_ms, utcnow
from app.domain.enums import CheckStatus, Health, MonitorStatus
from app.domain.schedule import data_until_ms
from app.domain.target import target_from_config
from app.extensions import db
from app.models import CheckResult, Customer, Monitor, MonitorHealth, MonitorSchedule, Organization
from app.services import claims
from tests.calling import MONITORS, Caller, assert_failure, monitor_path
from tests.factories import Factory

TEST = f"{MONITORS}/test"
LONG_AGO = timedelta(seconds=61)


class TestTrigger:
    def test_the_answer_is_the_contracts(self, admin: Caller, make: Factory, customer: Customer) -> None:
        make.location(code="local")
        make.location(code="de-nbg")
        monitor = make.monitor(customer)

        assert admin.post(monitor_path(monitor, "/trigger-check")).get_json() == {
            "success": True,
            "message": "Checks triggered successfully",
            "imapPopMonitorId": monitor.id,
            "locationCodes": ["local", "de-nbg"],
            "queueNames": ["imap-pop-monitor-checks-local", "imap-pop-monitor-checks-de-nbg"],
        }

    def test_the_monitor_is_due_at_once(self, admin: Caller, make: Factory, customer: Customer) -> None:
        make.location()
        monitor = make.monitor(customer)
        later = to_ms(utcnow() + timedelta(hours=1))
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=later))
        db.session.commit()

        admin.post(monitor_path(monitor, "/trigger-check"))

        shown = admin.get(monitor_path(monitor)).get_json()["nextCheckAt"]
        assert datetime.fromisoformat(shown) <= utcnow()

    def test_a_second_trigger_within_10_seconds_is_429(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location()
        monitor, other = make.monitor(customer), make.monitor(customer)
        assert admin.post(monitor_path(monitor, "/trigger-check")).status_code == 200

        response = admin.post(monitor_path(monitor, "/trigger-check"))

        assert_failure(response, 429, "Too Many Requests")
        assert 1 <= int(response.headers["Retry-After"]) <= 10
        assert admin.post(monitor_path(other, "/trigger-check")).status_code == 200

    def test_after_10_seconds_it_may_be_triggered_again(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location()
        monitor = make.monitor(customer)
        admin.post(monitor_path(monitor, "/trigger-check"))
        before = to_ms(utcnow()) - 10_000
        db.session.execute(update(MonitorSchedule).values(triggered_at_ms=before))
        db.session.commit()

        assert admin.post(monitor_path(monitor, "/trigger-check")).status_code == 200

    def test_a_disabled_monitor_is_400(self, admin: Caller, make: Factory, customer: Customer) -> None:
        make.location()
        monitor = make.monitor(customer, status=MonitorStatus.DISABLED)

        assert_failure(admin.post(monitor_path(monitor, "/trigger-check")), 400, "Monitor is disabled")

    def test_a_monitor_in_maintenance_is_checked(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location()
        monitor = make.monitor(customer, status=MonitorStatus.MAINTENANCE)

        assert admin.post(monitor_path(monitor, "/trigger-check")).status_code == 200

    @pytest.mark.parametrize("owner", ["monitor", "customer"])
    def test_no_location_in_the_allowed_countries_is_400(
        self, admin: Caller, make: Factory, house: Organization, owner: str
    ) -> None:
        make.location(country="DE")
        restriction = {"allowed_check_country_codes": ["FR"]}
        customer = make.customer(house, **(restriction if owner == "customer" else {}))
        monitor = make.monitor(customer, **(restriction if owner == "monitor" else {}))

        assert_failure(
            admin.post(monitor_path(monitor, "/trigger-check")),
            400,
            "No eligible monitoring locations for the selected allowed countries",
        )

    def test_only_eligible_locations_are_named(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location(code="here", country="DE")
        make.location(code="there", country="FR")
        make.location(code="silent", country="DE", heartbeat_at=utcnow() - LONG_AGO)
        monitor = make.monitor(customer, allowed_check_country_codes=["DE"])

        answer = admin.post(monitor_path(monitor, "/trigger-check")).get_json()
        assert answer["locationCodes"] == ["here"]

    @pytest.mark.parametrize("is_known", [True, False])
    def test_no_active_location_is_503(
        self, admin: Caller, make: Factory, customer: Customer, is_known: bool
    ) -> None:
        if is_known:
            make.location(heartbeat_at=utcnow() - LONG_AGO)
        response = admin.post(monitor_path(make.monitor(customer), "/trigger-check"))

        assert_failure(response, 503, "No active monitoring locations available")
        assert int(response.headers["Retry-After"]) >= 1


class TestHistory:
    @pytest.fixture
    def results(self, make: Factory, monitor: Monitor) -> list[CheckResult]:
        """Five, the newest first; two of them of the same instant."""
        place, start = make.location(name="Nuremberg", code="de-nbg"), utcnow()
        rows = [
            make.result(monitor, place, checked_at=start + timedelta(seconds=at)) for at in (0, 1, 1, 2, 3)
        ]
        return rows[::-1]

    def test_a_result_has_the_contracts_keys(self, admin: Caller, make: Factory, monitor: Monitor) -> None:
        place = make.location(name="Nuremberg", code="de-nbg")
        row = make.result(monitor, place, CheckStatus.ERROR, error_message="refused")

        shown = admin.get(monitor_path(monitor, "/check-history")).get_json()["data"][0]

        assert datetime.fromisoformat(shown.pop("checkedAt")) <= utcnow()
        assert shown == {
            "id": str(row.public_id),
            "status": "error",
            "errorMessage": "refused",
            "warningMessage": None,
            "timingImapPop": 12,
            "diagnostics": {"attempts": 1},
            "inMaintenance": False,
            "locationId": place.id,
            "locationName": "Nuremberg",
            "locationCode": "de-nbg",
        }

    def test_the_newest_comes_first(
        self, admin: Caller, monitor: Monitor, results: list[CheckResult]
    ) -> None:
        data = admin.get(monitor_path(monitor, "/check-history")).get_json()["data"]

        assert [row["id"] for row in data] == [str(row.public_id) for row in results]

    @pytest.mark.parametrize("limit", [1, 2, 3, 200])
    def test_pages_follow_each_other_without_gap_or_overlap(
        self, admin: Caller, monitor: Monitor, results: list[CheckResult], limit: int
    ) -> None:
        seen: list[str] = []
        while page := admin.get(
            monitor_path(monitor, f"/check-history?limit={limit}" + (f"&before={seen[-1]}" if seen else ""))
        ).get_json()["data"]:
            assert len(page) <= limit
            seen += [row["id"] for row in page]

        assert seen == [str(row.public_id) for row in results]

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=201", "limit=x", "limit=", "limit=1.5", "before=x", "before="]
    )
    def test_a_query_out_of_bounds_is_400(self, admin: Caller, monitor: Monitor, query: str) -> None:
        response = admin.get(monitor_path(monitor, f"/check-history?{query}"))

        assert list(assert_failure(response, 400, "Invalid query parameters")["errors"]) == [
            query.split("=", maxsplit=1)[0]
        ]

    def test_a_result_of_another_monitor_is_no_place_to_start(
        self, admin: Caller, make: Factory, customer: Customer, monitor: Monitor, results: list[CheckResult]
    ) -> None:
        other = make.monitor(customer)

        for before in (results[0].public_id, uuid4(), "x" * 36):
            response = admin.get(monitor_path(other, f"/check-history?before={before}"))
            assert_failure(response, 400, "Invalid query parameters")

    def test_a_new_monitor_has_none(self, admin: Caller, monitor: Monitor) -> None:
        assert admin.get(monitor_path(monitor, "/check-history")).get_json() == {"data": []}


class TestHealth:
    """What the document says and what the filter finds are the same."""

    @pytest.mark.parametrize(
        ("status", "health"),
        [
            (None, "pending"),
            (CheckStatus.SUCCESS, "up"),
            (CheckStatus.WARNING, "degraded"),
            (CheckStatus.ERROR, "down"),
        ],
    )
    def test_health_follows_the_latest_result(
        self, admin: Caller, make: Factory, monitor: Monitor, status: Any, health: str
    ) -> None:
        place = make.location()
        if status:
            make.result(monitor, place, CheckStatus.ERROR, checked_at=utcnow() - timedelta(minutes=1))
            make.result(monitor, place, status)

        shown = admin.get(monitor_path(monitor)).get_json()
        assert (shown["health"], shown["lastStatus"]) == (health, status)
        for value in Health:
            assert admin.get(f"{MONITORS}?health={value}").get_json()["total"] == (value == health)

    def test_three_results_have_to_be_missing(self, make: Factory, customer: Customer) -> None:
        make.location()
        (row,) = make.monitor(customer, check_interval=10).schedules

        assert row.next_check_at_ms is not None
        assert row.data_until_ms == data_until_ms(row.next_check_at_ms, 600_000, 30_000)

    def test_results_that_are_overdue_are_no_data(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location()
        monitor = make.monitor(customer)
        for more_ms, health in ((5_000, "pending"), (-5_000, "no_data")):
            until = to_ms(utcnow()) + more_ms
            db.session.execute(update(MonitorSchedule).values(data_until_ms=until))
            db.session.commit()
            assert admin.get(monitor_path(monitor)).get_json()["health"] == health
            assert admin.get(f"{MONITORS}?health={health}").get_json()["total"] == 1

    def test_a_monitor_that_no_location_may_check_is_without_data(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        place = make.location()
        monitor = make.monitor(customer)
        make.result(monitor, place)

        shown = admin.patch(monitor_path(monitor), {"allowedCheckCountryCodes": ["DE"]}).get_json()

        assert (shown["health"], shown["nextCheckAt"]) == ("no_data", None)

    def test_the_next_check_is_one_of_a_location_that_is_served(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location(code="given-up", heartbeat_at=utcnow() - timedelta(days=1))
        make.location()
        monitor = make.monitor(customer)
        for row, minutes in zip(monitor.schedules, (-60, 3), strict=True):
            row.next_check_at_ms = to_ms(utcnow() + timedelta(minutes=minutes))
        db.session.commit()

        assert admin.get(monitor_path(monitor)).get_json()["nextCheckAt"] > utcnow().isoformat()

    def test_a_disabled_monitor_is_never_without_data(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        place = make.location()
        monitor = make.monitor(customer)
        make.result(monitor, place, checked_at=utcnow() - timedelta(days=9))

        assert admin.patch(monitor_path(monitor), {"status": "disabled"}).get_json()["health"] == "pending"

    @examples(max_examples=20)
    @given(
        rows=st.lists(
            st.tuples(
                st.sampled_from([None, *CheckStatus]),
                st.sampled_from([-3_000_000, -2_000_000, -60_000, 60_000, None]),
            ),
            min_size=1,
            max_size=4,
        ),
        concluded=st.sampled_from([None, Health.PENDING, Health.UP, Health.DEGRADED, Health.DOWN]),
    )
    def test_filter_and_document_agree(
        self,
        admin: Caller,
        make: Factory,
        customer: Customer,
        rows: list[tuple[Any, Any]],
        concluded: Health | None,
    ) -> None:
        now = utcnow().replace(microsecond=0)
        places = [make.location(code=f"c{uuid4().hex[:12]}") for _ in rows]
        monitor = make.monitor(customer)
        schedules = {row.location_id: row for row in monitor.schedules}
        for place, (status, until) in zip(places, rows, strict=True):
            row = schedules[place.id]
            row.data_until_ms = None if until is None else to_ms(now) + until
            row.last_status, row.last_checked_at = status, status and now
        for location_id, row in schedules.items():
            if location_id not in {place.id for place in places}:
                row.next_check_at_ms = row.data_until_ms = None
        if concluded:
            db.session.add(MonitorHealth(monitor_id=monitor.id, health=concluded, since=now))
        db.session.commit()

        shown = admin.get(monitor_path(monitor)).get_json()["health"]
        found = {
            health
            for health in Health
            for item in admin.get(f"{MONITORS}?health={health}&perPage=200").get_json()["items"]
            if item["id"] == monitor.id
        }
        assert found == {shown}


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def _of_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    return {**body, "imapPopConfig": {**body["imapPopConfig"], "user": user}}


def _assert_busy(response: TestResponse) -> None:
    assert_failure(response, 503, "Too many tests at once")
    assert int(response.headers["Retry-After"]) >= 1


@contextmanager
def _running(caller: Caller, *bodies: dict[str, Any]) -> Iterator[None]:
    """Tests of these are under way until the block ends; those that come later go through."""
    inside, leave = (Barrier(len(bodies) + 1, timeout=20) for _ in range(2))
    numbers = count()
    run = routes.checks.run

    def wait_inside(*args: Any) -> Any:
        if next(numbers) < len(bodies):
            inside.wait()
            leave.wait()
        return run(*args)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(bodies)) as pool:
        patch.setattr(routes.checks, "run", wait_inside)
        answers = [pool.submit(caller.post, TEST, body) for body in bodies]
        inside.wait()
        try:
            yield
        finally:
            leave.wait()
        assert [answer.result(20).status_code for answer in answers] == [200] * len(bodies)


class TestTest:
    """Trying a mailbox without saving a monitor."""

    @pytest.fixture
    def body(self, customer: Customer) -> dict[str, Any]:
        config = {"user": "monitor@example.com", "password": "s3cret-pw"}
        return {
            "customerId": customer.id,
            "name": "Try",
            "hostname": "127.0.0.1",
            "port": _unused_port(),
            "timeoutSeconds": 5,
            "imapPopConfig": config,
        }

    def test_a_private_target_is_forbidden(self, admin: Caller, body: dict[str, Any]) -> None:
        response = admin.post(TEST, body)

        assert response.status_code == 200
        answer = response.get_json()
        assert answer.keys() == {
            "status", "errorMessage", "warningMessage", "timingImapPop", "diagnostics", "checkedAt",
        }  # fmt: skip
        assert (answer["status"], answer["warningMessage"]) == ("error", None)
        assert answer["errorMessage"]
        assert answer["diagnostics"]["errorCode"] == "target_forbidden"

    @pytest.mark.parametrize("protocol", ["imap", "pop3"])
    def test_a_closed_port_is_refused(
        self, admin: Caller, make_app: Callable[..., Flask], body: dict[str, Any], protocol: str
    ) -> None:
        allowing = admin.on(make_app(ALLOW_PRIVATE_TARGETS="true"))
        body["imapPopConfig"]["protocol"] = protocol

        answer = allowing.post(TEST, body).get_json()

        assert answer["diagnostics"]["errorCode"] == "connection_refused"
        assert "s3cret-pw" not in str(answer)

    def test_networks_may_be_allowed_one_by_one(
        self, admin: Caller, make_app: Callable[..., Flask], body: dict[str, Any]
    ) -> None:
        settings = {"TARGET_ALLOW": "127.0.0.0/8"}
        for more, code in (({}, "connection_refused"), ({"TARGET_DENY": "127.0.0.1/32"}, "target_forbidden")):
            answer = admin.on(make_app(**settings, **more)).post(TEST, body).get_json()
            assert answer["diagnostics"]["errorCode"] == code

    def test_nothing_is_saved(self, admin: Caller, body: dict[str, Any]) -> None:
        assert admin.post(TEST, body).status_code == 200

        for table in (Monitor, MonitorSchedule, CheckResult):
            assert db.session.query(table).count() == 0

    def test_the_body_is_judged_like_that_of_a_create(self, admin: Caller, body: dict[str, Any]) -> None:
        assert_failure(admin.post(TEST, {**body, "hostname": "a b"}), 400, "Invalid hostname")
        assert_failure(admin.post(TEST, {**body, "customerId": "x"}), 400, "Invalid Customer identifier")
        assert_failure(admin.post(TEST, {**body, "customerId": 987}), 404, "Customer not found")
        masked = {"user": "u", "password": "********"}
        assert_failure(admin.post(TEST, {**body, "imapPopConfig": masked}), 400, "Invalid request body")

    @pytest.fixture
    def allowing(self, admin: Caller, make_app: Callable[..., Flask]) -> Caller:
        return admin.on(make_app(ALLOW_PRIVATE_TARGETS="true"))

    def test_at_most_two_run_at_once(self, allowing: Caller, body: dict[str, Any]) -> None:
        with _running(allowing, body, _of_user(body, "second")):
            _assert_busy(allowing.post(TEST, _of_user(body, "third")))
        assert allowing.post(TEST, body).status_code == 200

    def test_two_of_one_mailbox_never_overlap(self, allowing: Caller, body: dict[str, Any]) -> None:
        with _running(allowing, body):
            _assert_busy(allowing.post(TEST, body))
            assert allowing.post(TEST, {**body, "port": _unused_port()}).status_code == 200
        assert allowing.post(TEST, body).status_code == 200

    def test_a_check_in_flight_of_that_mailbox_has_to_end_first(
        self, allowing: Caller, make: Factory, app: Flask, body: dict[str, Any]
    ) -> None:
        target = target_from_config(body["hostname"], body["port"], body["imapPopConfig"])
        key = app.config["CONFIG_STORE"].mailbox_key_of(target)
        place = make.location()
        make.monitor(mailbox_key=key)  # somebody else's
        claims.claim(place.id, utcnow(), 1)
        db.session.commit()

        _assert_busy(allowing.post(TEST, body))
        assert allowing.post(TEST, _of_user(body, "another")).status_code == 200

        db.session.execute(update(MonitorSchedule).values(lease_until_ms=to_ms(utcnow()) - 1))
        db.session.commit()
        assert allowing.post(TEST, body).status_code == 200

    def test_a_silent_server_costs_no_more_than_the_timeout(
        self, admin: Caller, make_app: Callable[..., Flask], body: dict[str, Any], listening: int
    ) -> None:
        allowing = admin.on(make_app(ALLOW_PRIVATE_TARGETS="true"))

        answer = allowing.post(TEST, {**body, "port": listening, "timeoutSeconds": 1}).get_json()

        assert answer["diagnostics"]["errorCode"] == "timeout"
        assert 1_000 <= answer["timingImapPop"] < 1_500
