"""Customers over HTTP (contract section 4)."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Organization, User
from tests.calling import CUSTOMERS, Caller, assert_failure, customer_path
from tests.factories import Factory

FULL: dict[str, Any] = {
    "name": "Example Customer",
    "email": "ops@example.com",
    "notificationEmail": "alerts@example.com",
    "notificationPhoneNumber": "+4915112345678",
    "status": "active",
    "customFields": {"contract": "K-17", "nested": {"list": [1, 2.5, None, True]}},
    "allowedCheckCountryCodes": ["DE", "AT"],
    "alertConsecutiveChecks": 3,
    "recoveryConsecutiveChecks": 1,
    "alertLocationThresholdCount": 2,
    "alertReminderMinutes": 15,
}
NULLABLE = sorted(FULL.keys() - {"name", "status"})
COUNTS = ["alertConsecutiveChecks", "recoveryConsecutiveChecks", "alertLocationThresholdCount"]


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> Caller:
    """An editor for that one customer alone."""
    return login(make.user(house, Role.EDITOR, customers=[customer]))


def test_a_new_customer_is_answered_as_it_was_sent(admin: Caller, house: Organization) -> None:
    response = admin.post(CUSTOMERS, FULL)

    answer = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{CUSTOMERS}/{answer['publicId']}"
    assert {key: answer[key] for key in FULL} == FULL
    assert answer.keys() - FULL.keys() == {"id", "publicId", "organizationId", "createdAt", "updatedAt"}
    assert answer["organizationId"] == house.id


def test_only_the_name_is_required(admin: Caller) -> None:
    answer = admin.post(CUSTOMERS, {"name": "  New  "}).get_json()

    assert answer["name"] == "New"
    assert answer["status"] == "active"
    assert {answer[key] for key in NULLABLE if key != "customFields"} == {None}
    assert answer["customFields"] is None


def test_a_customer_is_found_by_uuid_in_any_case_and_by_number(admin: Caller, customer: Customer) -> None:
    spellings = (customer.public_id, str(customer.public_id).upper(), customer.id, f"00{customer.id}")

    answers = [admin.get(f"{CUSTOMERS}/{spelling}").get_json() for spelling in spellings]

    assert [answer["id"] for answer in answers] == [customer.id] * len(spellings)


@pytest.mark.parametrize(
    "identifier",
    ["acme", "1.0", "-1", "+1", "%00", "1e3", "1111-1111-4111-8111", "9" * 19, "9" * 40, "%20",
     "11111111111141118111111111111111", "%7B11111111-1111-4111-8111-111111111111%7D", "%D9%A1"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_path_that_names_no_customer_is_400(admin: Caller, method: str, identifier: str) -> None:
    body = {"json": {"name": "New"}} if method == "PATCH" else {}

    response = admin.send(method, f"{CUSTOMERS}/{identifier}", **body)

    assert_failure(response, 400, "Invalid Customer identifier")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_customer_is_404(admin: Caller, method: str) -> None:
    body = {"json": {"name": "New"}} if method == "PATCH" else {}

    for identifier in (uuid4(), 987_654_321, 2**63 - 1, 0):
        response = admin.send(method, f"{CUSTOMERS}/{identifier}", **body)
        assert_failure(response, 404, "Customer not found")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_customer_of_another_organization_does_not_exist(admin: Caller, make: Factory, method: str) -> None:
    foreign = make.customer()
    body = {"json": {"name": "New"}} if method == "PATCH" else {}

    for identifier in (foreign.public_id, foreign.id):
        response = admin.send(method, f"{CUSTOMERS}/{identifier}", **body)
        assert_failure(response, 404, "Customer not found")
    assert db.session.get(Customer, foreign.id)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_customer_outside_the_own_ones_is_403(
    restricted: Caller, make: Factory, house: Organization, method: str
) -> None:
    body = {"json": {"name": "New"}} if method == "PATCH" else {}

    assert_failure(restricted.send(method, customer_path(make.customer(house)), **body), 403)


def test_a_restricted_user_sees_and_counts_the_own_customers_alone(
    restricted: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    make.customer(house)
    page = restricted.get(CUSTOMERS).get_json()

    assert [item["id"] for item in page["items"]] == [customer.id]
    assert page["total"] == 1


def test_a_restricted_user_works_on_the_own_customers(restricted: Caller, customer: Customer) -> None:
    assert restricted.get(customer_path(customer)).status_code == 200
    assert restricted.patch(customer_path(customer), {"name": "New"}).get_json()["name"] == "New"


def test_a_restricted_user_cannot_add_customers(restricted: Caller) -> None:
    assert_failure(restricted.post(CUSTOMERS, {"name": "New"}), 403)


def test_a_user_restricted_to_nothing_sees_nothing(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> None:
    nothing = login(make.user(house, Role.EDITOR, customers=[]))

    assert nothing.get(CUSTOMERS).get_json()["total"] == 0
    assert_failure(nothing.get(customer_path(customer)), 403)


def test_a_list_neither_shows_nor_counts_other_organizations(
    admin: Caller, make: Factory, customer: Customer
) -> None:
    make.customer()
    page = admin.get(CUSTOMERS).get_json()

    assert ([item["id"] for item in page["items"]], page["total"]) == ([customer.id], 1)


def test_a_list_comes_in_pages(admin: Caller, make: Factory, house: Organization) -> None:
    ids = [make.customer(house).id for _ in range(5)]
    pages = [admin.get(f"{CUSTOMERS}?perPage=2&page={page}").get_json() for page in (1, 2, 3)]

    assert [[item["id"] for item in page["items"]] for page in pages] == [ids[:2], ids[2:4], ids[4:]]
    assert {(page["total"], page["perPage"]) for page in pages} == {(5, 2)}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("acme", ["ACME 100%", "acme_b"]),
        ("100%25", ["ACME 100%"]),
        ("%25", ["ACME 100%"]),
        ("_", ["acme_b"]),
        ("%5C", ["back\\slash"]),
        ("'", ["O'Neil"]),
        ("nowhere", []),
    ],
)
def test_a_search_takes_every_character_literally(
    admin: Caller, make: Factory, house: Organization, search: str, found: list[str]
) -> None:
    for name in ("ACME 100%", "acme_b", "back\\slash", "O'Neil"):
        make.customer(house, name=name)

    page = admin.get(f"{CUSTOMERS}?search={search}").get_json()

    assert [item["name"] for item in page["items"]] == found
    assert page["total"] == len(found)


def test_a_patch_changes_what_it_names_and_no_more(admin: Caller) -> None:
    before = admin.post(CUSTOMERS, FULL).get_json()
    path = f"{CUSTOMERS}/{before['id']}"

    after = admin.patch(path, {"name": "Other"}).get_json()

    assert after["updatedAt"] > before["updatedAt"]
    assert {**after, "name": before["name"], "updatedAt": before["updatedAt"]} == before
    assert admin.get(path).get_json() == after


@pytest.mark.parametrize("key", NULLABLE)
def test_null_clears_what_may_be_null(admin: Caller, key: str) -> None:
    path = admin.post(CUSTOMERS, FULL).headers["Location"]

    assert admin.patch(path, {key: None}).get_json()[key] is None
    assert admin.get(path).get_json()[key] is None


@pytest.mark.parametrize("key", ["name", "status"])
def test_null_is_refused_where_it_may_not_be(admin: Caller, customer: Customer, key: str) -> None:
    body = assert_failure(admin.patch(customer_path(customer), {key: None}), 400, "Invalid request body")

    assert body["errors"] == {key: ["must not be null"]}


def test_what_was_read_can_be_sent_back_unchanged(admin: Caller) -> None:
    before = admin.post(CUSTOMERS, FULL).get_json()

    assert admin.patch(f"{CUSTOMERS}/{before['id']}", before).get_json() == before


def test_custom_fields_tell_true_from_one(admin: Caller) -> None:
    path = admin.post(CUSTOMERS, {"name": "New", "customFields": {"a": 1, "b": 0}}).headers["Location"]
    wanted = {"a": True, "b": False}

    assert admin.patch(path, {"customFields": wanted}).get_json()["customFields"]["a"] is True
    assert admin.get(path).get_json()["customFields"]["b"] is False


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", ["x", "x" * 255, " x "], ["", " ", "x" * 256, "a\x00b", "a\nb", "\ud800", 5, None, []]),
        ("email", ["a@b.example", None], ["a", "a@", "@b.example", "a b@c.example", "a@b@c.example", 5, ""]),
        ("notificationEmail", ["a@b.example", None], ["a", "x" * 300 + "@b.example", {}]),
        ("notificationPhoneNumber", ["+4915112345678", None], ["0151", "+49 1 511", 49, "+" + "1" * 16]),
        ("status", ["active", "marked_for_cancellation"], ["paused", "", 1, None]),
        ("customFields", [{}, {"a": {"b": []}}, None], [[], "a", {"a": "\x00"}, {"\x00": 1}, {"a": 2**64}]),
        ("allowedCheckCountryCodes", [["de"], ["DE", "de"], None], ["DE", ["DEU"], [5], ["D1"], [None], {}]),
        ("alertReminderMinutes", [1, 10080, None], [0, 10081, "5", 1.5, True]),
        *((count, [1, 100, 1.0, None], [0, 101, -1, "1", 1.5, True, 2**64]) for count in COUNTS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_field_has_its_bounds(
    admin: Caller, customer: Customer, field: str, good: list[Any], bad: list[Any]
) -> None:
    path = customer_path(customer)

    for value in good:
        assert admin.patch(path, {field: value}).status_code == 200, value
    for value in bad:
        body = assert_failure(admin.patch(path, {field: value}), 400, "Invalid request body")
        assert all(key.split(".")[0] == field for key in body["errors"])


@pytest.mark.parametrize(("sent", "shown"), [(["de", "AT", "De"], ["DE", "AT"]), ([], None), (None, None)])
def test_country_codes_are_normalised(admin: Caller, sent: Any, shown: Any) -> None:
    answer = admin.post(CUSTOMERS, {"name": "New", "allowedCheckCountryCodes": sent}).get_json()

    assert answer["allowedCheckCountryCodes"] == shown


def test_a_customer_with_monitors_stays(admin: Caller, make: Factory, customer: Customer) -> None:
    make.monitor(customer)

    assert_failure(admin.delete(customer_path(customer)), 409, "Customer has monitors")
    assert admin.get(customer_path(customer)).status_code == 200


def test_a_customer_without_monitors_goes(admin: Caller, customer: Customer) -> None:
    assert admin.delete(customer_path(customer)).get_json() == {"success": True}

    assert_failure(admin.get(customer_path(customer)), 404)


def test_a_customer_goes_although_users_are_restricted_to_it(
    admin: Caller, restricted: Caller, customer: Customer
) -> None:
    assert admin.delete(customer_path(customer)).status_code == 200

    assert restricted.get("/api/auth/me").get_json()["customerIds"] == []


def test_a_change_of_countries_moves_the_customers_monitors(
    admin: Caller, make: Factory, customer: Customer
) -> None:
    make.location(country="DE")
    monitor = make.monitor(customer)
    path = f"/api/imap-pop-monitors/{monitor.public_id}"
    assert admin.get(path).get_json()["nextCheckAt"]

    admin.patch(customer_path(customer), {"allowedCheckCountryCodes": ["FR"]})

    assert admin.get(path).get_json()["nextCheckAt"] is None
