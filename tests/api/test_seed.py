"""The seed pages, word for word: what they send is taken, and what they answer is answered."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from app.domain.enums import Role
from app.models import Customer, Organization
from tests.api.seed import ANSWER, BODY, CURL_BODY, LANGUAGES, seed_object
from tests.calling import MONITORS, Caller, assert_failure
from tests.factories import Factory

SEED_CUSTOMER = UUID("11111111-1111-4111-8111-111111111111")
BODIES = [(language, which) for language in LANGUAGES for which in (BODY, CURL_BODY)]

every_body = pytest.mark.parametrize(("language", "which"), BODIES)
every_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    """The customer that the pages' requests name."""
    return make.customer(house, public_id=SEED_CUSTOMER)


def seed_body(**changes: Any) -> dict[str, Any]:
    return {**seed_object("en", BODY), **changes}


def test_both_pages_show_the_same_objects() -> None:
    for which in (BODY, CURL_BODY, ANSWER):
        assert seed_object("en", which) == seed_object("de", which)


@every_body
def test_the_request_of_the_page_is_answered_with_201(
    admin: Caller, customer: Customer, language: str, which: int
) -> None:
    response = admin.post(MONITORS, seed_object(language, which))

    assert response.status_code == 201
    monitor = response.get_json()
    assert response.headers["Location"] == f"{MONITORS}/{monitor['publicId']}"
    assert admin.get(response.headers["Location"]).get_json()["id"] == monitor["id"]


@every_body
def test_the_answer_has_every_key_of_the_page_with_its_type(
    admin: Caller, customer: Customer, language: str, which: int
) -> None:
    expected = seed_object(language, ANSWER)
    answer = admin.post(MONITORS, seed_object(language, which)).get_json()

    assert expected.keys() <= answer.keys()
    assert {key: type(answer[key]) for key in expected} == {key: type(expected[key]) for key in expected}


@every_body
def test_the_answer_repeats_what_was_sent(
    admin: Caller, customer: Customer, house: Organization, language: str, which: int
) -> None:
    body, expected = seed_object(language, which), seed_object(language, ANSWER)
    answer = admin.post(MONITORS, body).get_json()

    determined = {"name", "hostname", "port", "checkInterval", "timeoutSeconds", "status"}
    nulls = {"notificationPhoneNumber", "notificationEmail", "lastCheckedAt"}
    assert {key: answer[key] for key in determined | nulls} == {
        key: expected[key] for key in determined | nulls
    }
    assert answer["config"] == answer["imapPopConfig"] == body["imapPopConfig"]
    assert (answer["organizationId"], answer["customerId"]) == (house.id, customer.id)


@every_language
def test_the_curl_request_is_answered_with_the_very_config_of_the_page(
    admin: Caller, customer: Customer, language: str
) -> None:
    answer = admin.post(MONITORS, seed_object(language, CURL_BODY)).get_json()

    expected = seed_object(language, ANSWER)
    assert answer["config"] == expected["config"]
    assert answer["imapPopConfig"] == expected["imapPopConfig"]


