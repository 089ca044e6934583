"""Users over HTTP (contract section 4)."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.domain.enums import Role
from app.extensions import db
from app.models import AuditEntry, Customer, Organization, Session, User
from tests.calling import USERS, Caller, assert_failure
from tests.factories import PASSWORD, PASSWORD_HASH, Factory

FULL: dict[str, Any] = {
    "email": "ada@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "role": "editor",
    "customerIds": None,
    "isActive": True,
}
NEW = {"email": "new@example.com", "role": "readonly"}
NEW_PASSWORD = "another horse battery"
TAKEN = "E-mail address is taken"
LAST_ADMIN = "Last admin of the organization"
LOGIN, ME = "/api/auth/login", "/api/auth/me"

every_method = pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])


def user_path(user: Any) -> str:
    return f"{USERS}/{user.public_id}"


def entries() -> list[AuditEntry]:
    """What the audit trail tells of users, oldest first."""
    db.session.rollback()
    query = select(AuditEntry).where(AuditEntry.action.startswith("user.")).order_by(AuditEntry.id)
    return list(db.session.scalars(query))


@pytest.fixture
def editor(make: Factory, house: Organization) -> User:
    """Somebody to be managed."""
    return make.user(house, Role.EDITOR, email="bob@example.com", first_name="Bob")


def test_a_new_user_is_answered_as_it_was_sent(admin: Caller, house: Organization) -> None:
    response = admin.post(USERS, FULL)

    answer = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{USERS}/{answer['id']}"
    assert admin.get(response.headers["Location"]).get_json() == answer
    assert {key: answer[key] for key in FULL} == FULL
    assert answer.keys() - FULL.keys() == {"id", "publicId", "organizationId", "createdAt", "updatedAt"}
    assert answer["organizationId"] == house.id


def test_only_address_and_role_are_required(admin: Caller) -> None:
    answer = admin.post(USERS, NEW).get_json()

    assert (answer["firstName"], answer["lastName"], answer["customerIds"]) == (None, None, None)
    assert answer["isActive"] is True
    assert_failure(admin.post(USERS, {"email": "a@example.com"}), 400, "Invalid request body")
    assert_failure(admin.post(USERS, {"role": "admin"}), 400, "Invalid request body")


def test_a_user_logs_in_with_the_password_that_was_set(admin: Caller, nobody: Caller) -> None:
    login = {"email": "Ada@Example.com", "password": NEW_PASSWORD}
    response = admin.post(USERS, {**FULL, **login})

    assert response.get_json()["email"] == "ada@example.com"
    assert NEW_PASSWORD not in response.get_data(as_text=True)
    assert nobody.post(LOGIN, login).status_code == 200


def test_without_a_password_nobody_logs_in_until_one_is_set(admin: Caller, nobody: Caller) -> None:
    made = admin.post(USERS, NEW).get_json()
    for guess in ("", PASSWORD, "None", "null"):
        assert nobody.post(LOGIN, {"email": NEW["email"], "password": guess}).status_code in {400, 401}

    admin.patch(f"{USERS}/{made['id']}", {"password": NEW_PASSWORD})

    assert nobody.post(LOGIN, {"email": NEW["email"], "password": NEW_PASSWORD}).status_code == 200


def test_a_user_is_found_by_uuid_in_any_case_and_by_number(admin: Caller, editor: User) -> None:
    spellings = (editor.public_id, str(editor.public_id).upper(), editor.id, f"00{editor.id}")

    answers = [admin.get(f"{USERS}/{spelling}").get_json() for spelling in spellings]

    assert [answer["id"] for answer in answers] == [editor.id] * len(spellings)


@every_method
@pytest.mark.parametrize("identifier", ["bob", "bob@example.com", "1.0", "-1", "9" * 19, "%20", "%D9%A1"])
def test_a_path_that_names_no_user_is_400(admin: Caller, method: str, identifier: str) -> None:
    body = {"json": {"firstName": "New"}} if method == "PATCH" else {}

    response = admin.send(method, f"{USERS}/{identifier}", **body)

    assert_failure(response, 400, "Invalid User identifier")


@every_method
def test_what_is_unknown_or_another_organizations_is_404(admin: Caller, make: Factory, method: str) -> None:
    foreign = make.user()
    body = {"json": {"firstName": "New"}} if method == "PATCH" else {}

    for identifier in (uuid4(), 987_654_321, 0, foreign.id, foreign.public_id):
        assert_failure(admin.send(method, f"{USERS}/{identifier}", **body), 404, "User not found")
    assert db.session.get(User, foreign.id)


def test_a_list_has_the_users_of_one_organization(admin: Caller, make: Factory, editor: User) -> None:
    make.user()

    page = admin.get(f"{USERS}?perPage=1&page=2").get_json()

    assert (page["total"], page["page"], page["perPage"]) == (2, 2, 1)
    assert [item["id"] for item in page["items"]] == [editor.id]
    assert page["items"][0].keys() == admin.get(user_path(editor)).get_json().keys()


@pytest.mark.parametrize(
    ("search", "count"), [("BOB@", 1), ("@example.com", 2), ("bOb", 1), ("Builder", 1), ("%", 0), ("", 2)]
)
def test_a_search_looks_at_the_address_and_at_both_names(
    admin: Caller, editor: User, search: str, count: int
) -> None:
    admin.patch(user_path(editor), {"lastName": "the Builder"})

    page = admin.get(USERS, query_string={"search": search}).get_json()

    assert (page["total"], len(page["items"])) == (count, count)


def test_customers_come_as_numbers_and_uuids_and_are_shown_as_numbers(
    admin: Caller, make: Factory, house: Organization
) -> None:
    first, second = make.customer(house), make.customer(house)
    sent = [str(second.public_id).upper(), first.id, str(first.id), str(first.public_id), float(second.id)]

    answer = admin.post(USERS, {**NEW, "customerIds": sent}).get_json()

    assert answer["customerIds"] == [first.id, second.id]


def test_a_restriction_is_changed_and_lifted(
    admin: Caller, make: Factory, house: Organization, editor: User
) -> None:
    first, second, third = (make.customer(house).id for _ in range(3))

    for sent in ([first, second], [second, third], [], [first], None):
        answer = admin.patch(user_path(editor), {"customerIds": sent}).get_json()
        assert answer["customerIds"] == sent
        assert admin.get(user_path(editor)).get_json() == answer


def test_a_customer_must_be_one_of_the_users_organization(
    admin: Caller, caller: Callable[[Role], Caller], make: Factory, editor: User
) -> None:
    foreign = make.customer()

    for reference in (foreign.id, str(foreign.public_id), 987_654, str(uuid4()), 0, -1):
        for someone in (admin, caller(Role.GLOBAL_ADMIN)):
            body = {"customerIds": [reference]}
            assert_failure(someone.post(USERS, {**NEW, **body}), 404, "Customer not found")
            assert_failure(someone.patch(user_path(editor), body), 404, "Customer not found")


def test_a_global_role_cannot_be_restricted(
    caller: Callable[[Role], Caller], make: Factory, house: Organization, customer: Customer
) -> None:
    root = caller(Role.GLOBAL_ADMIN)
    bound = make.user(house, Role.EDITOR, customers=[customer])
    mighty = make.user(house, Role.GLOBAL_SUPPORTER)

    for response in (
        root.post(USERS, {**NEW, "role": "global_admin", "customerIds": []}),
        root.post(USERS, {**NEW, "role": "global_admin", "customerIds": [987_654]}),
        root.patch(user_path(mighty), {"customerIds": [customer.id]}),
        root.patch(user_path(bound), {"role": "global_supporter"}),
    ):
        assert "customerIds" in assert_failure(response, 400, "Invalid request body")["errors"]
    freed = root.patch(user_path(bound), {"role": "global_supporter", "customerIds": None})
    assert (freed.get_json()["role"], freed.get_json()["customerIds"]) == ("global_supporter", None)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("email", [None, 5, "", "ada", "a b@example.com", "a@b@c.example", "x" * 310 + "@example.com"]),
        ("firstName", [5, "x" * 256, "\x00", "a\nb", "\ud800"]),
        ("lastName", [True, "x" * 256, "\x7f"]),
        ("role", [None, "", "Admin", "root", 5, ["admin"]]),
        ("customerIds", ["10", 10, {}, {"10": 1}, [None], ["x"], [1.5], [True], [2**64], [[1]], ["\x00"]]),
        ("isActive", [None, "true", 1, 0]),
        ("password", [None, 5, "short", "x" * 1025, "twelve\x00chars", "********"]),
        ("isAdmin", [True]),
        ("passwordHash", ["x" * 20]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_field_has_its_bounds(admin: Caller, editor: User, field: str, bad: list[Any]) -> None:
    for value in bad:
        for response in (
            admin.patch(user_path(editor), {field: value}),
            admin.post(USERS, {**NEW, field: value}),
        ):
            body = assert_failure(response, 400, "Invalid request body")
            assert all(key.split(".")[0] == field for key in body["errors"]), value


@pytest.mark.parametrize("email", ["bob@example.com", "BOB@Example.Com", " bob@example.com "])
def test_two_users_cannot_share_an_address(
    admin: Caller, make: Factory, house: Organization, editor: User, email: str
) -> None:
    other = make.user(house)

    assert_failure(admin.post(USERS, {**NEW, "email": email}), 409, TAKEN)
    assert_failure(admin.patch(user_path(other), {"email": email, "customerIds": []}), 409, TAKEN)
    assert admin.get(user_path(other)).get_json()["customerIds"] is None
    assert admin.patch(user_path(editor), {"email": email}).status_code == 200


def test_the_address_of_another_organizations_user_is_taken_too(admin: Caller, make: Factory) -> None:
    assert_failure(admin.post(USERS, {**NEW, "email": make.user().email}), 409, TAKEN)


def test_what_was_read_can_be_sent_back(admin: Caller, editor: User, customer: Customer) -> None:
    admin.patch(user_path(editor), {"customerIds": [customer.id]})
    read = admin.get(user_path(editor)).get_json()

    assert admin.patch(user_path(editor), read).get_json() == read


def test_a_change_that_changes_nothing_leaves_no_trace(admin: Caller, editor: User) -> None:
    before = admin.get(user_path(editor)).get_json()
    for body in ({}, {"email": "BOB@example.com", "role": "editor", "customerIds": None, "isActive": True}):
        assert admin.patch(user_path(editor), body).get_json() == before

    assert entries() == []


def test_the_own_organization_cannot_be_changed(
    caller: Callable[[Role], Caller], make: Factory, editor: User, house: Organization
) -> None:
    response = caller(Role.GLOBAL_ADMIN).patch(
        user_path(editor), {"organizationId": make.organization().id, "firstName": "B"}
    )

    assert response.get_json()["organizationId"] == house.id


def test_a_new_password_ends_all_sessions(
    admin: Caller, nobody: Caller, login: Callable[[User], Caller], editor: User
) -> None:
    sessions = [login(editor), login(editor)]

    answer = admin.patch(user_path(editor), {"password": NEW_PASSWORD}).get_json()

    assert "password" not in answer
    for session in sessions:
        assert_failure(session.get(ME), 401)
    assert nobody.post(LOGIN, {"email": editor.email, "password": PASSWORD}).status_code == 401
    assert nobody.post(LOGIN, {"email": editor.email, "password": NEW_PASSWORD}).status_code == 200


def test_a_disabled_user_is_out_and_stays_out_of_the_old_sessions(
    admin: Caller, login: Callable[[User], Caller], editor: User
) -> None:
    session = login(editor)

    assert admin.patch(user_path(editor), {"isActive": False}).get_json()["isActive"] is False
    assert_failure(session.get(ME), 401)

    assert admin.patch(user_path(editor), {"isActive": True}).get_json()["isActive"] is True
    assert_failure(session.get(ME), 401)


def test_a_removed_user_is_gone_with_all_sessions(
    admin: Caller, login: Callable[[User], Caller], editor: User, customer: Customer
) -> None:
    session = login(editor)
    admin.patch(user_path(editor), {"customerIds": [customer.id]})

    assert admin.delete(user_path(editor)).get_json() == {"success": True}

    assert_failure(admin.get(user_path(editor)), 404)
    assert_failure(session.get(ME), 401)
    assert db.session.scalars(select(Session.user_id).where(Session.user_id == editor.id)).all() == []


def test_every_change_is_in_the_trail_with_masked_passwords(
    admin: Caller, make: Factory, house: Organization
) -> None:
    first, second = sorted(make.customer(house).id for _ in range(2))
    sent = {**FULL, "customerIds": [second, first], "password": NEW_PASSWORD}
    made = admin.post(USERS, sent).get_json()
    path = f"{USERS}/{made['id']}"
    admin.patch(path, {"customerIds": None, "lastName": None, "email": "a@example.com"})
    admin.patch(path, {"password": "yet another battery"})
    admin.delete(path)

    created, changed, reset, removed = entries()
    assert [entry.action for entry in (created, changed, reset, removed)] == [
        "user.create", "user.update", "user.update", "user.delete",
    ]  # fmt: skip
    assert {str(entry.target_public_id) for entry in entries()} == {made["publicId"]}
    assert {entry.organization_id for entry in entries()} == {house.id}
    assert created.changes["customerIds"] == {"before": None, "after": [first, second]}
    assert created.changes["password"] == {"before": None, "after": "********"}
    assert (created.changes["role"]["after"], created.target_name) == ("editor", "ada@example.com")
    assert changed.changes == {
        "email": {"before": "ada@example.com", "after": "a@example.com"},
        "lastName": {"before": "Lovelace", "after": None},
        "customerIds": {"before": [first, second], "after": None},
    }
    assert reset.changes == {"password": {"before": "********", "after": "********"}}
    assert removed.changes == {}


def test_a_user_made_without_a_password_shows_none_in_the_trail(admin: Caller) -> None:
    admin.post(USERS, NEW)

    (created,) = entries()
    assert created.changes.keys() == {"email", "role", "isActive"}


def test_a_change_moves_updated_at(admin: Caller, editor: User) -> None:
    before = admin.get(user_path(editor)).get_json()

    for body in ({"firstName": "Robert"}, {"password": NEW_PASSWORD}, {"customerIds": []}):
        after = admin.patch(user_path(editor), body).get_json()
        assert after["updatedAt"] > before["updatedAt"]
        assert after["createdAt"] == before["createdAt"]
        before = after


def test_what_is_refused_changes_nothing(admin: Caller, editor: User) -> None:
    before = admin.get(user_path(editor)).get_json()

    body = {"password": NEW_PASSWORD, "firstName": "Robert", "role": "global_admin"}
    assert_failure(admin.patch(user_path(editor), body), 403)

    assert admin.get(user_path(editor)).get_json() == before
    db.session.refresh(editor)
    assert editor.password_hash == PASSWORD_HASH
    assert entries() == []
