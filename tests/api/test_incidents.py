"""Incidents of all monitors: listed, filtered, looked at (contract section 4)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import to_iso, utcnow
from app.domain.enums import AlertEvent, AlertStatus, IncidentEventKind, Role
from app.extensions import db
from app.models import Customer, Incident, IncidentEvent, Monitor, Organization, User
from app.services import incidents
from tests.calling import INCIDENTS, Caller, assert_failure, monitor_path
from tests.factories import Factory

START = datetime(2026, 2, 26, 12, 10, tzinfo=UTC)
EVIDENCE = {
    "resultId": "77777777-7777-4777-8777-777777777777",
    "checkedAt": "2026-02-26T12:10:00.000Z",
    "locationCode": "local",
    "diagnostics": {"errorCode": "timeout", "transcript": ["S: * OK ready", "C: a LOGIN ****"]},
}


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    make.location()
    return make.customer(house)


def listed(caller: Caller, query: str = "") -> list[int]:
    """The ids in a list that is no longer than one page."""
    answer = caller.get(f"{INCIDENTS}?{query}").get_json()
    found = [row["id"] for row in answer["incidents"]]
    assert answer["total"] == len(found)
    return found


def path_of(incident: Any, suffix: str = "") -> str:
    return f"{INCIDENTS}/{incident.public_id}{suffix}"


class TestList:
    def test_an_open_incident_has_the_contracts_keys(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        row = make.incident(monitor, started_at=utcnow() - timedelta(minutes=5), evidence=EVIDENCE)

        (shown,) = admin.get(INCIDENTS).get_json()["incidents"]

        assert 300_000 <= shown.pop("durationMs") < 400_000
        assert shown == {
            "id": row.id,
            "publicId": str(row.public_id),
            "organizationId": monitor.organization_id,
            "imapPopMonitorId": monitor.id,
            "monitor": {
                "publicId": str(monitor.public_id),
                "name": monitor.name,
                "hostname": "mail.example.com",
            },
            "customer": {"id": monitor.customer_id, "name": monitor.customer.name},
            "type": "connection_refused",
            "status": "open",
            "startedAt": to_iso(row.started_at),
            "endedAt": None,
            "acknowledgedAt": None,
            "acknowledgedBy": None,
            "lastNotifiedAt": None,
            "errorMessage": "The connection was refused.",
        }

    def test_a_resolved_incident_has_lasted_from_start_to_end(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        make.incident(
            monitor,
            started_at=START,
            ended_at=START + timedelta(seconds=150),
            last_notified_at=START,
            acknowledged_at=START,
            acknowledged_by="ada@example.com",
        )

        (shown,) = admin.get(INCIDENTS).get_json()["incidents"]

        assert (shown["status"], shown["durationMs"]) == ("resolved", 150_000)
        assert shown["endedAt"] == "2026-02-26T12:12:30.000Z"
        assert shown["acknowledgedBy"] == "ada@example.com"
        assert shown["acknowledgedAt"] == shown["lastNotifiedAt"] == "2026-02-26T12:10:00.000Z"

    def test_the_newest_comes_first(self, admin: Caller, make: Factory, customer: Customer) -> None:
        ids = [make.incident(make.monitor(customer)).id for _ in range(3)]

        assert listed(admin) == ids[::-1]

    def test_it_is_about_the_monitor_and_the_customer_as_they_are_now(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        make.incident(monitor)
        other = make.customer(db.session.get_one(Organization, monitor.organization_id))
        admin.patch(monitor_path(monitor), {"name": "New", "customerId": other.id})

        (shown,) = admin.get(INCIDENTS).get_json()["incidents"]
        assert (shown["monitor"]["name"], shown["customer"]["id"]) == ("New", other.id)

    def test_there_may_be_none(self, admin: Caller, house: Organization) -> None:
        assert admin.get(INCIDENTS).get_json() == {"incidents": [], "total": 0}

    def test_what_is_removed_takes_its_incidents_along(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor)
        make.alert(incident)

        assert admin.delete(monitor_path(monitor)).status_code == 200

        assert listed(admin) == []
        assert_failure(admin.get(path_of(incident)), 404, "Incident not found")


class TestFilters:
    @pytest.fixture
    def cast(self, make: Factory, house: Organization) -> dict[str, Any]:
        """Two customers, two monitors of the first; an open and a resolved incident of each monitor."""
        make.location()
        first, second = make.customer(house), make.customer(house)
        monitors = [make.monitor(first), make.monitor(first), make.monitor(second)]
        rows = [
            make.incident(monitor, type=kind, ended_at=ended_at)
            for monitor in monitors
            for kind, ended_at in (("timeout", utcnow()), ("dns_failure", None))
        ]
        return {"customers": [first, second], "monitors": monitors, "ids": [row.id for row in rows]}

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", [0, 1, 2, 3, 4, 5]),
            ("status=open", [1, 3, 5]),
            ("status=resolved", [0, 2, 4]),
            ("type=timeout", [0, 2, 4]),
            ("type=slow_response", []),
            ("type=downtime", []),
            ("type=timeout&status=open", []),
            ("type=dns_failure&status=open", [1, 3, 5]),
            ("customerId={customer.id}", [0, 1, 2, 3]),
            ("customerId={customer.public_id}", [0, 1, 2, 3]),
            ("customerId={customer.id}&status=open", [1, 3]),
            ("monitorId={monitor.id}", [2, 3]),
            ("monitorId={monitor.public_id}", [2, 3]),
            ("monitorId={monitor.id}&type=timeout&status=resolved", [2]),
            ("monitorId={monitor.id}&customerId={customer.id}", [2, 3]),
            ("monitorId={monitor.id}&customerId={other.id}", []),
            ("customerId=987654321", []),
            ("monitorId=987654321", []),
            ("monitorId=55555555-5555-4555-8555-555555555555", []),
            ("organizationId={house.id}&status=open", [1, 3, 5]),
        ],
    )
    def test_each_lets_through_what_it_says(
        self, admin: Caller, cast: dict[str, Any], house: Organization, query: str, found: list[int]
    ) -> None:
        names = {
            "customer": cast["customers"][0],
            "other": cast["customers"][1],
            "monitor": cast["monitors"][1],
            "house": house,
        }
        assert listed(admin, query.format(**names)) == [cast["ids"][at] for at in reversed(found)]

    @pytest.mark.parametrize(
        "query",
        [
            "status=active",
            "status=",
            "type=nothing",
            "customerId=acme",
            "monitorId=1.5",
            "monitorId=",
            "limit=0",
            "limit=201",
            "limit=x",
            "before=x",
            "before=",
            "organizationId=x",
            "status=open%00",
        ],
    )
    def test_a_query_that_makes_no_sense_is_400(self, admin: Caller, house: Organization, query: str) -> None:
        body = assert_failure(admin.get(f"{INCIDENTS}?{query}"), 400, "Invalid query parameters")
        assert list(body["errors"]) == [query.split("=", maxsplit=1)[0]]


class TestPages:
    @pytest.fixture
    def rows(self, make: Factory, monitor: Monitor) -> list[Incident]:
        """Seven, the newest first."""
        return [make.incident(monitor, ended_at=utcnow()) for _ in range(7)][::-1]

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
    @pytest.mark.parametrize("few", [0, 10_000], ids=["many", "few"])
    def test_they_follow_each_other_without_gap_or_overlap(
        self, admin: Caller, rows: list[Incident], limit: int, few: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(incidents, "FEW", few)
        seen: list[str] = []
        while True:
            before = f"&before={seen[-1]}" if seen else ""
            answer = admin.get(f"{INCIDENTS}?limit={limit}{before}").get_json()
            assert answer["total"] == 7
            if not answer["incidents"]:
                break
            assert len(answer["incidents"]) <= limit
            seen += [row["publicId"] for row in answer["incidents"]]

        assert seen == [str(row.public_id) for row in rows]

    def test_fifty_are_shown_unless_asked_otherwise(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        for _ in range(51):
            make.incident(monitor, ended_at=utcnow())

        answer = admin.get(INCIDENTS).get_json()
        assert (len(answer["incidents"]), answer["total"]) == (50, 51)

    def test_what_comes_in_or_ends_meanwhile_moves_nothing(
        self, admin: Caller, make: Factory, monitor: Monitor, rows: list[Incident]
    ) -> None:
        first = admin.get(f"{INCIDENTS}?limit=3").get_json()["incidents"]
        make.incident(monitor)
        db.session.delete(rows[5])
        db.session.commit()

        second = admin.get(f"{INCIDENTS}?limit=3&before={first[-1]['publicId']}").get_json()

        assert [row["id"] for row in second["incidents"]] == [rows[at].id for at in (3, 4, 6)]
        assert second["total"] == 7

    def test_a_filter_need_not_let_through_where_the_page_begins(
        self, admin: Caller, rows: list[Incident], make: Factory, monitor: Monitor
    ) -> None:
        make.incident(monitor)

        answer = admin.get(f"{INCIDENTS}?status=open&before={rows[0].public_id}").get_json()
        assert (answer["incidents"], answer["total"]) == ([], 1)

    def test_what_cannot_be_seen_is_no_place_to_begin(
        self, make: Factory, login: Callable[[User], Caller], house: Organization, rows: list[Incident]
    ) -> None:
        foreign = make.incident()
        admin, restricted = login(make.user(house)), login(make.user(house, customers=[make.customer(house)]))

        for caller, before in (
            (admin, foreign.public_id),
            (admin, uuid4()),
            (admin, "x" * 36),
            (restricted, rows[0].public_id),
        ):
            response = caller.get(f"{INCIDENTS}?before={before}")
            body = assert_failure(response, 400, "Invalid query parameters")
            assert body["errors"] == {"before": ["is not the id of an incident"]}


class TestSight:
    """Lists neither show nor count what the caller may not see."""

    def test_an_organization_sees_its_own(
        self, admin: Caller, make: Factory, monitor: Monitor, login: Callable[[User], Caller]
    ) -> None:
        own, foreign = make.incident(monitor), make.incident()
        stranger = login(make.user(db.session.get_one(Organization, foreign.organization_id)))

        assert listed(admin) == [own.id]
        assert listed(admin, f"monitorId={foreign.monitor_id}") == []
        assert listed(stranger) == [foreign.id]
        assert listed(stranger, f"monitorId={own.monitor_id}") == []
        assert_failure(admin.get(f"{INCIDENTS}?organizationId={foreign.organization_id}"), 403)

    def test_a_global_role_sees_any_organization(
        self, make: Factory, login: Callable[[User], Caller], monitor: Monitor
    ) -> None:
        incident = make.incident(monitor)
        supporter = login(make.user(make.organization(), Role.GLOBAL_SUPPORTER))

        assert listed(supporter) == []
        assert listed(supporter, f"organizationId={monitor.organization_id}") == [incident.id]
        assert supporter.get(path_of(incident)).status_code == 200
        assert_failure(supporter.get(f"{INCIDENTS}?organizationId=987654"), 404, "Organization not found")

    def test_who_is_restricted_sees_the_customers_incidents(
        self, make: Factory, login: Callable[[User], Caller], house: Organization, monitor: Monitor
    ) -> None:
        own, other = make.incident(monitor), make.incident(make.monitor(make.customer(house)))
        restricted = login(make.user(house, Role.READONLY, customers=[monitor.customer]))

        assert listed(restricted) == [own.id]
        assert listed(restricted, f"customerId={other.monitor.customer_id}") == []
        assert listed(restricted, f"monitorId={other.monitor_id}") == []
        assert listed(login(make.user(house, customers=[]))) == []

    def test_a_customers_token_sees_its_incidents(
        self, make: Factory, house: Organization, monitor: Monitor, nobody: Caller
    ) -> None:
        own, other = make.incident(monitor), make.incident(make.monitor(make.customer(house)))
        program = Caller(nobody.client.application, make.token(customer=monitor.customer))

        assert listed(program) == [own.id]
        assert_failure(program.get(path_of(other)), 403, "Forbidden")

    def test_what_was_said_before_a_move_is_the_former_customers(
        self,
        admin: Caller,
        make: Factory,
        login: Callable[[User], Caller],
        house: Organization,
        monitor: Monitor,
    ) -> None:
        """Comments, and who was told; what happened to the mailbox stays."""
        incident = make.incident(monitor)
        make.alert(incident, channel_name="boss@former.example", address="boss@former.example")
        admin.post(path_of(incident, "/comments"), {"text": "The former customer has not paid."})
        heir = make.customer(house)
        assert admin.patch(monitor_path(monitor), {"customerId": heir.id}).status_code == 200
        restricted = login(make.user(house, Role.EDITOR, customers=[heir]))

        shown = restricted.get(path_of(incident)).get_json()["timeline"]
        commented = restricted.post(path_of(incident, "/comments"), {"text": "Ours."}).get_json()["timeline"]

        assert [entry["kind"] for entry in shown] == ["opened"]
        assert [entry["kind"] for entry in commented] == ["opened", "commented"]
        whole = admin.get(path_of(incident)).get_json()["timeline"]
        assert sorted(entry["kind"] for entry in whole) == ["alert", "commented", "commented", "opened"]


class TestOne:
    def test_it_has_the_evidence_and_all_that_the_list_says(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor, ended_at=utcnow(), evidence=EVIDENCE)
        (item,) = admin.get(INCIDENTS).get_json()["incidents"]

        shown = admin.get(path_of(incident)).get_json()

        assert shown.pop("evidence") == EVIDENCE
        assert [entry["kind"] for entry in shown.pop("timeline")] == ["opened"]
        assert shown == item

    def test_a_number_names_it_too(self, admin: Caller, make: Factory, monitor: Monitor) -> None:
        incident = make.incident(monitor)

        shown = admin.get(f"{INCIDENTS}/{incident.id}").get_json()
        assert shown["publicId"] == str(incident.public_id)

    @pytest.mark.parametrize("identifier", ["x", "1.5", "-1", "%00", "9" * 30])
    def test_what_is_no_identifier_is_400(self, admin: Caller, identifier: str) -> None:
        for suffix in ("", "/acknowledge", "/comments"):
            method, body = ("GET", None) if not suffix else ("POST", {"text": "x"} if "c" in suffix else None)
            options = {} if body is None or suffix == "/acknowledge" else {"json": body}
            response = admin.send(method, f"{INCIDENTS}/{identifier}{suffix}", **options)
            assert_failure(response, 400, "Invalid Incident identifier")

    def test_another_organizations_is_404_and_another_customers_403(
        self,
        admin: Caller,
        make: Factory,
        login: Callable[[User], Caller],
        house: Organization,
        monitor: Monitor,
    ) -> None:
        incident = make.incident(monitor)
        restricted = login(make.user(house, customers=[make.customer(house)]))
        stranger = login(make.user(make.organization()))

        for method, suffix, body in (
            ("GET", "", None),
            ("POST", "/acknowledge", None),
            ("POST", "/comments", {"text": "x"}),
        ):
            options = {} if body is None else {"json": body}
            path = path_of(incident, suffix)
            assert_failure(restricted.send(method, path, **options), 403, "Forbidden")
            assert_failure(stranger.send(method, path, **options), 404, "Incident not found")
            unknown = f"{INCIDENTS}/{uuid4()}{suffix}"
            assert_failure(admin.send(method, unknown, **options), 404, "Incident not found")

    def test_the_timeline_merges_events_and_attempts_in_the_order_of_time(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor, started_at=START, ended_at=START + timedelta(hours=1))
        message = uuid4()
        second = make.alert(incident, message_id=message, attempt=2, sent_at=START + timedelta(seconds=40))
        make.alert(incident, AlertStatus.FAILED, message_id=message, sent_at=START + timedelta(seconds=30))
        make.alert(incident, AlertStatus.PENDING)
        make.alert(incident, AlertStatus.SENDING)
        make.alert(incident, AlertStatus.CANCELLED)
        make.alert(incident, event=AlertEvent.RECOVERY, sent_at=START + timedelta(hours=2))
        note(incident, IncidentEventKind.RESOLVED, START + timedelta(hours=1))
        note(incident, IncidentEventKind.COMMENTED, START + timedelta(minutes=1), "ada", "Looking.\nSoon.")

        timeline = admin.get(path_of(incident)).get_json()["timeline"]

        assert [(entry["kind"], entry["alert"] and entry["alert"]["status"]) for entry in timeline] == [
            ("opened", None),
            ("alert", "failed"),
            ("alert", "sent"),
            ("commented", None),
            ("resolved", None),
            ("recovery", "sent"),
        ]
        assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)
        assert timeline[0] == {
            "at": "2026-02-26T12:10:00.000Z",
            "kind": "opened",
            "actorName": None,
            "text": "The connection was refused.",
            "alert": None,
        }
        assert timeline[2] == {
            "at": "2026-02-26T12:10:40.000Z",
            "kind": "alert",
            "actorName": None,
            "text": None,
            "alert": {
                "id": second.id,
                "type": "slack",
                "channelName": "Ops Slack",
                "status": "sent",
                "attempt": 2,
                "errorMessage": None,
            },
        }
        assert (timeline[3]["actorName"], timeline[3]["text"]) == ("ada", "Looking.\nSoon.")

    def test_what_happened_at_once_is_told_events_first(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        incident = make.incident(monitor, started_at=START)
        alerts = [make.alert(incident, sent_at=START).id for _ in range(2)]
        note(incident, IncidentEventKind.RESOLVED, START)

        timeline = admin.get(path_of(incident)).get_json()["timeline"]

        assert [entry["kind"] for entry in timeline] == ["opened", "resolved", "alert", "alert"]
        assert [entry["alert"]["id"] for entry in timeline[2:]] == alerts

    def test_of_a_very_long_timeline_the_end_is_shown(
        self, admin: Caller, make: Factory, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(incidents, "MAX_TIMELINE", 3)
        incident = make.incident(monitor, started_at=START)
        for minute in range(1, 6):
            note(incident, IncidentEventKind.COMMENTED, START + timedelta(minutes=minute), text=str(minute))
        make.alert(incident, sent_at=START + timedelta(minutes=4, seconds=1))
        make.alert(incident, sent_at=START)

        timeline = admin.get(path_of(incident)).get_json()["timeline"]

        assert [entry["text"] for entry in timeline] == ["4", None, "5"]


def note(
    incident: Incident,
    kind: IncidentEventKind,
    at: datetime,
    actor_name: str | None = None,
    text: str | None = None,
) -> None:
    db.session.add(
        IncidentEvent(incident_id=incident.id, kind=kind, created_at=at, actor_name=actor_name, text=text)
    )
    db.session.commit()
