"""`details`: everything of one monitor in one answer, with figures that are right to the millisecond."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from app.clock import to_ms, utcnow
from app.domain.calendar import TimeRange
from app.domain.enums import AlertStatus, CheckStatus, Health
from app.extensions import db
from app.models import (
    CheckResult,
    Customer,
    Location,
    MaintenancePeriod,
    Monitor,
    MonitorSchedule,
    Organization,
)
from app.services import details, rollups, uptime
from tests.api.seen import note
from tests.calling import Caller, assert_failure, monitor_path
from tests.factories import Factory

KEYS = {
    "imapPopMonitorId", "monitor", "latestCheck", "uptimeStats", "uptimeStatsMeta", "monitoringData",
    "incidents", "alerts", "testResultLog", "maintenance",
}  # fmt: skip
TIMES = ("upMs", "downMs", "maintenanceMs", "noDataMs", "notWatchedMs")
HOUR = 3_600_000
CHANGE = "date=2026-03-29&timeZone=Europe/Berlin"
"""The day on which clocks in Berlin leave out an hour: from 23:00 in UTC the day before, 23 hours."""


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location(name="Nuremberg", code="de-nbg")


@pytest.fixture
def monitor(make: Factory, customer: Customer, location: Location) -> Monitor:
    return make.monitor(customer)


@pytest.fixture
def ask(admin: Caller, monitor: Monitor) -> Callable[..., Any]:
    """The answer to an admin, with that query; of the monitor unless it is another."""

    def ask(query: str = "", of: Monitor = monitor) -> Any:
        response = admin.get(monitor_path(of, f"/details?{query}"))
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    return ask


def add_results(monitor: Monitor, location: Location, *results: tuple[str, CheckStatus, int]) -> None:
    """Stored and summed up: when, what, and how many milliseconds it took."""
    rows = [
        {
            "monitor_id": monitor.id,
            "location_id": location.id,
            "checked_at": datetime.fromisoformat(at),
            "status": status,
            "timing_ms": spent,
            "diagnostics": {"timings": {"dns": 3, "login": spent - 3}, "transcript": ["S: * OK"]},
        }
        for at, status, spent in results
    ]
    db.session.add_all(CheckResult(**row) for row in rows)
    rollups.add(rows)
    db.session.commit()


def add_period(monitor: Monitor, start: str, end: str, *, of_customer: bool = False) -> None:
    """Maintenance that has been."""
    row = MaintenancePeriod(
        customer_id=monitor.customer_id,
        monitor_id=None if of_customer else monitor.id,
        started_at=datetime.fromisoformat(start),
        ended_at=datetime.fromisoformat(end),
    )
    db.session.add(row)
    db.session.commit()


def length_of(figures: Any) -> int:
    ends = [datetime.fromisoformat(figures[name]) for name in ("from", "until")]
    return to_ms(ends[1]) - to_ms(ends[0])


def spent(figures: Any) -> dict[str, int]:
    return {name: figures[name] for name in TIMES if figures[name]}


class TestWhole:
    def test_a_new_monitor_has_all_the_keys_and_nothing_in_them(
        self, ask: Callable[..., Any], monitor: Monitor
    ) -> None:
        shown = ask()

        assert shown.keys() == KEYS
        assert shown["imapPopMonitorId"] == monitor.id
        assert shown["latestCheck"] is None
        assert set(shown["uptimeStats"].values()) == {None}
        for name in ("incidents", "alerts", "testResultLog"):
            assert shown[name] == []
        assert shown["maintenance"] == {"inMaintenance": False, "activeWindows": [], "allWindows": []}
        assert [segment["state"] for segment in shown["uptimeStatsMeta"]["segments"]] == ["not_watched"]

    def test_the_monitor_is_shown_as_everywhere(
        self, ask: Callable[..., Any], admin: Caller, readonly: Caller, monitor: Monitor
    ) -> None:
        assert ask()["monitor"] == admin.get(monitor_path(monitor)).get_json()
        masked = readonly.get(monitor_path(monitor, "/details")).get_json()["monitor"]
        assert masked == readonly.get(monitor_path(monitor)).get_json()
        assert masked["config"]["password"] == "********"

    def test_the_log_has_the_newest_and_the_latest_check_is_first_in_it(
        self, ask: Callable[..., Any], admin: Caller, monitor: Monitor, location: Location
    ) -> None:
        results = [(f"2026-03-29T12:00:{at:02}Z", CheckStatus.SUCCESS, 40) for at in range(55)]
        add_results(monitor, location, *results, ("2026-03-29T13:00:00.5Z", CheckStatus.WARNING, 90))

        shown = ask()

        assert shown["testResultLog"] == admin.get(monitor_path(monitor, "/check-history")).get_json()["data"]
        assert len(shown["testResultLog"]) == 50
        assert shown["latestCheck"] == {
            "status": "warning",
            "checkedAt": "2026-03-29T13:00:00.500Z",
            "timingImapPop": 90,
            "errorCode": None,
            "errorMessage": None,
            "warningMessage": None,
            "locationCode": "de-nbg",
            "locationName": "Nuremberg",
        }

    def test_incidents_and_alerts_are_those_of_their_histories(
        self, ask: Callable[..., Any], admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        start = utcnow() - timedelta(hours=1)
        incident = make.incident(monitor, started_at=start, ended_at=start + timedelta(seconds=150))
        make.alert(incident, AlertStatus.FAILED)
        make.alert(make.incident(make.monitor(monitor.customer)))

        shown = ask()

        histories = {
            name: admin.get(monitor_path(monitor, f"/{name}-history")) for name in ("incident", "alert")
        }
        assert shown["incidents"] == histories["incident"].get_json()["incidents"]
        assert shown["alerts"] == histories["alert"].get_json()["alerts"]
        assert (len(shown["incidents"]), len(shown["alerts"])) == (1, 1)

    def test_maintenance_that_is_going_on(
        self, ask: Callable[..., Any], make: Factory, customer: Customer, monitor: Monitor
    ) -> None:
        window = make.window(customer, [monitor])
        later = make.window(customer, start_time=utcnow() + timedelta(days=1))
        make.window(customer, [make.monitor(customer)])

        shown = ask()["maintenance"]

        assert shown["inMaintenance"] is True
        assert [row["id"] for row in shown["activeWindows"]] == [window.id]
        assert [row["id"] for row in shown["allWindows"]] == [later.id, window.id]

    def test_maintenance_by_its_own_status(
        self, ask: Callable[..., Any], admin: Caller, monitor: Monitor
    ) -> None:
        admin.patch(monitor_path(monitor), {"status": "maintenance"})

        shown = ask()

        assert shown["maintenance"] == {"inMaintenance": True, "activeWindows": [], "allWindows": []}
        assert shown["uptimeStatsMeta"]["segments"][-1]["state"] == "maintenance"


class TestUptime:
    def test_a_day_of_23_hours_to_the_millisecond(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        note(
            monitor,
            location,
            ("2026-03-01T00:00:00Z", Health.UP),
            ("2026-03-29T10:00:00.001Z", Health.DOWN),
            ("2026-03-29T10:30:00.250Z", Health.UP),
        )

        shown = ask(CHANGE)

        day = shown["uptimeStatsMeta"]["day"]
        down = 30 * 60_000 + 249
        assert (day["from"], day["until"]) == ("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z")
        assert spent(day) == {"upMs": 23 * HOUR - down, "downMs": down}
        assert day["longestOutageMs"] == down
        assert shown["uptimeStats"]["day"] == day["uptime"] == 97.8257
        assert shown["uptimeStatsMeta"]["timeZone"] == "Europe/Berlin"
        assert shown["uptimeStatsMeta"]["segments"] == [
            {"from": "2026-03-28T23:00:00.000Z", "until": "2026-03-29T10:00:00.001Z", "state": "up"},
            {"from": "2026-03-29T10:00:00.001Z", "until": "2026-03-29T10:30:00.250Z", "state": "down"},
            {"from": "2026-03-29T10:30:00.250Z", "until": "2026-03-29T22:00:00.000Z", "state": "up"},
        ]

    def test_month_and_year_have_it_too_and_what_was_before_the_first_result_is_out(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        note(
            monitor,
            location,
            ("2026-03-29T00:00:00Z", Health.UP),
            ("2026-03-29T10:00:00Z", Health.DOWN),
            ("2026-03-29T11:00:00Z", Health.UP),
        )

        shown = ask(CHANGE)

        month, year = (shown["uptimeStatsMeta"][name] for name in ("month", "year"))
        assert (month["from"], month["until"]) == ("2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z")
        assert spent(month) == {"upMs": 69 * HOUR, "downMs": HOUR, "notWatchedMs": 28 * 24 * HOUR + HOUR}
        assert shown["uptimeStats"]["month"] == 98.5714
        assert year["from"] == "2025-12-31T23:00:00.000Z"
        assert year["downMs"] == HOUR
        assert shown["uptimeStats"]["year"] > shown["uptimeStats"]["month"]

    @pytest.mark.parametrize(
        "query",
        [
            CHANGE,
            f"{CHANGE}&range=week",
            f"{CHANGE}&range=month",
            f"{CHANGE}&range=month&granularity=week",
            f"{CHANGE}&range=year",
            f"{CHANGE}&range=year&granularity=day",
            "startDate=2026-03-28T12:34:56.789Z&endDate=2026-03-30T00:00:00.001Z",
            "startDate=2026-02-01&endDate=2026-04-15&granularity=month&timeZone=Asia/Kathmandu",
        ],
    )
    def test_points_add_up_to_the_range_and_the_range_to_its_length(
        self, ask: Callable[..., Any], make: Factory, customer: Customer, location: Location, query: str
    ) -> None:
        other = make.location(code="b")
        monitor = make.monitor(customer)
        note(monitor, location, ("2026-03-02T00:00:00Z", Health.UP), ("2026-03-29T10:00:00.5Z", Health.DOWN))
        note(monitor, other, ("2026-03-29T10:10:00Z", Health.DOWN), ("2026-03-30T00:00:00Z", Health.NO_DATA))
        add_period(monitor, "2026-03-29T00:30:00.123Z", "2026-03-29T01:30:00Z")
        add_results(
            monitor,
            location,
            ("2026-03-28T23:30:00Z", CheckStatus.SUCCESS, 40),
            ("2026-03-29T10:00:00.5Z", CheckStatus.ERROR, 30_000),
            ("2026-03-29T11:00:00Z", CheckStatus.WARNING, 800),
        )

        shown = ask(query, monitor)

        figures = shown["uptimeStatsMeta"]["range"]
        points = shown["monitoringData"]
        assert sum(figures[name] for name in TIMES) == length_of(figures)
        for name in (*TIMES, "checks", "warnings", "failures"):
            assert sum(point[name] for point in points) == figures[name]
        assert (points[0]["from"], points[-1]["until"]) == (figures["from"], figures["until"])
        assert all(one["until"] == two["from"] for one, two in pairwise(points))
        segments = shown["uptimeStatsMeta"]["segments"]
        assert sum(map(length_of, segments)) == length_of(figures)

    def test_maintenance_is_out_and_is_no_outage(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        note(monitor, location, ("2026-03-01T00:00:00Z", Health.UP), ("2026-03-29T10:00:00Z", Health.DOWN))
        add_period(monitor, "2026-03-29T09:00:00Z", "2026-03-29T10:30:00Z")
        add_period(monitor, "2026-03-29T10:15:00Z", "2026-03-29T12:00:00Z", of_customer=True)

        day = ask("date=2026-03-29")["uptimeStatsMeta"]["day"]

        assert spent(day) == {"upMs": 9 * HOUR, "downMs": 12 * HOUR, "maintenanceMs": 3 * HOUR}
        assert (day["uptime"], day["longestOutageMs"]) == (42.8571, 12 * HOUR)

    def test_locations_vote(
        self, ask: Callable[..., Any], make: Factory, customer: Customer, location: Location
    ) -> None:
        others = [make.location(code="b"), make.location(code="c")]
        monitor = make.monitor(customer)
        for place, hour in zip((location, *others), (6, 12, 18), strict=True):
            note(
                monitor,
                place,
                ("2026-03-28T00:00:00Z", Health.UP),
                (f"2026-03-29T{hour:02}:00:00Z", Health.DOWN),
            )

        day = ask("date=2026-03-29", monitor)["uptimeStatsMeta"]["day"]

        assert spent(day) == {"upMs": 12 * HOUR, "downMs": 12 * HOUR}

    def test_silence_shows_with_every_scheduler_dead(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        note(monitor, location, ("2026-03-01T00:00:00Z", Health.UP))
        silent_since = to_ms(utcnow() - timedelta(minutes=5))
        db.session.execute(update(MonitorSchedule).values(data_until_ms=silent_since))
        db.session.commit()

        figures = ask(f"startDate={(utcnow() - timedelta(minutes=20)):%Y-%m-%dT%H:%M:%SZ}")

        meta = figures["uptimeStatsMeta"]
        assert figures["monitor"]["health"] == "no_data"
        assert [segment["state"] for segment in meta["segments"]] == ["up", "no_data"]
        assert 300_000 <= meta["range"]["noDataMs"] < 330_000
        assert meta["range"]["uptime"] == 100

    def test_a_monitor_that_is_disabled_is_not_watched(
        self, ask: Callable[..., Any], admin: Caller, monitor: Monitor, location: Location
    ) -> None:
        note(monitor, location, ("2026-03-01T00:00:00Z", Health.DOWN))

        assert admin.patch(monitor_path(monitor), {"status": "disabled"}).status_code == 200

        assert ask()["uptimeStatsMeta"]["segments"][-1]["state"] == "not_watched"


class TestChecks:
    RESULTS = (
        ("2026-03-29T09:59:59Z", CheckStatus.SUCCESS, 40),
        ("2026-03-29T10:00:00Z", CheckStatus.WARNING, 80),
        ("2026-03-29T10:30:00Z", CheckStatus.ERROR, 30_000),
        ("2026-03-29T10:59:59Z", CheckStatus.SUCCESS, 41),
        ("2026-03-28T10:00:00Z", CheckStatus.SUCCESS, 1_000),
        ("2026-01-01T10:00:00Z", CheckStatus.SUCCESS, 9_000),
    )

    def test_points_have_what_the_checks_of_their_hour_came_to(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        add_results(monitor, location, *self.RESULTS)

        points = ask("date=2026-03-29")["monitoringData"]

        names = ("checks", "warnings", "failures", "avgResponse", "p95Response", "timings")
        assert [points[10][name] for name in names] == [3, 1, 1, 60, 100, {"dns": 3, "login": 58}]
        assert [points[9][name] for name in names] == [1, 0, 0, 40, 50, {"dns": 3, "login": 37}]
        assert [points[11][name] for name in names] == [0, 0, 0, None, None, {}]
        assert points[10]["from"] == "2026-03-29T10:00:00.000Z"

    def test_day_month_and_year_have_averages_of_their_own(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        add_results(monitor, location, *self.RESULTS)

        shown = ask("date=2026-03-29")

        names = ("dayAvgResponse", "monthAvgResponse", "yearAvgResponse")
        assert [shown["uptimeStats"][name] for name in names] == [54, 290, 2032]
        assert [shown["uptimeStatsMeta"][unit]["checks"] for unit in ("day", "month", "year")] == [4, 5, 6]

    def test_it_is_said_which_hours_are_meant(
        self, ask: Callable[..., Any], monitor: Monitor, location: Location
    ) -> None:
        add_results(monitor, location, *self.RESULTS)

        figures = ask("startDate=2026-03-29T09:30:00Z&endDate=2026-03-29T10:15:00Z")["uptimeStatsMeta"][
            "range"
        ]

        assert (figures["checksFrom"], figures["checksUntil"]) == (
            "2026-03-29T10:00:00.000Z",
            "2026-03-29T11:00:00.000Z",
        )
        assert figures["checks"] == 3

    def test_what_is_not_over_is_counted_until_now(self, ask: Callable[..., Any]) -> None:
        figures = ask()["uptimeStatsMeta"]["range"]

        assert figures["checksUntil"] == figures["until"]
        assert datetime.fromisoformat(figures["until"]) <= utcnow()

    @pytest.mark.parametrize(
        ("query", "granularity", "count"),
        [
            (CHANGE, "hour", 23),
            (f"{CHANGE}&range=week", "hour", 7 * 24 - 1),
            (f"{CHANGE}&range=month", "day", 31),
            ("date=2025-06-01&range=year", "month", 12),
            ("date=2025-06-01&range=year&granularity=week", "week", 53),
            ("date=2025-06-01&range=year&granularity=day", "day", 365),
            ("startDate=2016-01-01&endDate=2025-12-31", "month", 120),
            ("date=2099-01-01", "hour", 0),
        ],
    )
    def test_as_many_points_as_the_range_asks_for(
        self, ask: Callable[..., Any], query: str, granularity: str, count: int
    ) -> None:
        shown = ask(query)

        assert shown["uptimeStatsMeta"]["granularity"] == granularity
        assert len(shown["monitoringData"]) == count

    def test_raw_has_each_result(self, ask: Callable[..., Any], monitor: Monitor, location: Location) -> None:
        add_results(monitor, location, *self.RESULTS)

        shown = ask("date=2026-03-29&granularity=raw")

        assert [point["checkedAt"][11:19] for point in shown["monitoringData"]] == [
            "09:59:59",
            "10:00:00",
            "10:30:00",
            "10:59:59",
        ]
        assert shown["monitoringData"][1] | {"id": ""} == {
            "id": "",
            "checkedAt": "2026-03-29T10:00:00.000Z",
            "status": "warning",
            "errorCode": None,
            "timingImapPop": 80,
            "inMaintenance": False,
            "locationId": location.id,
            "locationCode": "de-nbg",
            "locationName": "Nuremberg",
            "timings": {"dns": 3, "login": 77},
        }
        assert shown["uptimeStatsMeta"]["truncated"] is False
        assert shown["uptimeStatsMeta"]["range"]["checks"] == 4

    def test_of_too_many_results_the_newest_are_told(
        self,
        ask: Callable[..., Any],
        monitor: Monitor,
        location: Location,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(details, "MAX_RAW", 2)
        add_results(monitor, location, *self.RESULTS)

        shown = ask("date=2026-03-29&granularity=raw")

        assert [point["checkedAt"][11:16] for point in shown["monitoringData"]] == ["10:30", "10:59"]
        assert shown["uptimeStatsMeta"]["truncated"] is True

    def test_a_result_without_timings_has_none(
        self, ask: Callable[..., Any], make: Factory, monitor: Monitor, location: Location
    ) -> None:
        make.result(monitor, location)

        assert ask("granularity=raw")["monitoringData"][0]["timings"] == {}


def test_of_too_many_segments_the_newest_are_told(
    ask: Callable[..., Any], monitor: Monitor, location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(details, "MAX_SEGMENTS", 2)
    changes = [(f"2026-03-29T{hour:02}:00:00Z", (Health.UP, Health.DOWN)[hour % 2]) for hour in range(9)]
    note(monitor, location, *changes)

    meta = ask("date=2026-03-29")["uptimeStatsMeta"]

    assert [segment["from"][11:13] for segment in meta["segments"]] == ["07", "08"]
    assert meta["segmentsTruncated"] is True
    assert meta["range"]["downMs"] == 4 * HOUR


def test_days_are_the_organizations_unless_the_caller_says_otherwise(
    ask: Callable[..., Any], house: Organization
) -> None:
    house.time_zone = "Asia/Kolkata"
    db.session.commit()

    assert ask("date=2026-03-29")["uptimeStatsMeta"]["day"]["from"] == "2026-03-28T18:30:00.000Z"
    assert ask("date=2026-03-29&timeZone=UTC")["uptimeStatsMeta"]["day"]["from"] == "2026-03-29T00:00:00.000Z"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("range=decade", "range"),
        ("range=hour", "range"),
        ("range=", "range"),
        ("date=2026-02-29", "date"),
        ("date=2026-2-1", "date"),
        ("date=1769900000", "date"),
        ("date=2026-03-29 12:00:00", "date"),
        ("date=%00", "date"),
        ("startDate=2026-03-29&endDate=2026-03-28", "endDate"),
        ("startDate=2026-03-29T12:00:00Z&endDate=2026-03-29T12:00:00Z", "endDate"),
        ("startDate=2099-01-01", "startDate"),
        ("startDate=2000-01-01&endDate=2026-03-28", "startDate"),
        ("granularity=year", "granularity"),
        ("granularity=minute", "granularity"),
        ("range=year&date=2025-01-01&granularity=hour", "granularity"),
        ("timeZone=CEST", "timeZone"),
        ("timeZone=Factory", "timeZone"),
    ],
)
def test_a_wrong_query_is_400_by_name(admin: Caller, monitor: Monitor, query: str, name: str) -> None:
    response = admin.get(monitor_path(monitor, f"/details?{query}"))

    assert list(assert_failure(response, 400, "Invalid query parameters")["errors"]) == [name]


def test_what_is_no_monitor_is_refused(admin: Caller) -> None:
    path = "/api/imap-pop-monitors/{}/details"

    assert_failure(admin.get(path.format(5)), 400, "IMAP/POP monitor public ID (UUID) required")
    assert_failure(
        admin.get(path.format("66666666-6666-4666-8666-666666666666")), 404, "IMAP/POP monitor not found"
    )


class TestLongHistories:
    """What a mailbox that goes up and down all the time takes is seconds of a processor."""

    @pytest.fixture
    def crowd(self, monitor: Monitor, location: Location, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """A year with many transitions, while as many others are looked at as may be."""
        monkeypatch.setattr(uptime, "MANY", 3)
        changes = [("2026-03-01T00:00:00Z", Health.UP), ("2026-03-02T00:00:00Z", Health.DOWN)]
        note(monitor, location, *changes, ("2026-03-03T00:00:00Z", Health.UP))
        with ExitStack() as stack:
            for _ in range(uptime.MANY_AT_ONCE):
                within = TimeRange(
                    *map(datetime.fromisoformat, ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"))
                )
                stack.enter_context(uptime.room_for(monitor.id, within))
            yield

    def test_only_so_many_are_looked_at_at_once(
        self, crowd: None, admin: Caller, make: Factory, monitor: Monitor, ask: Callable[..., Any]
    ) -> None:
        path = monitor_path(monitor, "/details?date=2026-03-02")
        refused = admin.get(path)

        assert_failure(refused, 503, uptime.TOO_MUCH)
        assert refused.headers["Retry-After"] == str(uptime.RETRY_SECONDS)
        assert ask("date=2026-03-02", of=make.monitor(monitor.customer))
        assert ask("date=2025-03-02")

    def test_each_makes_room_when_it_has_been_told(
        self, monitor: Monitor, location: Location, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uptime, "MANY", 1)
        note(monitor, location, ("2026-03-01T00:00:00Z", Health.UP))

        for _ in range(uptime.MANY_AT_ONCE + 1):
            assert ask("date=2026-03-02")["uptimeStats"]
