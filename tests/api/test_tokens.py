"""API tokens: made, listed, revoked (contract section 2)."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.clock import utcnow
from app.domain.enums import Role
from app.extensions import db
from app.models import ApiToken, Customer, Organization, User
from app.services import api_tokens
from tests.api.matrix_stage import dump
from tests.calling import CUSTOMER_TOKENS, MONITORS, ORGANIZATION_TOKENS, Caller, assert_failure
from tests.factories import Factory

PATHS = [ORGANIZATION_TOKENS, CUSTOMER_TOKENS]
KEYS = {"id", "publicId", "name", "tokenHint", "organizationId", "customerId", "lastUsedAt", "expiresAt",
        "createdAt"}  # fmt: skip

on_both_paths = pytest.mark.parametrize("path", PATHS)


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> Callable[[Role], Caller]:
    """Makes a caller for that one customer alone."""
    return lambda role: login(make.user(house, role, customers=[customer]))


@pytest.fixture
def editor(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.EDITOR)


def newest() -> ApiToken:
    return db.session.scalars(select(ApiToken).order_by(ApiToken.id.desc())).all()[0]


def ids(caller: Caller, path: str) -> list[int]:
    page = caller.get(path).get_json()
    found = [item["id"] for item in page["items"]]
    assert page["total"] == len(found)
    return found


def test_a_new_token_of_the_organization(admin: Caller, house: Organization) -> None:
    response = admin.post(ORGANIZATION_TOKENS, {"name": "  Deployment  "})

    answer = response.get_json()
    assert response.status_code == 201
    assert answer.keys() == KEYS | {"token"}
    assert response.headers["Location"] == f"{ORGANIZATION_TOKENS}/{answer['publicId']}"
    assert (answer["name"], answer["organizationId"], answer["customerId"]) == ("Deployment", house.id, None)
    assert (answer["lastUsedAt"], answer["expiresAt"]) == (None, None)
    assert answer["token"].startswith(answer["tokenHint"])
    assert len(answer["token"]) >= len("wsm_") + 43


@on_both_paths
def test_a_new_token_of_one_customer(admin: Caller, customer: Customer, path: str) -> None:
    for reference in (customer.id, str(customer.id), str(customer.public_id)):
        answer = admin.post(path, {"name": "Dashboard", "customerId": reference}).get_json()

        assert (answer["customerId"], answer["organizationId"]) == (customer.id, customer.organization_id)


def test_a_token_expires_when_it_was_asked_to(admin: Caller) -> None:
    answer = admin.post(ORGANIZATION_TOKENS, {"name": "Short", "expiresInDays": 1}).get_json()

    token = newest()
    assert token.expires_at == token.created_at + timedelta(days=1)
    assert answer["expiresAt"] > answer["createdAt"]


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", ["x", "x" * 255, " x "], ["", " ", "x" * 256, "a\x00b", "\ud800", 5, None]),
        ("expiresInDays", [1, 365, 1.0, None], [0, 366, -1, "1", 1.5, True, 2**64, []]),
    ],
)
def test_each_field_has_its_bounds(admin: Caller, field: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert admin.post(ORGANIZATION_TOKENS, {"name": "x", field: value}).status_code == 201, value
    for value in bad:
        response = admin.post(ORGANIZATION_TOKENS, {"name": "x", field: value})
        assert assert_failure(response, 400, "Invalid request body")["errors"].keys() == {field}


@pytest.mark.parametrize("field", ["expiresAt", "token", "role", "expires_in_days"])
def test_a_key_that_would_not_count_is_refused(admin: Caller, field: str) -> None:
    assert_failure(admin.post(ORGANIZATION_TOKENS, {"name": "x", field: "2030-01-01"}), 400)
    assert db.session.scalars(select(ApiToken)).all() == []


@on_both_paths
@pytest.mark.parametrize("reference", ["acme", 1.5, True, [], {}, "", -(2**70), "1.0"])
def test_a_malformed_customer_is_400(admin: Caller, path: str, reference: Any) -> None:
    response = admin.post(path, {"name": "x", "customerId": reference})

    assert_failure(response, 400, "Invalid Customer identifier")


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "customerId": None}, {}])
def test_a_customers_token_needs_a_customer(admin: Caller, body: dict[str, Any]) -> None:
    assert_failure(admin.post(CUSTOMER_TOKENS, body), 400, "Invalid Customer identifier")


@on_both_paths
def test_a_customer_elsewhere_is_404(admin: Caller, make: Factory, path: str) -> None:
    for reference in (make.customer().id, 987_654_321, str(uuid4())):
        response = admin.post(path, {"name": "x", "customerId": reference})
        assert_failure(response, 404, "Customer not found")


def test_lists_show_who_has_a_token_and_never_the_token(
    admin: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    texts = [make.token(house), make.token(customer=customer)]
    response = admin.get(ORGANIZATION_TOKENS)

    page = response.get_json()
    assert page.keys() == {"items", "total", "page", "perPage"}
    assert all(item.keys() == KEYS | {"customerName"} for item in page["items"])
    shown = [(item["customerId"], item["customerName"]) for item in page["items"]]
    assert shown == [(None, None), (customer.id, customer.name)]
    assert not any(text in response.get_data(as_text=True) for text in texts)


def test_each_path_lists_what_it_is_about(
    admin: Caller, editor: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    make.token(house)
    wide = newest().id
    make.token(customer=customer)
    narrow = newest().id
    make.token()

    assert ids(admin, ORGANIZATION_TOKENS) == [wide, narrow]
    assert ids(admin, CUSTOMER_TOKENS) == ids(editor, CUSTOMER_TOKENS) == [narrow]


@on_both_paths
def test_a_list_may_be_about_one_customer(
    admin: Caller, make: Factory, house: Organization, customer: Customer, path: str
) -> None:
    for owner in (customer, make.customer(house)):
        make.token(customer=owner)

    for reference in (customer.id, customer.public_id):
        page = admin.get(f"{path}?customerId={reference}").get_json()
        assert [item["customerId"] for item in page["items"]] == [customer.id]
    assert_failure(admin.get(f"{path}?customerId=acme"), 400)
    assert_failure(admin.get(f"{path}?customerId=987654321"), 404, "Customer not found")
    assert_failure(admin.get(f"{path}?customerId={make.customer().id}"), 404, "Customer not found")


@on_both_paths
def test_a_list_comes_in_pages(admin: Caller, make: Factory, customer: Customer, path: str) -> None:
    for _ in range(3):
        make.token(customer=customer)

    page = admin.get(f"{path}?perPage=2&page=2").get_json()
    assert (len(page["items"]), page["total"], page["page"], page["perPage"]) == (1, 3, 2, 2)


@on_both_paths
def test_a_token_is_deleted_by_uuid_and_by_number(
    admin: Caller, make: Factory, customer: Customer, path: str
) -> None:
    for key in ("public_id", "id"):
        make.token(customer=customer)
        assert admin.delete(f"{path}/{getattr(newest(), key)}").get_json() == {"success": True}

    assert db.session.scalars(select(ApiToken)).all() == []


@on_both_paths
@pytest.mark.parametrize("identifier", ["wsm_abc", "1.0", "-1", "%00", "9" * 40, "%D9%A1", "%20"])
def test_a_path_that_names_no_token_is_400(admin: Caller, path: str, identifier: str) -> None:
    assert_failure(admin.delete(f"{path}/{identifier}"), 400, "Invalid Token identifier")


@on_both_paths
def test_what_does_not_exist_for_the_caller_is_404(admin: Caller, make: Factory, path: str) -> None:
    make.token(customer=make.customer())

    for identifier in (newest().id, newest().public_id, uuid4(), 987_654_321):
        assert_failure(admin.delete(f"{path}/{identifier}"), 404, "Token not found")
    assert newest()


def test_a_token_of_the_organization_is_not_deleted_on_the_customers_path(
    admin: Caller, editor: Caller, make: Factory, house: Organization
) -> None:
    make.token(house)

    for someone in (admin, editor):
        assert_failure(someone.delete(f"{CUSTOMER_TOKENS}/{newest().id}"), 403, "Forbidden")
    assert newest()


@pytest.mark.parametrize("path", PATHS)
def test_organization_wide_tokens_are_beyond_restricted_users(
    restricted: Callable[[Role], Caller], make: Factory, house: Organization, path: str
) -> None:
    make.token(house)
    someone = restricted(Role.ADMIN)
    before = dump()

    assert_failure(someone.post(ORGANIZATION_TOKENS, {"name": "x"}), 403)
    assert_failure(someone.delete(f"{path}/{newest().id}"), 403)
    assert ids(someone, path) == []
    assert dump() == before


@pytest.mark.parametrize(
    "case", [(Role.ADMIN, ORGANIZATION_TOKENS), (Role.ADMIN, CUSTOMER_TOKENS), (Role.EDITOR, CUSTOMER_TOKENS)]
)
def test_restricted_users_manage_the_tokens_of_their_customers(
    restricted: Callable[[Role], Caller],
    make: Factory,
    house: Organization,
    customer: Customer,
    case: tuple[Role, str],
) -> None:
    role, path = case
    outside = make.customer(house)
    make.token(customer=outside)
    foreign = newest().id
    someone = restricted(role)

    assert someone.post(path, {"name": "x", "customerId": customer.id}).status_code == 201
    own = newest().id
    assert ids(someone, path) == [own]
    assert_failure(someone.post(path, {"name": "x", "customerId": outside.id}), 403)
    assert_failure(someone.get(f"{path}?customerId={outside.id}"), 403)
    assert_failure(someone.delete(f"{path}/{foreign}"), 403)
    assert someone.delete(f"{path}/{own}").status_code == 200


def test_a_global_admin_manages_tokens_elsewhere(
    caller: Callable[[Role], Caller], make: Factory, app: Flask
) -> None:
    global_admin, foreign = caller(Role.GLOBAL_ADMIN), make.customer()
    place = {"organizationId": foreign.organization_id}

    answer = global_admin.post(ORGANIZATION_TOKENS, {"name": "x", **place}).get_json()
    assert answer["organizationId"] == foreign.organization_id
    body = {"name": "x", "customerId": foreign.id}
    assert_failure(global_admin.post(CUSTOMER_TOKENS, body), 404)
    assert global_admin.post(CUSTOMER_TOKENS, {**body, **place}).status_code == 201
    listed = global_admin.get(f"{ORGANIZATION_TOKENS}?organizationId={foreign.organization_id}").get_json()
    assert listed["total"] == 2
    assert global_admin.delete(f"{ORGANIZATION_TOKENS}/{answer['id']}").status_code == 200


@on_both_paths
def test_others_name_no_organization_but_their_own(admin: Caller, make: Factory, path: str) -> None:
    foreign = make.customer()
    body = {"name": "x", "customerId": foreign.id, "organizationId": foreign.organization_id}

    assert_failure(admin.post(path, body), 403)
    assert_failure(admin.get(f"{path}?organizationId={foreign.organization_id}"), 403)


def test_a_token_cannot_manage_tokens(
    app: Flask, make: Factory, house: Organization, customer: Customer
) -> None:
    texts = [make.token(house), make.token(customer=customer)]
    before = dump()

    for text in texts:
        program = Caller(app, text)
        for path in PATHS:
            body = {"name": "x", "customerId": customer.id}
            for response in (program.get(path), program.post(path, body), program.delete(f"{path}/1")):
                assert_failure(response, 403, "Forbidden")
    assert dump() == before


def test_no_row_holds_a_token(admin: Caller, app: Flask) -> None:
    text = admin.post(ORGANIZATION_TOKENS, {"name": "x"}).get_json()["token"]
    Caller(app, text).post("/api/customers", {"name": "New"})

    rows = str(dump())
    assert "customer.create" in rows
    assert text.removeprefix("wsm_") not in rows


def test_no_answer_but_the_first_tells_a_token(admin: Caller, app: Flask) -> None:
    text = admin.post(ORGANIZATION_TOKENS, {"name": "x"}).get_json()["token"]
    program = Caller(app, text)
    answers = [admin.get(path) for path in (*PATHS, "/api/audit-log")]
    answers += [program.get(MONITORS), program.get(ORGANIZATION_TOKENS), program.post(MONITORS, {})]
    answers += [admin.delete(f"{ORGANIZATION_TOKENS}/{newest().id}"), program.get(MONITORS)]

    assert not [answer for answer in answers if text[9:] in answer.get_data(as_text=True)]


def test_no_repr_tells_a_token(make: Factory) -> None:
    text = make.token()
    row = newest()

    shown = repr(row) + repr(api_tokens.NewToken(row, text))
    assert text[4:] not in shown
    assert row.token_hash not in shown


@on_both_paths
def test_a_token_deleted_by_two_is_deleted_once(
    admin: Caller, make: Factory, customer: Customer, path: str
) -> None:
    make.token(customer=customer)
    token = newest()

    assert admin.delete(f"{path}/{token.id}").status_code == 200
    assert_failure(admin.delete(f"{path}/{token.id}"), 404, "Token not found")


def test_an_expired_token_is_still_listed_and_deleted(
    admin: Caller, make: Factory, house: Organization
) -> None:
    make.token(house, expires_at=utcnow() - timedelta(days=1))

    assert ids(admin, ORGANIZATION_TOKENS) == [newest().id]
    assert admin.delete(f"{ORGANIZATION_TOKENS}/{newest().id}").status_code == 200


def test_tokens_of_one_scope_are_not_countless(
    admin: Caller, make: Factory, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "MAX_TOKENS", 2)
    made = [admin.post(ORGANIZATION_TOKENS, {"name": "x", "customerId": customer.id}) for _ in range(3)]

    assert [answer.status_code for answer in made] == [201, 201, 409]
    assert_failure(made[-1], 409, "Too many tokens")
    assert admin.post(ORGANIZATION_TOKENS, {"name": "x"}).status_code == 201
    admin.delete(f"{ORGANIZATION_TOKENS}/{made[0].get_json()['id']}")
    assert admin.post(CUSTOMER_TOKENS, {"name": "x", "customerId": customer.id}).status_code == 201


@pytest.mark.parametrize("is_of_customer", [True, False])
def test_of_two_requests_at_once_one_takes_the_last_place(
    admin: Caller, customer: Customer, monkeypatch: pytest.MonkeyPatch, is_of_customer: bool
) -> None:
    body = {"name": "x"} | ({"customerId": customer.id} if is_of_customer else {})
    both, make_text = Barrier(2), secrets.token_urlsafe

    def wait_for_the_other(size: int) -> str:
        with suppress(BrokenBarrierError):
            both.wait(0.5)
        return make_text(size)

    monkeypatch.setattr(api_tokens, "MAX_TOKENS", 1)
    monkeypatch.setattr(secrets, "token_urlsafe", wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(admin.post, ORGANIZATION_TOKENS, body) for _ in range(2)]

    assert sorted(answer.result().status_code for answer in answers) == [201, 409]
