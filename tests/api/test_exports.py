"""Exports as CSV: what is in them, how it is spelled, and what becomes of one that fails half-way."""

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app.api import csv_file
from app.api.csv_file import (
    EXPORT_RETRY_SECONDS,
    EXPORTS_AT_ONCE,
    INCOMPLETE,
    TOO_MANY_EXPORTS,
    CutShortError,
    inert,
)
from app.domain.enums import CheckStatus
from app.extensions import db
from app.models import CheckResult, Customer, Location, Monitor, Organization, User
from app.services import check_history
from tests.calling import Caller, assert_failure, caller_of, monitor_path
from tests.factories import Factory

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
TIMINGS = {"dns": 3, "connect": 11, "tls": 24, "greeting": 12, "login": 31, "mailbox": 9, "logout": 6}
TRICKS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "＝1", "=cmd|' /C calc'!A0"]  # noqa: RUF001


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location(name="Nuremberg, DE", code="de-nbg")


@pytest.fixture
def monitor(make: Factory, customer: Customer, location: Location) -> Monitor:
    return make.monitor(customer)


@pytest.fixture
def three(monitor: Monitor, location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results, each in a batch of its own."""
    monkeypatch.setattr(check_history, "BATCH", 1)
    for at in range(3):
        add_result(monitor, location, NOON + timedelta(seconds=at))


def add_result(monitor: Monitor, location: Location, at: datetime = NOON, **columns: Any) -> CheckResult:
    defaults = {"status": CheckStatus.SUCCESS, "timing_ms": 40, "diagnostics": {"attempts": 1}}
    row = CheckResult(monitor_id=monitor.id, location_id=location.id, checked_at=at, **(defaults | columns))
    db.session.add(row)
    db.session.commit()
    return row


def table(response: TestResponse) -> list[dict[str, str]]:
    assert response.status_code == 200, response.get_data(as_text=True)
    # With line breaks as they came.
    return list(csv.DictReader(StringIO(response.get_data(as_text=True), newline="")))


def history(caller: Caller, monitor: Monitor, query: str = "") -> list[dict[str, str]]:
    return table(caller.get(monitor_path(monitor, f"/check-history.csv{query}")))


class TestCheckHistory:
    def test_a_result_has_all_that_is_flat(self, admin: Caller, monitor: Monitor, location: Location) -> None:
        diagnostics = {"phase": "login", "address": "192.0.2.1", "attempts": 2, "timings": TIMINGS}
        row = add_result(
            monitor,
            location,
            status=CheckStatus.ERROR,
            error_code="authentication_failed",
            error_message='The server said "no", and\nno more.',
            timing_ms=96,
            in_maintenance=True,
            diagnostics=diagnostics,
        )

        (found,) = history(admin, monitor, "?timeZone=Europe/Berlin")

        assert found == {
            "id": str(row.public_id),
            "checkedAt": "2026-03-29T12:00:00.000Z",
            "localTime": "2026-03-29 14:00:00",
            "status": "error",
            "errorCode": "authentication_failed",
            "phase": "login",
            "errorMessage": 'The server said "no", and\nno more.',
            "warningMessage": "",
            "timingImapPop": "96",
            "inMaintenance": "true",
            "locationId": str(location.id),
            "locationCode": "de-nbg",
            "locationName": "Nuremberg, DE",
            "address": "192.0.2.1",
            "attempts": "2",
            "dnsMs": "3",
            "connectMs": "11",
            "tlsMs": "24",
            "greetingMs": "12",
            "capabilityMs": "",
            "starttlsMs": "",
            "loginMs": "31",
            "mailboxMs": "9",
            "logoutMs": "6",
        }

    def test_it_is_a_file_as_rfc_4180_has_it(
        self, admin: Caller, monitor: Monitor, location: Location
    ) -> None:
        add_result(monitor, location, error_message="Ünïcödé, 邮箱")

        response = admin.get(monitor_path(monitor, "/check-history.csv"))

        assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        name = f"check-history-{monitor.public_id}.csv"
        assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert response.headers["Cache-Control"] == "no-store"
        lines = response.get_data().split(b"\r\n")
        assert (len(lines), lines[-1]) == (3, b"")
        assert '"Ünïcödé, 邮箱"' in lines[1].decode()

    def test_the_oldest_comes_first_in_however_many_batches(
        self, admin: Caller, monitor: Monitor, location: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(check_history, "BATCH", 3)
        rows = [add_result(monitor, location, NOON + timedelta(seconds=at // 4)) for at in range(9)]

        assert [row["id"] for row in history(admin, monitor)] == [str(row.public_id) for row in rows]

    def test_without_results_there_is_the_header(self, admin: Caller, monitor: Monitor) -> None:
        response = admin.get(monitor_path(monitor, "/check-history.csv"))

        assert table(response) == []
        assert response.get_data().startswith(b"id,checkedAt,localTime,status")

    def test_a_head_request_has_no_body(self, admin: Caller, monitor: Monitor, location: Location) -> None:
        add_result(monitor, location)

        response = admin.send("HEAD", monitor_path(monitor, "/check-history.csv"))

        assert (response.status_code, response.get_data()) == (200, b"")

    @pytest.mark.parametrize(
        ("query", "hours"),
        [
            ("", [-14, -13, 0, 9, 10]),
            ("?startDate=2026-03-29", [0, 9, 10]),
            ("?startDate=2026-03-29&timeZone=Europe/Berlin", [-13, 0, 9, 10]),
            ("?startDate=2026-03-29&endDate=2026-03-29&timeZone=Europe/Berlin", [-13, 0, 9]),
            ("?startDate=2026-03-29&endDate=2026-03-29", [0, 9, 10]),
            ("?endDate=2026-03-29T12:00:00Z", [-14, -13]),
            ("?startDate=2026-03-29T14:00:00&timeZone=Europe/Berlin", [0, 9, 10]),
            ("?startDate=2026-03-29T14:00:00%2B02:00&endDate=2026-03-29T21:00:00.001Z", [0, 9]),
        ],
    )
    def test_days_are_the_callers(
        self, admin: Caller, monitor: Monitor, location: Location, query: str, hours: list[int]
    ) -> None:
        """In Berlin this one has 23 hours, from 13 before noon in UTC to 10 after it."""
        for at in (-14, -13, 0, 9, 10):
            add_result(monitor, location, NOON + timedelta(hours=at))

        found = [datetime.fromisoformat(row["checkedAt"]) for row in history(admin, monitor, query)]

        assert [round((at - NOON) / timedelta(hours=1)) for at in found] == hours

    def test_without_a_zone_it_is_the_organizations(
        self, admin: Caller, house: Organization, monitor: Monitor, location: Location
    ) -> None:
        house.time_zone = "Pacific/Apia"
        add_result(monitor, location)

        assert history(admin, monitor)[0]["localTime"] == "2026-03-30 01:00:00"

    @pytest.mark.parametrize("trick", TRICKS)
    def test_what_a_server_says_is_no_formula(
        self, admin: Caller, monitor: Monitor, location: Location, trick: str
    ) -> None:
        add_result(monitor, location, error_message=trick, warning_message=f"all {trick}")

        (found,) = history(admin, monitor)

        assert (found["errorMessage"], found["warningMessage"]) == (f"'{trick}", f"all {trick}")

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("startDate=yesterday", "startDate"),
            ("startDate=2026-02-30", "startDate"),
            ("startDate=1969-12-31", "startDate"),
            ("startDate=2026-03-29T25:00:00Z", "startDate"),
            ("startDate=2026-03-29T12:00:00+02:00", "startDate"),
            ("startDate=2100-01-01", "startDate"),
            ("endDate=", "endDate"),
            ("endDate=2101-01-01", "endDate"),
            ("endDate=٢٠٢٦-٠٣-٢٩", "endDate"),
            ("startDate=2026-03-29&endDate=2026-03-28", "endDate"),
            ("timeZone=Mars/Olympus", "timeZone"),
            ("timeZone=../../etc/passwd", "timeZone"),
        ],
    )
    def test_a_wrong_query_is_400_by_name(
        self, admin: Caller, monitor: Monitor, query: str, name: str
    ) -> None:
        response = admin.get(monitor_path(monitor, f"/check-history.csv?{query}"))

        assert list(assert_failure(response, 400, "Invalid query parameters")["errors"]) == [name]

    def test_a_monitor_that_is_removed_meanwhile_leaves_no_whole_file(
        self, app: Flask, admin: Caller, monitor: Monitor, three: None
    ) -> None:
        told = []
        with streamed(app, admin, monitor_path(monitor, "/check-history.csv")) as pieces:
            told.append(next(pieces))
            db.session.execute(delete(Monitor).where(Monitor.id == monitor.id))
            db.session.commit()

            with pytest.raises(CutShortError):
                told.extend(piece for piece in pieces)

        assert b"".join(told).endswith(f"{INCOMPLETE}\r\n".encode())

    def test_no_connection_is_held_while_a_caller_takes_its_time(
        self, app: Flask, admin: Caller, monitor: Monitor, three: None
    ) -> None:
        path = monitor_path(monitor, "/check-history.csv")
        db.session.remove()

        with streamed(app, admin, path) as pieces:
            held = [db.engine.pool.checkedout() for _ in pieces]  # type: ignore[attr-defined] # a QueuePool

        assert held == [0] * 3

    def test_what_fails_before_the_first_byte_is_an_answer_like_any(
        self, app: Flask, admin: Caller, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> Any:
            raise OperationalError("SELECT", None, OSError("gone"))
            yield

        monkeypatch.setattr(check_history, "export", away)

        assert_failure(admin.get(monitor_path(monitor, "/check-history.csv")), 503, "Service Unavailable")

    def test_only_so_many_are_under_way_at_once(  # noqa: PLR0917 - fixtures
        self,
        app: Flask,
        admin: Caller,
        make: Factory,
        login: Callable[[User], Caller],
        house: Organization,
        monitor: Monitor,
        three: None,
    ) -> None:
        path = monitor_path(monitor, "/check-history.csv")
        others = [login(make.user(house)) for _ in range(EXPORTS_AT_ONCE)]
        with ExitStack() as stack:
            for other in others:
                next(stack.enter_context(streamed(app, other, path)))
            refused = admin.get(path)
        assert_failure(refused, 503, TOO_MANY_EXPORTS)
        assert refused.headers["Retry-After"] == str(EXPORT_RETRY_SECONDS)

        # Those that nobody took to the end have made room, and so have these, of which nobody takes anything.
        answers = [admin.send("HEAD", path) for _ in range(EXPORTS_AT_ONCE + 1)]
        assert [answer.status_code for answer in answers] == [200] * len(answers)
        assert len(history(admin, monitor)) == 3

    def test_nobody_has_two_under_way(
        self, app: Flask, make: Factory, house: Organization, monitor: Monitor, three: None
    ) -> None:
        """In however many sessions; there is room for others, who are a user and a token with one number."""
        path, user = monitor_path(monitor, "/check-history.csv"), make.user(house)
        again = caller_of(app, make.session(user))
        program = Caller(app, make.token(house))
        with streamed(app, caller_of(app, make.session(user)), path) as pieces:
            next(pieces)
            assert_failure(again.get(path), 503, TOO_MANY_EXPORTS)
            assert_failure(again.get(f"/api/customers/{monitor.customer_id}/sla.csv"), 503, TOO_MANY_EXPORTS)
            assert len(history(program, monitor)) == 3

            # Whoever has seen the end may begin the next one, though the first one is not cleared away yet.
            assert len(list(pieces)) == 2
            with streamed(app, again, path):
                pass

        assert len(history(again, monitor)) == 3

    def test_one_that_is_taken_too_slowly_is_cut_off(
        self, app: Flask, admin: Caller, monitor: Monitor, three: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(csv_file, "EXPORT_SECONDS", 0)
        path, told = monitor_path(monitor, "/check-history.csv"), []
        with streamed(app, admin, path) as pieces, pytest.raises(CutShortError):
            told.extend(piece for piece in pieces)

        assert b"".join(told).count(b"\r\n") == 3
        assert told[-1] == f"{INCOMPLETE}\r\n".encode()
        monkeypatch.undo()
        assert admin.get(path).status_code == 200


@contextmanager
def streamed(app: Flask, caller: Caller, path: str) -> Iterator[Iterator[bytes]]:
    """The pieces of an answer, each made when it is taken."""
    client = FlaskClient(app, Response)
    # It has the test's context: whoever asked before would be taken for this one.
    g.pop("actor", None)
    response = client.get(path, headers={"Authorization": f"Bearer {caller.token}"})
    assert response.status_code == 200
    try:
        yield iter(response.iter_encoded())
    finally:
        response.close()


@pytest.mark.parametrize("trick", TRICKS)
def test_a_formula_becomes_a_text(trick: str) -> None:
    assert inert(trick) == f"'{trick}"


@pytest.mark.parametrize("text", ["", " ", "a=1", "1-1", "mail.example.com", "a@example.com", "(=1)", "'=1"])
def test_any_other_text_is_left_alone(text: str) -> None:
    assert inert(text) == text
