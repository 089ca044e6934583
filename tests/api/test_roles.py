"""Who may do what (contract section 2): every endpoint by every role, in the own house and in others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.enums import Role
from app.extensions import db
from app.models import ApiToken, Customer, Organization, User
from tests.calling import (
    AUDIT_LOG,
    CUSTOMER_TOKENS,
    CUSTOMERS,
    MONITORS,
    ORGANIZATION,
    ORGANIZATION_TOKENS,
    ORGANIZATIONS,
    USERS,
    Caller,
    assert_failure,
)
from tests.factories import PASSWORD, Factory

WRITERS = {Role.ADMIN, Role.EDITOR, Role.GLOBAL_ADMIN}
ADMINS = {Role.ADMIN, Role.GLOBAL_ADMIN}
EVERYBODY = set(Role)


@dataclass(frozen=True)
class Row:
    """One endpoint: a request that succeeds, who may send it, and whether it is about one customer."""

    view: str
    method: str
    path: str
    allowed: set[Role]
    status: int = 200
    json: dict[str, Any] | None = None
    is_about_a_customer: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


MONITOR = MONITORS + "/{monitor}"
NEW_MONITOR = {"customerId": "{customer}", "name": "New", "hostname": "127.0.0.1"}
NEW_USER = {"email": "new@example.com", "role": "readonly"}
NEW_TOKEN = {"customerId": "{customer}", "name": "New"}
ROWS = [
    Row("list_imap_pop_monitors", "GET", MONITORS, EVERYBODY, is_about_a_customer=False),
    Row("create_imap_pop_monitor", "POST", MONITORS, WRITERS, 201, NEW_MONITOR),
    Row("get_imap_pop_monitor", "GET", MONITOR, EVERYBODY),
    Row("update_imap_pop_monitor", "PATCH", MONITOR, WRITERS, json={"name": "New"}),
    Row(
        "update_imap_pop_monitor",
        "PATCH",
        MONITOR,
        WRITERS | {Role.READONLY},
        json={"status": "disabled"},
    ),
    Row("delete_imap_pop_monitor", "DELETE", MONITOR, WRITERS),
    Row("trigger_imap_pop_check", "POST", f"{MONITOR}/trigger-check", WRITERS),
    Row("list_imap_pop_check_history", "GET", f"{MONITOR}/check-history", EVERYBODY),
    Row("test_imap_pop_monitor", "POST", f"{MONITORS}/test", WRITERS, json=NEW_MONITOR),
    Row("list_customers", "GET", CUSTOMERS, EVERYBODY, is_about_a_customer=False),
    Row(
        "create_customer",
        "POST",
        CUSTOMERS,
        WRITERS,
        201,
        {"name": "New"},
        is_about_a_customer=False,
    ),
    Row("get_customer", "GET", CUSTOMERS + "/{customer}", EVERYBODY),
    Row("update_customer", "PATCH", CUSTOMERS + "/{customer}", WRITERS, json={"name": "New"}),
    Row("delete_customer", "DELETE", CUSTOMERS + "/{empty_customer}", WRITERS),
    Row("list_users", "GET", USERS, ADMINS, is_about_a_customer=False),
    Row("create_user", "POST", USERS, ADMINS, 201, NEW_USER, is_about_a_customer=False),
    # About a customer, too, but nothing that global_supporter may read.
    Row("get_user", "GET", USERS + "/{user}", ADMINS, is_about_a_customer=False),
    Row("update_user", "PATCH", USERS + "/{user}", ADMINS, json={"firstName": "New"}),
    Row("delete_user", "DELETE", USERS + "/{user}", ADMINS),
    Row("get_organization", "GET", ORGANIZATION, EVERYBODY, is_about_a_customer=False),
    Row(
        "update_organization", "PATCH", ORGANIZATION, ADMINS, json={"name": "New"}, is_about_a_customer=False
    ),
    Row("list_organizations", "GET", ORGANIZATIONS, {Role.GLOBAL_ADMIN}, is_about_a_customer=False),
    Row(
        "create_organization",
        "POST",
        ORGANIZATIONS,
        {Role.GLOBAL_ADMIN},
        201,
        {"name": "New"},
        is_about_a_customer=False,
    ),
    Row("list_organization_tokens", "GET", ORGANIZATION_TOKENS, ADMINS, is_about_a_customer=False),
    Row(
        "create_organization_token",
        "POST",
        ORGANIZATION_TOKENS,
        ADMINS,
        201,
        {"name": "New"},
        is_about_a_customer=False,
    ),
    Row("delete_organization_token", "DELETE", ORGANIZATION_TOKENS + "/{token}", ADMINS),
    Row("list_customer_tokens", "GET", CUSTOMER_TOKENS, WRITERS, is_about_a_customer=False),
    Row("create_customer_token", "POST", CUSTOMER_TOKENS, WRITERS, 201, NEW_TOKEN),
    Row("delete_customer_token", "DELETE", CUSTOMER_TOKENS + "/{token}", WRITERS),
    Row("list_audit_log", "GET", AUDIT_LOG, ADMINS, is_about_a_customer=False),
    Row("log_out", "POST", "/api/auth/logout", EVERYBODY, is_about_a_customer=False),
    Row(
        "change_password",
        "POST",
        "/api/auth/change-password",
        EVERYBODY,
        json={"currentPassword": PASSWORD, "newPassword": "another horse battery"},
        is_about_a_customer=False,
    ),
    Row("get_me", "GET", "/api/auth/me", EVERYBODY, is_about_a_customer=False),
]
PUBLIC = {
    "log_in",
    "refresh",  # its token is the refresh token
    "openapi_json",
    "lead_to_docs",
    "show_docs",
    "get_start_script",
    "get_bundle_file",
    "get_health",
    "get_readiness",
    "get_metrics",
}
IMPLICIT = {"HEAD", "OPTIONS"}

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_role = pytest.mark.parametrize("role", Role)


@dataclass(frozen=True)
class Place:
    """Somebody's customers and monitor, to be named in paths and bodies."""

    customer: str
    empty_customer: str
    monitor: str
    token: str
    user: str

    def send(self, caller: Caller, row: Row) -> Any:
        names = vars(self)
        body = row.json and {key: str(value).format(**names) for key, value in row.json.items()}
        return caller.send(row.method, row.path.format(**names), **({"json": body} if body else {}))


