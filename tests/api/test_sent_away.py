"""Whoever was sent away does nothing more, with no request that was on its way by then."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, delete, func, select, update

from app.clock import utcnow
from app.domain.enums import Role
from app.extensions import db
from app.models import ApiToken, AuditEntry, Customer, Incident, Monitor, Organization, Session, User
from app.services import access, auth
from tests.calling import (
    CHANNELS,
    CUSTOMERS,
    INCIDENTS,
    MONITORS,
    USERS,
    Caller,
    assert_failure,
    caller_of,
    monitor_path,
)
from tests.factories import PASSWORD, Factory

LOGIN, CHANGE, ME = (f"/api/auth/{name}" for name in ("login", "change-password", "me"))
NEW_PASSWORD = "another horse battery"
CHANNEL = {"type": "email", "name": "New", "config": {"email": "backdoor@example.com"}}
OTHER_HASH = auth.hash_password("a third horse battery")

Act = Callable[[Connection], Any]
Meanwhile = Callable[[object, str, Act], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done, over a connection of its own, as soon as `name` has been called once."""

    def arrange(module: object, name: str, act: Act) -> None:
        look = getattr(module, name)

        def look_and_act(*args: Any, **kwargs: Any) -> Any:
            found = look(*args, **kwargs)
            monkeypatch.setattr(module, name, look)
            with db.engine.begin() as connection:
                act(connection)
            return found

        monkeypatch.setattr(module, name, look_and_act)

    return arrange


@pytest.fixture
def incident(make: Factory, monitor: Monitor) -> Incident:
    return make.incident(monitor)


@pytest.fixture
def user(make: Factory, house: Organization) -> User:
    make.user(house)  # or it would be the last admin
    return make.user(house)


@pytest.fixture
def somebody(app: Flask, make: Factory, user: User) -> Caller:
    return caller_of(app, make.session(user))


def disable(user: User) -> Act:
    return lambda connection: connection.execute(
        update(User).where(User.id == user.id).values(is_active=False)
    )


def end_sessions(user: User) -> Act:
    return lambda connection: connection.execute(
        update(Session).where(Session.user_id == user.id).values(revoked_at=utcnow())
    )


def demote(user: User) -> Act:
    return lambda connection: connection.execute(
        update(User).where(User.id == user.id).values(role=Role.READONLY)
    )


def restrict(user: User) -> Act:
    return lambda connection: connection.execute(
        update(User).where(User.id == user.id).values(is_restricted=True)
    )


REQUESTS = [
    ("POST", CUSTOMERS, {"name": "New"}),
    ("POST", USERS, {"email": "backdoor@example.com", "role": "admin", "password": NEW_PASSWORD}),
    ("PATCH", "{monitor}", {"name": "New"}),
    ("DELETE", "{monitor}", None),
    ("PATCH", f"{USERS}/{{user}}", {"role": "admin", "firstName": "New"}),
    ("DELETE", f"{USERS}/{{user}}", None),
    ("POST", "/api/organization/tokens", {"name": "backdoor"}),
    ("PATCH", "/api/organization", {"name": "New"}),
    ("POST", f"{INCIDENTS}/{{incident}}/acknowledge", None),
    ("POST", f"{INCIDENTS}/{{incident}}/comments", {"text": "New"}),
    ("POST", f"{MONITORS}/test", {"name": "x", "hostname": "127.0.0.1", "customerId": "{customer}"}),
    ("POST", CHANNELS, CHANNEL),
    ("PATCH", f"{CHANNELS}/{{channel}}", {"name": "New"}),
    ("DELETE", f"{CHANNELS}/{{channel}}", None),
    ("POST", f"{CHANNELS}/test", CHANNEL),
    ("POST", f"{CHANNELS}/test", {"id": "{channel}"}),
]


@pytest.fixture
def names(make: Factory, user: User, incident: Incident) -> dict[str, Any]:
    """What the requests name in braces."""
    return {
        "monitor": monitor_path(incident.monitor),
        "user": user.id,
        "customer": incident.customer_id,
        "incident": incident.public_id,
        "channel": make.channel(incident.monitor).id,
    }


ENDS = [(disable, 401), (end_sessions, 401), (demote, 403), (restrict, 403)]


CASES = list(product(REQUESTS, ENDS))


def _name(case: Any) -> str:
    (method, path, _), (end, _) = case
    return f"{method} {path} {end.__name__}"