def test_instants_look_as_on_the_page(admin: Caller, customer: Customer) -> None:
    answer = admin.post(MONITORS, seed_body()).get_json()

    for key in ("createdAt", "updatedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer[key])
    assert answer["createdAt"] == answer["updatedAt"]


def test_what_is_created_is_what_is_read_later(admin: Caller, customer: Customer) -> None:
    created = admin.post(MONITORS, seed_body()).get_json()
    read = admin.get(f"{MONITORS}/{created['publicId']}").get_json()

    assert {key: read[key] for key in created} == created


@pytest.mark.parametrize(
    "spelling",
    [
        lambda customer: customer.id,
        lambda customer: str(customer.id),
        lambda customer: str(customer.public_id),
        lambda customer: str(customer.public_id).upper(),
    ],
    ids=["number", "numeric string", "uuid", "uuid in capitals"],
)
def test_a_customer_may_be_named_in_any_of_its_spellings(
    admin: Caller, make: Factory, house: Organization, spelling: Callable[[Customer], Any]
) -> None:
    customer = make.customer(house, public_id=UUID("abcdef00-1111-4111-8111-111111111111"))

    response = admin.post(MONITORS, seed_body(customerId=spelling(customer)))

    assert response.status_code == 201
    assert response.get_json()["customerId"] == customer.id


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("active", "active"),
        ("maintenance", "maintenance"),
        ("disabled", "disabled"),
        ("paused", "disabled"),
        ("inactive", "disabled"),
    ],
)
def test_status_is_normalised(admin: Caller, customer: Customer, sent: str, stored: str) -> None:
    created = admin.post(MONITORS, seed_body(status=sent)).get_json()
    patched = admin.patch(f"{MONITORS}/{created['publicId']}", {"status": sent}).get_json()

    assert created["status"] == patched["status"] == stored


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_port_left_to_the_worker_stays_null(admin: Caller, customer: Customer, protocol: str) -> None:
    without = {key: value for key, value in seed_body().items() if key != "port"}
    for body in (seed_body(port=None), without):
        config = {"protocol": protocol, "tls": True}
        assert admin.post(MONITORS, {**body, "imapPopConfig": config}).get_json()["port"] is None


def test_only_three_fields_are_required(admin: Caller, customer: Customer) -> None:
    body = {key: seed_body()[key] for key in ("customerId", "name", "hostname")}
    answer = admin.post(MONITORS, body).get_json()

    assert (answer["status"], answer["port"], answer["config"]) == ("active", None, {})
    assert (answer["checkInterval"], answer["timeoutSeconds"]) == (5, 30)


@pytest.mark.parametrize("hostname", ["https://mail.example.com", "mail.example.com/imap", "", 5])
def test_a_hostname_that_is_none_is_refused_by_the_pages_text(
    admin: Caller, customer: Customer, hostname: Any
) -> None:
    body = assert_failure(admin.post(MONITORS, seed_body(hostname=hostname)), 400, "Invalid hostname")

    assert body["message"] == "hostname must be a valid hostname (no protocol, no path)"


@pytest.mark.parametrize("reference", ["acme", "", None, True, 1.5, [], {}, "11111111-1111-4111-8111"])
def test_a_customer_identifier_that_is_none_is_refused_by_the_pages_text(
    admin: Caller, customer: Customer, reference: Any
) -> None:
    assert_failure(admin.post(MONITORS, seed_body(customerId=reference)), 400, "Invalid Customer identifier")


def test_a_missing_customer_identifier_is_refused_by_the_pages_text(admin: Caller) -> None:
    body = {key: value for key, value in seed_body().items() if key != "customerId"}

    assert_failure(admin.post(MONITORS, body), 400, "Invalid Customer identifier")


def test_any_other_fault_is_an_invalid_request_body(admin: Caller, customer: Customer) -> None:
    assert_failure(admin.post(MONITORS, seed_body(port="993")), 400, "Invalid request body")


def test_without_a_session_the_answer_is_401(nobody: Caller, customer: Customer) -> None:
    response = nobody.post(MONITORS, seed_body())

    assert_failure(response, 401, "Unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("role", [Role.READONLY, Role.GLOBAL_SUPPORTER])
def test_readers_may_not_create(caller: Callable[[Role], Caller], customer: Customer, role: Role) -> None:
    assert_failure(caller(role).post(MONITORS, seed_body()), 403, "Forbidden")


@pytest.mark.parametrize("reference", ["22222222-2222-4222-8222-222222222222", 987654321, "987654321", 0, -1])
def test_an_unknown_customer_is_404(admin: Caller, customer: Customer, reference: Any) -> None:
    assert_failure(admin.post(MONITORS, seed_body(customerId=reference)), 404, "Customer not found")


def test_the_customer_that_a_new_installation_has_takes_the_request_as_it_stands(
    app: Flask, nobody: Caller
) -> None:
    app.test_cli_runner().invoke(args=["init"])
    credentials = {"email": "admin@example.com", "password": "correct horse battery"}
    answer = nobody.post("/api/auth/login", credentials)

    response = Caller(app, answer.get_json()["accessToken"]).post(MONITORS, seed_body())

    assert response.status_code == 201
