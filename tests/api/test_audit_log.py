"""The audit log: one entry for each change, and nobody's secrets in it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.enums import Role
from app.extensions import db
from app.models import AuditEntry, Customer, Monitor, Organization, User
from tests.calling import (
    AUDIT_LOG,
    CUSTOMER_TOKENS,
    CUSTOMERS,
    INCIDENTS,
    MONITORS,
    ORGANIZATION,
    ORGANIZATION_TOKENS,
    ORGANIZATIONS,
    Caller,
    assert_failure,
    customer_path,
    monitor_path,
)
from tests.factories import IMAP_CONFIG, PASSWORD, Factory

MASKED = {"before": "********", "after": "********"}
KEYS = {"id", "publicId", "organizationId", "customerId", "action", "actor", "target", "changes", "address",
        "requestId", "createdAt"}  # fmt: skip


@pytest.fixture
def user(make: Factory, house: Organization) -> User:
    return make.user(house)


@pytest.fixture
def somebody(login: Callable[[User], Caller], user: User) -> Caller:
    """An admin of the house, whose name is known."""
    return login(user)


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    make.location()
    return make.monitor(customer)


def entries() -> list[AuditEntry]:
    found = list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
    db.session.rollback()
    return found


def shown(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    """The entries as the endpoint has them, oldest first."""
    page = caller.get(f"{AUDIT_LOG}?perPage=200&{query}").get_json()
    assert page["total"] == len(page["items"])
    return list(reversed(page["items"]))


CHANGES: list[tuple[str, str, str, dict[str, Any] | None]] = [
    ("monitor.create", "POST", MONITORS, {"customerId": "{customer}", "name": "x", "hostname": "a.example"}),
    ("monitor.update", "PATCH", MONITORS + "/{monitor}", {"name": "New"}),
    ("monitor.delete", "DELETE", MONITORS + "/{monitor}", None),
    ("monitor.trigger", "POST", MONITORS + "/{monitor}/trigger-check", None),
    ("incident.acknowledge", "POST", INCIDENTS + "/{incident}/acknowledge", None),
    ("incident.comment", "POST", INCIDENTS + "/{incident}/comments", {"text": "x"}),
    ("customer.create", "POST", CUSTOMERS, {"name": "x"}),
    ("customer.update", "PATCH", CUSTOMERS + "/{customer}", {"name": "New"}),
    ("customer.delete", "DELETE", CUSTOMERS + "/{empty}", None),
    ("organization.update", "PATCH", ORGANIZATION, {"name": "New"}),
    ("token.create", "POST", ORGANIZATION_TOKENS, {"name": "x"}),
    ("token.create", "POST", CUSTOMER_TOKENS, {"name": "x", "customerId": "{customer}"}),
    ("session.end", "POST", "/api/auth/logout", None),
    (
        "user.change_password",
        "POST",
        "/api/auth/change-password",
        {"currentPassword": PASSWORD, "newPassword": "another horse battery"},
    ),
]


@pytest.mark.parametrize(("action", "method", "path", "body"), CHANGES, ids=lambda value: str(value)[:30])
def test_each_change_leaves_one_entry(  # noqa: PLR0917 - a row of a table
    somebody: Caller,
    user: User,
    make: Factory,
    house: Organization,
    monitor: Monitor,
    action: str,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    names = {
        "monitor": monitor.public_id,
        "customer": monitor.customer.public_id,
        "empty": make.customer(house).public_id,
        "incident": make.incident(monitor).public_id,
    }
    sent = body and {key: value.format(**names) for key, value in body.items()}

    response = somebody.send(method, path.format(**names), **({"json": sent} if sent else {}))

    assert response.status_code in {200, 201}, response.get_json()
    (entry,) = entries()
    assert entry.action == action
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("user", user.id, user.email)
    assert entry.organization_id == house.id
    assert (entry.address, entry.request_id) == ("127.0.0.1", response.headers["X-Request-Id"])


def test_a_login_and_a_deleted_token_leave_one_entry_each(
    nobody: Caller, somebody: Caller, user: User
) -> None:
    made = somebody.post(ORGANIZATION_TOKENS, {"name": "x"}).get_json()
    assert somebody.delete(f"{ORGANIZATION_TOKENS}/{made['id']}").status_code == 200
    assert nobody.post("/api/auth/login", {"email": user.email, "password": PASSWORD}).status_code == 200

    actions = [(entry.action, str(entry.target_public_id)) for entry in entries()]
    assert actions == [
        ("token.create", made["publicId"]),
        ("token.delete", made["publicId"]),
        ("session.start", str(user.public_id)),
    ]


def test_an_entry_has_all_that_there_is_to_know(
    somebody: Caller, user: User, monitor: Monitor, house: Organization
) -> None:
    monitor_id, name = monitor.public_id, monitor.name
    somebody.patch(monitor_path(monitor), {"checkInterval": 7}, headers={"X-Request-Id": "request-1"})

    (entry,) = shown(somebody)
    assert entry.keys() == KEYS
    assert (entry["action"], entry["organizationId"]) == ("monitor.update", house.id)
    assert entry["customerId"] == monitor.customer_id
    assert entry["actor"] == {"kind": "user", "id": user.id, "name": user.email}
    assert entry["target"] == {"kind": "monitor", "publicId": str(monitor_id), "name": name}
    assert entry["changes"] == {"checkInterval": {"before": 5, "after": 7}}
    assert (entry["address"], entry["requestId"]) == ("127.0.0.1", "request-1")
    assert UUID(entry["publicId"])
    assert entry["createdAt"].endswith("Z")


def test_a_session_is_told_of_under_its_user(somebody: Caller, user: User, nobody: Caller) -> None:
    nobody.post("/api/auth/login", {"email": user.email, "password": PASSWORD})

    (entry,) = shown(somebody)
    assert entry["target"] == {"kind": "user", "publicId": str(user.public_id), "name": user.email}


def test_a_secret_is_told_of_and_not_told(somebody: Caller, monitor: Monitor) -> None:
    config = {**IMAP_CONFIG, "password": "n3w-secret", "apiKey": "k3y", "nested": {"clientSecret": "s"}}
    somebody.patch(monitor_path(monitor), {"imapPopConfig": config})

    response = somebody.get(AUDIT_LOG)
    changes = response.get_json()["items"][0]["changes"]
    assert changes["imapPopConfig.password"] == MASKED
    assert changes["imapPopConfig.apiKey"] == {"before": None, "after": "********"}
    assert changes["imapPopConfig.nested"]["after"] == "********"
    for secret in ("n3w-secret", "s3cret-pw", "k3y"):
        assert secret not in response.get_data(as_text=True)
        assert secret not in str([entry.changes for entry in entries()])


def test_neither_a_created_monitors_password_nor_a_users_is_told(
    somebody: Caller, customer: Customer
) -> None:
    body = {"customerId": customer.id, "name": "x", "hostname": "a.example", "imapPopConfig": IMAP_CONFIG}
    somebody.post(MONITORS, body)
    new = {"currentPassword": PASSWORD, "newPassword": "another horse battery"}
    somebody.post("/api/auth/change-password", new)

    text = somebody.get(AUDIT_LOG).get_data(as_text=True)
    assert not [secret for secret in ("s3cret-pw", PASSWORD, "another horse", "argon2") if secret in text]


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        ("0", "192.0.2.7", "127.0.0.1"),
        ("1", "192.0.2.7", "192.0.2.7"),
        ("1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("2", "198.51.100.1, 192.0.2.7", "198.51.100.1"),
        ("1", "2001:db8::7", "2001:db8::7"),
        ("1", "x" * 500, "x" * 64),
    ],
)
def test_trusted_proxies_tell_the_address(
    somebody: Caller, make_app: Any, hops: str, forwarded: str, address: str
) -> None:
    behind = somebody.on(make_app(TRUSTED_PROXIES=hops))

    response = behind.post(CUSTOMERS, {"name": "x"}, headers={"X-Forwarded-For": forwarded})

    assert response.status_code == 201
    assert entries()[0].address == address


def test_what_is_refused_or_changes_nothing_leaves_no_entry(
    somebody: Caller, caller: Callable[[Role], Caller], monitor: Monitor, make: Factory
) -> None:
    foreign = make.customer()
    for response in (
        somebody.patch(monitor_path(monitor), {"port": 0}),
        somebody.patch(monitor_path(monitor), {"customerId": foreign.id, "name": "New"}),
        somebody.delete(customer_path(monitor.customer)),
        somebody.post(CUSTOMER_TOKENS, {"name": "x", "customerId": foreign.id}),
        caller(Role.READONLY).patch(monitor_path(monitor), {"name": "New"}),
        somebody.patch(monitor_path(monitor), {"name": monitor.name}),
        somebody.get(monitor_path(monitor)),
    ):
        assert response.status_code in {200, 400, 403, 404, 409}
    assert entries() == []


def test_a_change_that_crashes_leaves_no_entry(
    somebody: Caller, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = db.session.commit

    def crash() -> None:
        db.session.flush()
        raise RuntimeError("just before the end")

    monkeypatch.setattr(db.session, "commit", crash)
    assert_failure(somebody.patch(monitor_path(monitor), {"name": "New"}), 500)
    monkeypatch.setattr(db.session, "commit", commit)

    assert entries() == []
    assert somebody.get(monitor_path(monitor)).get_json()["name"] == monitor.name


def test_entries_outlive_what_they_tell_of(
    somebody: Caller, login: Callable[[User], Caller], make: Factory, house: Organization, monitor: Monitor
) -> None:
    gone, name = monitor.public_id, monitor.name
    leaver = make.user(house)
    login(leaver).patch(monitor_path(monitor), {"port": 143})
    somebody.delete(monitor_path(monitor))
    somebody.delete(customer_path(monitor.customer))
    email = leaver.email
    db.session.delete(leaver)
    db.session.commit()

    told = shown(somebody)
    assert [entry["action"] for entry in told] == ["monitor.update", "monitor.delete", "customer.delete"]
    assert told[0]["actor"]["name"] == email
    assert told[0]["target"] == {"kind": "monitor", "publicId": str(gone), "name": name}


def test_an_act_elsewhere_stands_in_that_organizations_log(
    caller: Callable[[Role], Caller], login: Callable[[User], Caller], make: Factory
) -> None:
    foreign = make.customer()
    there = login(make.user(db.session.get(Organization, foreign.organization_id)))
    global_admin = caller(Role.GLOBAL_ADMIN)
    global_admin.patch(customer_path(foreign), {"name": "New"})

    (entry,) = shown(there)
    assert (entry["action"], entry["organizationId"]) == ("customer.update", foreign.organization_id)
    assert shown(global_admin) == []
    assert shown(global_admin, f"organizationId={foreign.organization_id}") == [entry]


def test_a_new_organization_begins_its_own_log(caller: Callable[[Role], Caller]) -> None:
    global_admin = caller(Role.GLOBAL_ADMIN)
    made = global_admin.post(ORGANIZATIONS, {"name": "New"}).get_json()

    assert shown(global_admin) == []
    (entry,) = shown(global_admin, f"organizationId={made['id']}")
    assert entry["action"] == "organization.create"


def test_a_program_is_named_by_its_token(
    somebody: Caller, app: Flask, make: Factory, customer: Customer
) -> None:
    program = Caller(app, make.token(customer=customer, name="Dashboard"))
    program.patch(customer_path(customer), {"name": "New"})

    (entry,) = shown(somebody)
    assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("token", "Dashboard")
    assert entry["customerId"] == customer.id


def test_a_restricted_admin_sees_and_counts_the_own_customers_alone(
    somebody: Caller, login: Callable[[User], Caller], make: Factory, house: Organization, customer: Customer
) -> None:
    outside = make.customer(house)
    for path in (customer_path(customer), customer_path(outside), ORGANIZATION):
        somebody.patch(path, {"name": "New"})
    somebody.post(ORGANIZATION_TOKENS, {"name": "x"})
    somebody.post(CUSTOMER_TOKENS, {"name": "x", "customerId": customer.id})
    restricted = login(make.user(house, customers=[customer]))

    assert [entry["action"] for entry in shown(restricted)] == ["customer.update", "token.create"]
    assert {entry["customerId"] for entry in shown(restricted)} == {customer.id}
    assert shown(restricted, f"targetPublicId={outside.public_id}") == []
    assert len(shown(somebody)) == 5


def test_others_name_no_organization_but_their_own(somebody: Caller, make: Factory) -> None:
    assert_failure(somebody.get(f"{AUDIT_LOG}?organizationId={make.organization().id}"), 403)


def test_a_log_comes_newest_first_and_in_pages(somebody: Caller) -> None:
    for name in "abcde":
        somebody.post(CUSTOMERS, {"name": name})

    pages = [somebody.get(f"{AUDIT_LOG}?perPage=2&page={page}").get_json() for page in (1, 2, 3)]
    names = [[item["target"]["name"] for item in page["items"]] for page in pages]
    assert names == [["e", "d"], ["c", "b"], ["a"]]
    assert {(page["total"], page["perPage"]) for page in pages} == {(5, 2)}


def test_a_log_can_be_asked_for_one_action_or_one_target(
    somebody: Caller, customer: Customer, monitor: Monitor
) -> None:
    somebody.patch(customer_path(customer), {"name": "New"})
    somebody.patch(monitor_path(monitor), {"name": "New"})
    somebody.patch(customer_path(customer), {"name": "Newer"})

    assert len(shown(somebody, "action=customer.update")) == 2
    target = str(customer.public_id).upper()
    assert {entry["action"] for entry in shown(somebody, f"targetPublicId={target}")} == {"customer.update"}
    assert shown(somebody, f"targetPublicId={uuid4()}") == []
    assert shown(somebody, f"action=monitor.update&targetPublicId={target}") == []


@pytest.mark.parametrize(
    "query",
    ["action=", "action=none", "action=MONITOR.UPDATE", "targetPublicId=5", "targetPublicId=", "page=0",
     "targetPublicId=11111111111141118111111111111111", "perPage=201", "organizationId=x"],
)  # fmt: skip
def test_a_malformed_query_is_400(somebody: Caller, query: str) -> None:
    assert_failure(somebody.get(f"{AUDIT_LOG}?{query}"), 400, "Invalid query parameters")


def test_nobody_writes_or_deletes_in_the_log(somebody: Caller) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert_failure(somebody.send(method, AUDIT_LOG), 405)


def test_of_a_config_only_what_is_harmless_is_told(somebody: Caller, monitor: Monitor) -> None:
    config = {
        "user": "box@example.com",
        "pwd": "c4nary-1",
        "auth": {"bearer": "c4nary-2"},
        "protocol": "pop3",
        "tls": True,
        "tlsOptions": {"rejectUnauthorized": False, "other": "c4nary-3"},
        "password": "c4nary-4",
    }
    assert somebody.patch(monitor_path(monitor), {"imapPopConfig": config}).status_code == 200

    (entry,) = entries()
    assert "c4nary" not in str(entry.changes)
    assert "box@example.com" not in str(entry.changes)
    assert entry.changes["imapPopConfig.protocol"]["after"] == "pop3"
    told = {"rejectUnauthorized": False, "other": "********"}
    assert entry.changes["imapPopConfig.tlsOptions"]["after"] == told


def test_long_values_are_told_of_by_their_length(somebody: Caller, customer: Customer) -> None:
    for text in ("x" * 60_000, "y" * 60_000):
        somebody.patch(f"{CUSTOMERS}/{customer.id}", {"customFields": {"note": text}})

    newest = entries()[-1].changes["customFields"]
    assert newest == {"before": "(60012 characters)", "after": "(60012 characters)"}


def test_what_goes_with_a_customer_is_told_of(somebody: Caller, make: Factory, house: Organization) -> None:
    customer = make.customer(house)
    make.token(customer=customer)
    bound = make.user(house, Role.EDITOR, customers=[customer])
    number, bound_id = customer.id, bound.public_id

    somebody.delete(f"{CUSTOMERS}/{number}")

    told = {entry.action: entry for entry in entries()}
    assert told.keys() == {"token.delete", "user.update", "customer.delete"}
    assert told["user.update"].target_public_id == bound_id
    assert told["user.update"].changes == {"customerIds": {"before": [number], "after": []}}