class TestWaitingRequests:
    """Authenticated first; then the body trickles in, or a lock is waited for."""

    @pytest.mark.parametrize("case", CASES, ids=_name)
    def test_nothing_is_done_for_whoever_was_sent_away_meanwhile(
        self, somebody: Caller, user: User, names: dict[str, Any], meanwhile: Meanwhile, case: Any
    ) -> None:
        (method, path, body), (end, status) = case
        sent = body and {
            key: value.format(**names) if isinstance(value, str) else value for key, value in body.items()
        }
        meanwhile(access, "require", end(user))

        response = somebody.send(method, path.format(**names), **({"json": sent} if sent else {}))

        assert_failure(response, status)
        assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == 0

    @pytest.mark.parametrize("path", [CUSTOMERS, MONITORS])
    def test_nothing_is_done_for_a_token_that_was_deleted_meanwhile(
        self, app: Flask, make: Factory, customer: Customer, meanwhile: Meanwhile, path: str
    ) -> None:
        program = Caller(app, make.token(db.session.get_one(Organization, customer.organization_id)))
        meanwhile(access, "require", lambda connection: connection.execute(delete(ApiToken)))

        body = {"name": "New"} | (
            {"hostname": "a.example", "customerId": customer.id} if path == MONITORS else {}
        )
        assert_failure(program.post(path, body), 401, "Unauthorized")

    def test_a_monitor_that_was_moved_out_of_reach_meanwhile_is_refused(
        self, app: Flask, make: Factory, house: Organization, monitor: Monitor, meanwhile: Meanwhile
    ) -> None:
        own = db.session.get_one(Customer, monitor.customer_id)
        editor = caller_of(app, make.session(make.user(house, Role.EDITOR, customers=[own])))
        other = make.customer(house)

        def move(connection: Connection) -> None:
            connection.execute(update(Monitor).values(customer_id=other.id))

        for method, body in (("PATCH", {"name": "New"}), ("DELETE", None)):
            meanwhile(access, "require_visible", move)
            response = editor.send(method, monitor_path(monitor), **({"json": body} if body else {}))
            assert_failure(response, 403)
            assert "password" not in response.get_data(as_text=True)
            db.session.execute(update(Monitor).values(customer_id=own.id))
            db.session.commit()


class TestLogin:
    """The password is verified for as long as all the rest takes, and may be another by then."""

    @pytest.mark.parametrize(
        "end",
        [
            disable,
            lambda user: (
                lambda connection: connection.execute(
                    update(User).where(User.id == user.id).values(password_hash=OTHER_HASH)
                )
            ),
            lambda user: lambda connection: connection.execute(delete(User).where(User.id == user.id)),
        ],
        ids=["disabled", "another password", "removed"],
    )
    def test_no_session_starts_with_what_no_longer_holds(
        self, nobody: Caller, user: User, meanwhile: Meanwhile, end: Callable[[User], Act]
    ) -> None:
        email = user.email
        meanwhile(auth, "_verify", end(user))

        answer = nobody.post(LOGIN, {"email": email, "password": PASSWORD})

        assert_failure(answer, 401, "Unauthorized")
        assert answer.get_json()["message"] == auth.WRONG_LOGIN
        assert db.session.scalar(select(func.count()).select_from(Session)) == 0

    def test_a_rescued_account_stays_rescued(
        self, somebody: Caller, user: User, nobody: Caller, meanwhile: Meanwhile
    ) -> None:
        rescue = update(User).where(User.id == user.id).values(password_hash=OTHER_HASH)
        meanwhile(auth, "_verify", lambda connection: connection.execute(rescue))

        body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert_failure(somebody.post(CHANGE, body), 400)

        credentials = {"email": user.email}
        assert nobody.post(LOGIN, {**credentials, "password": NEW_PASSWORD}).status_code == 401
        assert nobody.post(LOGIN, {**credentials, "password": "a third horse battery"}).status_code == 200

    def test_nobody_changes_a_password_in_a_session_that_has_ended(
        self, somebody: Caller, user: User, meanwhile: Meanwhile
    ) -> None:
        meanwhile(auth, "_verify", end_sessions(user))

        body = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert_failure(somebody.post(CHANGE, body), 401)


class TestUsersWithoutPassword:
    def test_none_fits(self, nobody: Caller, make: Factory) -> None:
        user = make.user(password_hash=None)

        assert_failure(nobody.post(LOGIN, {"email": user.email, "password": PASSWORD}), 401)

    def test_who_cannot_log_in_is_no_admin_to_leave_an_organization_with(
        self, admin: Caller, house: Organization
    ) -> None:
        new = admin.post(USERS, {"email": "heir@example.com", "role": "admin"}).get_json()
        me = admin.get(ME).get_json()["id"]

        assert_failure(admin.delete(f"{USERS}/{me}"), 409, "Last admin of the organization")

        admin.patch(f"{USERS}/{new['id']}", {"password": NEW_PASSWORD})
        assert admin.delete(f"{USERS}/{me}").status_code == 200


def test_an_id_is_never_given_out_again(admin: Caller, make: Factory, house: Organization) -> None:
    for path, body in (
        (CUSTOMERS, {"name": "New"}),
        (USERS, {"email": "new@example.com", "role": "editor"}),
        ("/api/organization/tokens", {"name": "New"}),
        (MONITORS, {"name": "New", "hostname": "a.example", "customerId": make.customer(house).id}),
        (CHANNELS, CHANNEL),
    ):
        first = admin.post(path, body).get_json()
        assert admin.delete(f"{path}/{first['publicId']}").status_code == 200
        assert admin.post(path, body).get_json()["id"] > first["id"], path