def furnish(make: Factory, customer: Customer, empty: Customer) -> Place:
    make.token(customer=customer)
    token = db.session.scalars(select(ApiToken).order_by(ApiToken.id.desc())).first()
    house = db.session.get(Organization, customer.organization_id)
    user = make.user(house, Role.READONLY, customers=[customer])
    rows = (customer, empty, make.monitor(customer), token, user)
    return Place(*(str(row.public_id) for row in rows if row))


@pytest.fixture
def here(make: Factory, house: Organization) -> Place:
    make.location()
    return furnish(make, make.customer(house), make.customer(house))


@pytest.fixture
def elsewhere(make: Factory, here: Place) -> Place:
    other = make.organization()
    return furnish(make, make.customer(other), make.customer(other))


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller]
) -> Callable[[Role], Caller]:
    """Makes a caller of the house who has one customer, which nothing is about."""
    return lambda role: login(make.user(house, role, customers=[make.customer(house)]))


def dump() -> dict[str, list[Any]]:
    """All rows of all tables."""
    tables = {
        table.name: sorted(map(repr, db.session.execute(table.select()).all()))
        for table in db.metadata.sorted_tables
    }
    db.session.rollback()
    return tables


def test_every_route_has_a_row_or_is_public(app: Flask) -> None:
    routes = {
        (rule.endpoint.rpartition(".")[2], method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - IMPLICIT
    }

    known = {(row.view, row.method) for row in ROWS}
    assert {(view, method) for view, method in routes if view not in PUBLIC} == known


@every_row
@every_role
def test_a_role_may_do_what_the_table_says_and_no_more(
    caller: Callable[[Role], Caller], here: Place, row: Row, role: Role
) -> None:
    someone = caller(role)
    before = dump()

    response = here.send(someone, row)

    if role in row.allowed:
        assert response.status_code == row.status, response.get_json()
    else:
        assert_failure(response, 403, "Forbidden")
        assert dump() == before


@every_row
def test_without_a_token_there_is_nothing(nobody: Caller, here: Place, row: Row) -> None:
    before = dump()

    assert_failure(here.send(nobody, row), 401, "Unauthorized")
    assert dump() == before


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_about_a_customer], ids=str)
@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.READONLY])
def test_what_is_another_organizations_does_not_exist(
    caller: Callable[[Role], Caller], elsewhere: Place, row: Row, role: Role
) -> None:
    someone = caller(role)
    before = dump()

    response = elsewhere.send(someone, row)

    assert_failure(response, 404 if role in row.allowed else 403)
    assert dump() == before


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_about_a_customer], ids=str)
@pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.READONLY])
def test_what_is_outside_the_own_customers_is_refused(
    restricted: Callable[[Role], Caller], here: Place, row: Row, role: Role
) -> None:
    someone = restricted(role)
    before = dump()

    assert_failure(here.send(someone, row), 403, "Forbidden")
    assert dump() == before


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.is_about_a_customer and row.method == "GET"], ids=str
)
@pytest.mark.parametrize("role", [Role.GLOBAL_SUPPORTER, Role.GLOBAL_ADMIN])
def test_global_roles_read_every_organization(
    caller: Callable[[Role], Caller], elsewhere: Place, row: Row, role: Role
) -> None:
    assert elsewhere.send(caller(role), row).status_code == row.status


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.is_about_a_customer and row.method != "GET"], ids=str
)
def test_a_global_admin_acts_in_every_organization(
    caller: Callable[[Role], Caller], elsewhere: Place, row: Row
) -> None:
    response = elsewhere.send(caller(Role.GLOBAL_ADMIN), row)

    # A create body without organizationId is about the caller's own organization.
    assert response.status_code == (404 if row.json in (NEW_MONITOR, NEW_TOKEN) else row.status)


@pytest.mark.parametrize(
    "body",
    [{"name": 5}, {"name": "x", "unknown": 1}, {"name": "x", "customerId": 987654321}, {"hostname": "a b"}],
)
def test_what_is_refused_leaves_nothing_behind(admin: Caller, here: Place, body: dict[str, Any]) -> None:
    before = dump()

    for method, path in (("POST", MONITORS), ("PATCH", f"{MONITORS}/{here.monitor}")):
        assert admin.send(method, path, json=body).status_code in {400, 404}
    assert dump() == before
