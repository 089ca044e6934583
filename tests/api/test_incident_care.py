"""Incidents acknowledged and commented on, by one or by several people at once."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Barrier, BrokenBarrierError, local
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, delete, select, update

from app.clock import to_iso, utcnow
from app.domain.enums import AlertEvent, AlertStatus, IncidentEventKind, Role
from app.extensions import db
from app.models import Alert, AuditEntry, Incident, IncidentEvent, Monitor, Organization, User
from app.services import access, incident_lifecycle, incidents
from app.services.incident_lifecycle import Ending
from tests.api.matrix_stage import dump
from tests.calling import INCIDENTS, Caller, assert_failure, caller_of
from tests.factories import Factory

PEOPLE = 6


@pytest.fixture
def monitor(make: Factory, house: Organization) -> Monitor:
    make.location()
    return make.monitor(make.customer(house))


@pytest.fixture
def incident(make: Factory, monitor: Monitor) -> Incident:
    return make.incident(monitor, next_reminder_at=utcnow() + timedelta(hours=1))


@pytest.fixture
def ada(make: Factory, house: Organization) -> User:
    return make.user(house, Role.EDITOR, email="ada@example.com")


@pytest.fixture
def editor(app: Flask, make: Factory, ada: User) -> Caller:
    return caller_of(app, make.session(ada))


def path_of(incident: Incident, suffix: str = "") -> str:
    return f"{INCIDENTS}/{incident.public_id}{suffix}"


def acknowledge(caller: Caller, incident: Incident) -> Any:
    return caller.post(path_of(incident, "/acknowledge"))


def stored(incident: Incident) -> Incident:
    """As others find it now."""
    db.session.expire_all()
    return db.session.get_one(Incident, incident.id)


def entries() -> list[AuditEntry]:
    found = list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
    db.session.rollback()
    return found


def events(kind: IncidentEventKind) -> list[IncidentEvent]:
    return list(db.session.scalars(select(IncidentEvent).where(IncidentEvent.kind == kind)))


class TestAcknowledging:
    def test_it_is_noted_who_cares_and_since_when(
        self, editor: Caller, incident: Incident, monitor: Monitor
    ) -> None:
        before = utcnow()

        answer = acknowledge(editor, incident)

        shown = answer.get_json()
        assert answer.status_code == 200
        assert shown["acknowledgedBy"] == "ada@example.com"
        assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(shown["acknowledgedAt"])
        assert (shown["status"], shown["imapPopMonitorId"]) == ("open", monitor.id)
        assert shown["timeline"][-1] == {
            "at": shown["acknowledgedAt"],
            "kind": "acknowledged",
            "actorName": "ada@example.com",
            "text": None,
            "alert": None,
        }
        assert editor.get(path_of(incident)).get_json() | {"durationMs": 0} == shown | {"durationMs": 0}

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"", None, 200),
            (b"", "application/x-www-form-urlencoded", 200),
            (b"", "application/json", 200),
            (b"{}", "application/json", 200),
            (b"x", "text/plain", 415),
            (b"{}", None, 415),
            (b'{"text": "' + b"x" * 70_000 + b'"}', "application/json", 413),
            (b"{", "application/json", 400),
            (b"null", "application/json", 400),
            (b"[]", "application/json", 400),
            (b'{"text": "Mine."}', "application/json", 400),
        ],
    )
    def test_a_body_that_is_sent_is_judged(
        self, editor: Caller, incident: Incident, body: bytes, kind: str | None, status: int
    ) -> None:
        options = {"data": body, "content_type": kind}
        answer = editor.send("POST", path_of(incident, "/acknowledge"), **options)

        assert answer.status_code == status, answer.get_data(as_text=True)
        assert (stored(incident).acknowledged_at is not None) == (status == 200)

    def test_its_body_is_documented_as_one_that_may_be_left_out(self, editor: Caller) -> None:
        operation = editor.get("/openapi.json").get_json()["paths"]["/api/incidents/{publicId}/acknowledge"][
            "post"
        ]

        assert not operation["requestBody"].get("required", False)
        assert {"400", "413", "415"} <= operation["responses"].keys()

    def test_it_is_in_the_audit_trail(
        self, editor: Caller, ada: User, incident: Incident, monitor: Monitor
    ) -> None:
        acknowledge(editor, incident)

        (entry,) = entries()
        assert (entry.action, entry.actor_id) == ("incident.acknowledge", ada.id)
        assert (entry.organization_id, entry.customer_id) == (monitor.organization_id, monitor.customer_id)
        assert (entry.target_public_id, entry.target_name) == (incident.public_id, monitor.name)
        acknowledged_at = stored(incident).acknowledged_at
        assert acknowledged_at is not None
        assert entry.changes == {"acknowledgedAt": {"before": None, "after": to_iso(acknowledged_at)}}

    def test_nobody_is_reminded_or_called_any_more(
        self, editor: Caller, make: Factory, incident: Incident
    ) -> None:
        other = make.incident(make.monitor(incident.monitor.customer))
        waiting = [
            make.alert(incident, AlertStatus.PENDING, event=event)
            for event in (AlertEvent.ALERT, AlertEvent.REMINDER)
        ]
        kept = [
            *(
                make.alert(incident, status)
                for status in (AlertStatus.SENDING, AlertStatus.SENT, AlertStatus.FAILED)
            ),
            make.alert(incident, AlertStatus.PENDING, event=AlertEvent.RECOVERY),
            make.alert(other, AlertStatus.PENDING),
        ]
        before = [alert.status for alert in kept]

        acknowledge(editor, incident)

        assert stored(incident).next_reminder_at is None
        assert {db.session.get_one(Alert, alert.id).status for alert in waiting} == {AlertStatus.CANCELLED}
        assert [db.session.get_one(Alert, alert.id).status for alert in kept] == before

    def test_the_first_one_stays(
        self, editor: Caller, admin: Caller, make: Factory, incident: Incident
    ) -> None:
        first = acknowledge(editor, incident).get_json()
        alert = make.alert(incident, AlertStatus.PENDING)
        before = dump()

        second = acknowledge(admin, incident)

        assert second.status_code == 200
        assert second.get_json() | {"durationMs": 0} == first | {"durationMs": 0}
        assert dump() == before
        assert db.session.get_one(Alert, alert.id).status is AlertStatus.PENDING

    @pytest.mark.parametrize("is_acknowledged", [False, True])
    def test_what_is_over_cannot_be_acknowledged(
        self, editor: Caller, make: Factory, monitor: Monitor, is_acknowledged: bool
    ) -> None:
        care = {"acknowledged_at": utcnow(), "acknowledged_by": "x"} if is_acknowledged else {}
        incident = make.incident(monitor, ended_at=utcnow(), **care)
        before = dump()

        assert_failure(acknowledge(editor, incident), 409, "Incident is resolved")

        assert dump() == before

    def test_a_program_may_do_it_and_is_named(
        self, app: Flask, make: Factory, house: Organization, incident: Incident
    ) -> None:
        program = Caller(app, make.token(house, name="Pager"))

        assert acknowledge(program, incident).get_json()["acknowledgedBy"] == "Pager"
        assert entries()[0].actor_kind == "token"

    def test_who_may_not_write_may_not_do_it(
        self, readonly: Caller, incident: Incident, make: Factory, login: Callable[[User], Caller]
    ) -> None:
        supporter = login(make.user(make.organization(), Role.GLOBAL_SUPPORTER))
        for caller in (readonly, supporter):
            assert_failure(acknowledge(caller, incident), 403, "Forbidden")
            assert_failure(caller.post(path_of(incident, "/comments"), {"text": "x"}), 403, "Forbidden")
        assert stored(incident).acknowledged_at is None


class TestComments:
    @pytest.mark.parametrize("is_resolved", [False, True])
    def test_a_comment_stands_in_the_timeline_and_the_trail(
        self, editor: Caller, make: Factory, monitor: Monitor, is_resolved: bool
    ) -> None:
        incident = make.incident(monitor, ended_at=utcnow() if is_resolved else None)

        answer = editor.post(path_of(incident, "/comments"), {"text": "  Restarting.\r\n\tSoon.\n"})

        assert answer.status_code == 201
        assert answer.headers["Location"] == path_of(incident)
        entry = answer.get_json()["timeline"][-1]
        assert (entry["kind"], entry["actorName"]) == ("commented", "ada@example.com")
        assert entry["text"] == "Restarting.\r\n\tSoon."
        (trail,) = entries()
        assert (trail.action, trail.target_public_id) == ("incident.comment", incident.public_id)
        assert trail.changes == {"text": {"before": None, "after": "Restarting.\r\n\tSoon."}}

    def test_each_is_kept_in_the_order_of_writing(self, editor: Caller, incident: Incident) -> None:
        for text in ("one", "two", "two"):
            shown = editor.post(path_of(incident, "/comments"), {"text": text}).get_json()

        assert [entry["text"] for entry in shown["timeline"][1:]] == ["one", "two", "two"]

    @pytest.mark.parametrize("text", ["x", "x" * 4000, "\u00e4\U0001f4eb", "<b>%s</b>", " " * 4000 + "x"])
    def test_what_a_person_writes_comes_back(self, editor: Caller, incident: Incident, text: str) -> None:
        answer = editor.post(path_of(incident, "/comments"), {"text": text})

        if answer.status_code != 201:
            pytest.fail(answer.get_data(as_text=True))
        assert answer.get_json()["timeline"][-1]["text"] == text.strip()

    @pytest.mark.parametrize(
        "text", ["", " \n ", "x" * 4001, "a\x00b", "a\x1bb", "a\x85b", "\ud800", None, 5, True, ["x"], {}]
    )
    def test_what_is_no_comment_is_400(self, editor: Caller, incident: Incident, text: Any) -> None:
        before = dump()

        response = editor.post(path_of(incident, "/comments"), {"text": text})

        assert list(assert_failure(response, 400, "Invalid request body")["errors"]) == ["text"]
        assert dump() == before

    @pytest.mark.parametrize(
        ("body", "field"), [({}, "text"), ({"text": "x", "by": "ada"}, "by"), ([], ""), ("x", "")]
    )
    def test_a_body_of_another_shape_is_400(
        self, editor: Caller, incident: Incident, body: Any, field: str
    ) -> None:
        response = editor.post(path_of(incident, "/comments"), body)

        assert list(assert_failure(response, 400, "Invalid request body")["errors"]) == [field]

    def test_a_long_one_is_told_of_by_its_length_in_the_trail(
        self, editor: Caller, incident: Incident
    ) -> None:
        editor.post(path_of(incident, "/comments"), {"text": "x" * 4000})

        assert entries()[0].changes["text"]["after"] == "(4002 characters)"


Meanwhile = Callable[[Callable[[Connection], Any]], None]


class TestMeanwhile:
    """What others do between our look and our change."""

    @pytest.fixture
    def meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
        """Has something done, over a connection of its own, as soon as the request has found its row."""

        def arrange(act: Callable[[Connection], Any]) -> None:
            look = access.require_visible

            def look_and_act(*args: Any, **kwargs: Any) -> None:
                look(*args, **kwargs)
                monkeypatch.undo()
                with db.engine.begin() as connection:
                    act(connection)

            monkeypatch.setattr(access, "require_visible", look_and_act)

        return arrange

    def test_it_ended(self, editor: Caller, incident: Incident, meanwhile: Meanwhile) -> None:
        meanwhile(lambda connection: connection.execute(update(Incident).values(ended_at=utcnow())))

        assert_failure(acknowledge(editor, incident), 409, "Incident is resolved")

        assert stored(incident).acknowledged_at is None
        assert events(IncidentEventKind.ACKNOWLEDGED) == []
        assert entries() == []

    @pytest.mark.parametrize(("suffix", "body"), [("/acknowledge", None), ("/comments", {"text": "x"})])
    def test_its_monitor_was_removed(
        self, editor: Caller, incident: Incident, meanwhile: Meanwhile, suffix: str, body: Any
    ) -> None:
        meanwhile(lambda connection: connection.execute(delete(Monitor)))

        assert_failure(editor.post(path_of(incident, suffix), body), 404, "Incident not found")

    @pytest.mark.parametrize(("suffix", "body"), [("/acknowledge", None), ("/comments", {"text": "x"})])
    def test_its_monitor_was_moved_out_of_reach(  # noqa: PLR0917 - fixtures
        self,
        make: Factory,
        login: Callable[[User], Caller],
        house: Organization,
        incident: Incident,
        meanwhile: Meanwhile,
        suffix: str,
        body: Any,
    ) -> None:
        editor = login(make.user(house, Role.EDITOR, customers=[incident.monitor.customer]))
        other, path = make.customer(house).id, path_of(incident, suffix)
        meanwhile(lambda connection: connection.execute(update(Monitor).values(customer_id=other)))

        assert_failure(editor.post(path, body), 403, "Forbidden")
        assert entries() == []

    def test_its_monitor_was_moved_within_reach(
        self, editor: Caller, make: Factory, house: Organization, incident: Incident, meanwhile: Meanwhile
    ) -> None:
        other, path = make.customer(house), path_of(incident, "/acknowledge")
        meanwhile(lambda connection: connection.execute(update(Monitor).values(customer_id=other.id)))

        assert editor.post(path).get_json()["customer"] == {"id": other.id, "name": other.name}
        assert entries()[0].customer_id == other.id


class TestAtOnce:
    def test_of_many_who_acknowledge_one_was_first(
        self,
        app: Flask,
        make: Factory,
        house: Organization,
        incident: Incident,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        people = [make.user(house, Role.EDITOR) for _ in range(PEOPLE)]
        callers = [caller_of(app, make.session(person)) for person in people]
        make.alert(incident, AlertStatus.PENDING)
        path = path_of(incident, "/acknowledge")
        monkeypatch.setattr(access, "require_visible", all_at_once(access.require_visible, PEOPLE))
        db.session.rollback()

        with ThreadPoolExecutor(PEOPLE) as pool:
            answers = list(pool.map(lambda caller: caller.post(path), callers))

        assert {answer.status_code for answer in answers} == {200}
        (first,) = {answer.get_json()["acknowledgedBy"] for answer in answers}
        assert first in {person.email for person in people}
        (event,) = events(IncidentEventKind.ACKNOWLEDGED)
        (entry,) = entries()
        assert event.actor_name == entry.actor_name == stored(incident).acknowledged_by == first

    def test_comments_of_many_are_all_kept(
        self, app: Flask, admin: Caller, incident: Incident, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = path_of(incident, "/comments")
        monkeypatch.setattr(access, "require_visible", all_at_once(access.require_visible, PEOPLE))
        db.session.rollback()

        with ThreadPoolExecutor(PEOPLE) as pool:
            answers = list(pool.map(lambda number: admin.post(path, {"text": str(number)}), range(PEOPLE)))

        assert {answer.status_code for answer in answers} == {201}
        kept = {event.text for event in events(IncidentEventKind.COMMENTED)}
        assert kept == {str(number) for number in range(PEOPLE)}

    def test_what_resolves_it_waits_for_who_acknowledges(
        self,
        app: Flask,
        editor: Caller,
        make: Factory,
        incident: Incident,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        make.alert(incident, AlertStatus.PENDING)
        path, number = path_of(incident, "/acknowledge"), incident.id
        cancel, resolving = incidents._cancel_alerts, list[Future[None]]()
        db.session.rollback()

        def cancel_while_it_is_resolved(held: Incident) -> None:
            resolving.append(pool.submit(resolve, app, number))
            with pytest.raises(FutureTimeoutError):
                resolving[0].result(timeout=0.5)
            cancel(held)

        monkeypatch.setattr(incidents, "_cancel_alerts", cancel_while_it_is_resolved)
        with ThreadPoolExecutor(1) as pool:
            answer = editor.post(path)
            resolving[0].result(timeout=20)

        assert (answer.status_code, answer.get_json()["status"]) == (200, "open")
        row = stored(incident)
        assert (row.acknowledged_by, row.next_reminder_at) == ("ada@example.com", None)
        assert row.ended_at is not None
        assert {alert.status for alert in db.session.scalars(select(Alert))} == {AlertStatus.CANCELLED}
        kinds = list(db.session.scalars(select(IncidentEvent.kind).order_by(IncidentEvent.id)))
        assert kinds == ["opened", "acknowledged", "resolved"]

    def test_whoever_comes_first_nothing_is_half_done(
        self, app: Flask, editor: Caller, make: Factory, monitor: Monitor
    ) -> None:
        seen = set()
        for _ in range(10):
            incident = make.incident(monitor)
            make.alert(incident, AlertStatus.PENDING)
            path, number = path_of(incident, "/acknowledge"), incident.id
            db.session.rollback()
            start = Barrier(2)

            with ThreadPoolExecutor(2) as pool:
                resolving = pool.submit(resolve, app, number, start)
                answering = pool.submit(post_with_others, editor, path, start)
                resolving.result(timeout=30)
                status = answering.result(timeout=30).status_code

            row, seen = stored(incident), seen | {status}
            told = select(IncidentEvent.kind).where(IncidentEvent.incident_id == number)
            kinds = list(db.session.scalars(told.order_by(IncidentEvent.id)))
            assert row.ended_at is not None
            assert (row.acknowledged_at is not None) is (status == 200)
            assert kinds == ["opened", *(["acknowledged"] if status == 200 else []), "resolved"]
            assert {alert.status for alert in db.session.scalars(select(Alert))} == {AlertStatus.CANCELLED}
        assert seen <= {200, 409}


def post_with_others(caller: Caller, path: str, start: Barrier) -> Any:
    start.wait(20)
    return caller.post(path)


def resolve(app: Flask, number: int, start: Barrier | None = None) -> None:
    """As the result that confirms the recovery does."""
    with app.app_context():
        incident = db.session.get_one(Incident, number)
        if start is not None:
            start.wait(20)
        incident_lifecycle.end([Ending(incident, utcnow())], utcnow())
        db.session.commit()


def all_at_once(look: Callable[..., None], count: int) -> Callable[..., None]:
    """The same look; so many threads leave their first one together."""
    together, looked = Barrier(count), local()

    def look_together(*args: Any, **kwargs: Any) -> None:
        look(*args, **kwargs)
        if not getattr(looked, "once", False):
            looked.once = True
            with suppress(BrokenBarrierError):
                together.wait(5)

    return look_together
