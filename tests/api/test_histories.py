"""What became of one monitor: the family's histories of incidents and alerts (contract 3.2)."""

import locale
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import to_english, to_iso, utcnow
from app.domain.enums import AlertEvent, AlertStatus, Role
from app.models import Monitor, Organization, User
from tests.calling import MONITORS, Caller, assert_failure, monitor_path
from tests.factories import Factory

START = datetime(2026, 2, 26, 12, 10, tzinfo=UTC)
HISTORIES = ("incident-history", "alert-history")


@pytest.fixture
def monitor(make: Factory, house: Organization) -> Monitor:
    make.location()
    return make.monitor(make.customer(house))


def incidents_of(caller: Caller, monitor: Monitor) -> list[dict[str, object]]:
    answer = caller.get(monitor_path(monitor, "/incident-history")).get_json()
    assert answer.keys() == {"incidents", "total"}
    return list(answer["incidents"])


class TestIncidents:
    def test_a_resolved_one_is_told_as_the_family_does(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        row = make.incident(monitor, started_at=START, ended_at=START + timedelta(seconds=150))

        assert admin.get(monitor_path(monitor, "/incident-history")).get_json() == {
            "incidents": [
                {
                    "id": row.id,
                    "type": "connection_refused",
                    "status": "resolved",
                    "startedAt": "Feb 26, 2026, 12:10:00",
                    "endedAt": "Feb 26, 2026, 12:12:30",
                    "duration": "2m 30s",
                    "durationMs": 150_000,
                    "isOngoing": False,
                    "details": "The connection was refused.",
                }
            ],
            "total": 1,
        }

    def test_an_ongoing_one_is_active_and_has_lasted_until_now(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        make.incident(monitor, started_at=utcnow() - timedelta(hours=2, seconds=1), error_message=None)

        (shown,) = incidents_of(admin, monitor)

        assert (shown["status"], shown["isOngoing"], shown["endedAt"]) == ("active", True, None)
        assert str(shown["duration"]).startswith("2h 0m ")
        assert 7_201_000 <= int(str(shown["durationMs"])) < 7_260_000
        assert shown["details"] is None

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (3_600, "1h 0m 0s"), (93_784, "1d 2h 3m 4s")]
    )
    def test_durations_of_every_size(
        self, admin: Caller, make: Factory, monitor: Monitor, seconds: float, text: str
    ) -> None:
        make.incident(monitor, started_at=START, ended_at=START + timedelta(seconds=seconds))

        (shown,) = incidents_of(admin, monitor)
        assert (shown["duration"], shown["durationMs"]) == (text, seconds * 1000)

    def test_none_lasts_less_than_nothing(self, admin: Caller, make: Factory, monitor: Monitor) -> None:
        """As one would that begins, by the clock of its scheduler, later than it is here."""
        make.incident(monitor, started_at=utcnow() + timedelta(minutes=1))

        assert incidents_of(admin, monitor)[0]["durationMs"] == 0

    def test_the_newest_hundred_are_shown_and_all_are_counted(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        ids = [make.incident(monitor, ended_at=utcnow()).id for _ in range(101)]

        answer = admin.get(monitor_path(monitor, "/incident-history")).get_json()

        assert [row["id"] for row in answer["incidents"]] == ids[:0:-1]
        assert answer["total"] == 101


class TestAlerts:
    def test_an_attempt_is_told_as_the_family_does(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor)
        sent = make.alert(incident, sent_at=START)
        failed = make.alert(incident, AlertStatus.FAILED, channel_type="email", channel_name="a@example.com")

        assert admin.get(monitor_path(monitor, "/alert-history")).get_json() == {
            "alerts": [
                {
                    "id": failed.id,
                    "incidentId": incident.id,
                    "type": "email",
                    "status": "failed",
                    "channelName": "a@example.com",
                    "sentAt": to_iso(failed.sent_at),
                    "errorMessage": "The channel answered 500.",
                },
                {
                    "id": sent.id,
                    "incidentId": incident.id,
                    "type": "slack",
                    "status": "sent",
                    "channelName": "Ops Slack",
                    "sentAt": "2026-02-26T12:10:00.000Z",
                    "errorMessage": None,
                },
            ],
            "total": 2,
        }

    def test_what_was_not_tried_is_not_shown(self, admin: Caller, make: Factory, monitor: Monitor) -> None:
        incident = make.incident(monitor)
        for status in AlertStatus:
            make.alert(incident, status)

        answer = admin.get(monitor_path(monitor, "/alert-history")).get_json()

        assert {row["status"] for row in answer["alerts"]} == {"sent", "failed"}
        assert answer["total"] == 2

    def test_attempts_and_events_of_all_incidents_are_in_the_order_of_time(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        """Which need not be that of their making: a channel may have a delay."""
        past, current = make.incident(monitor, ended_at=utcnow()), make.incident(monitor)
        message = uuid4()
        late = make.alert(past, sent_at=START + timedelta(minutes=30))
        first = make.alert(past, AlertStatus.FAILED, message_id=message, sent_at=START)
        second = make.alert(past, message_id=message, attempt=2, sent_at=START + timedelta(seconds=10))
        over = make.alert(current, event=AlertEvent.RECOVERY, sent_at=START + timedelta(hours=1))

        answer = admin.get(monitor_path(monitor, "/alert-history")).get_json()

        assert [row["id"] for row in answer["alerts"]] == [over.id, late.id, second.id, first.id]

    def test_the_newest_hundred_are_shown_and_all_are_counted(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor)
        ids = [make.alert(incident, sent_at=START + timedelta(seconds=at)).id for at in range(101)]

        answer = admin.get(monitor_path(monitor, "/alert-history")).get_json()

        assert [row["id"] for row in answer["alerts"]] == ids[:0:-1]
        assert answer["total"] == 101

    def test_who_was_told_before_a_move_is_the_former_customers(
        self, make: Factory, login: Callable[[User], Caller], house: Organization, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor)
        before = make.alert(
            incident, created_at=START, sent_at=START + timedelta(hours=2), address="a@a.example"
        )
        monitor.customer_since = START + timedelta(hours=1)
        after = make.alert(
            incident, created_at=START + timedelta(hours=1), sent_at=START + timedelta(hours=1)
        )
        restricted = login(make.user(house, Role.READONLY, customers=[monitor.customer]))
        program = Caller(restricted.client.application, make.token(customer=monitor.customer))

        for caller, seen in (
            (restricted, [after.id]),
            (program, [after.id]),
            (login(make.user(house, Role.READONLY)), [before.id, after.id]),
        ):
            answer = caller.get(monitor_path(monitor, "/alert-history")).get_json()
            assert ([row["id"] for row in answer["alerts"]], answer["total"]) == (seen, len(seen))
            details = caller.get(monitor_path(monitor, "/details")).get_json()
            assert [row["id"] for row in details["alerts"]] == seen


@pytest.mark.parametrize("history", HISTORIES)
class TestBoth:
    def test_other_monitors_have_their_own(
        self, admin: Caller, make: Factory, monitor: Monitor, history: str
    ) -> None:
        make.alert(make.incident(make.monitor(monitor.customer)))

        answer = admin.get(monitor_path(monitor, f"/{history}")).get_json()
        assert (answer[f"{history.split('-', maxsplit=1)[0]}s"], answer["total"]) == ([], 0)

    def test_only_a_uuid_names_a_monitor(self, admin: Caller, monitor: Monitor, history: str) -> None:
        for identifier in (monitor.id, "x", "%00"):
            response = admin.get(f"{MONITORS}/{identifier}/{history}")
            assert_failure(response, 400, "IMAP/POP monitor public ID (UUID) required")
        assert_failure(admin.get(f"{MONITORS}/{uuid4()}/{history}"), 404, "IMAP/POP monitor not found")

    def test_another_organizations_is_404_and_another_customers_403(  # noqa: PLR0917 - fixtures
        self,
        make: Factory,
        login: Callable[[User], Caller],
        house: Organization,
        monitor: Monitor,
        nobody: Caller,
        history: str,
    ) -> None:
        path = monitor_path(monitor, f"/{history}")
        restricted = login(make.user(house, Role.READONLY, customers=[make.customer(house)]))

        assert_failure(nobody.get(path), 401, "Unauthorized")
        assert_failure(login(make.user(make.organization())).get(path), 404, "IMAP/POP monitor not found")
        assert_failure(restricted.get(path), 403, "Forbidden")
        assert login(make.user(house, Role.READONLY)).get(path).status_code == 200


@pytest.fixture
def german() -> Iterator[None]:
    """A process whose months are those of another language, where the machine has one."""
    before = locale.setlocale(locale.LC_TIME)
    for name in ("de_DE.UTF-8", "C.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_TIME, name)
        except locale.Error:
            continue
        break
    yield
    locale.setlocale(locale.LC_TIME, before)


def test_dates_are_in_english_wherever_the_process_runs(german: None) -> None:
    told = [to_english(datetime(2026, month, 3, 4, 5, 6, tzinfo=UTC)) for month in range(1, 13)]

    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    assert told == [f"{name} 3, 2026, 04:05:06" for name in names]


ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=ZONES))  # noqa: DTZ001 - bounds
def test_dates_are_in_utc(at: datetime) -> None:
    told = datetime.strptime(to_english(at), "%b %d, %Y, %H:%M:%S").replace(tzinfo=UTC)

    assert told == at.astimezone(UTC).replace(microsecond=0)
