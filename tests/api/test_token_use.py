"""What a program may do with an API token, and from when on it may not any more (contract section 2)."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import create_app, extensions
from app.api import context as api_context
from app.clock import utcnow
from app.extensions import db
from app.models import ApiToken, Customer, Monitor, Organization
from tests.api.test_races import Meanwhile, meanwhile  # noqa: F401 - a fixture
from tests.calling import (
    CUSTOMER_TOKENS,
    CUSTOMERS,
    MONITORS,
    ORGANIZATION,
    ORGANIZATION_TOKENS,
    Caller,
    FreshClient,
    assert_failure,
    customer_path,
    monitor_path,
)
from tests.conftest import ENVIRON
from tests.factories import Factory


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    make.location()
    return make.monitor(customer)


@pytest.fixture
def program(app: Flask, make: Factory, house: Organization) -> Caller:
    """Sends a token of the whole organization."""
    return Caller(app, make.token(house))


@pytest.fixture
def narrow(app: Flask, make: Factory, customer: Customer) -> Caller:
    """Sends a token of that one customer."""
    return Caller(app, make.token(customer=customer))


def token() -> ApiToken:
    return db.session.scalars(select(ApiToken).execution_options(populate_existing=True)).one()


def last_use() -> datetime | None:
    found = token().last_used_at
    db.session.rollback()
    return found


@pytest.mark.parametrize("kind", ["program", "narrow"])
def test_a_token_acts_as_an_editor(
    request: pytest.FixtureRequest, kind: str, customer: Customer, monitor: Monitor
) -> None:
    someone: Caller = request.getfixturevalue(kind)
    body = {"customerId": customer.id, "name": "New", "hostname": "127.0.0.1"}

    assert someone.get(MONITORS).get_json()["total"] == 1
    assert someone.get(CUSTOMERS).get_json()["total"] == 1
    config = someone.get(monitor_path(monitor)).get_json()["imapPopConfig"]
    assert config["password"] == "s3cret-pw"
    assert someone.post(MONITORS, body).status_code == 201
    assert someone.patch(monitor_path(monitor), {"name": "New"}).status_code == 200
    assert someone.post(monitor_path(monitor, "/trigger-check")).status_code == 200
    assert someone.get(monitor_path(monitor, "/check-history")).status_code == 200
    assert someone.post(f"{MONITORS}/test", body).status_code == 200
    assert someone.patch(customer_path(customer), {"name": "New"}).status_code == 200
    assert someone.delete(monitor_path(monitor)).status_code == 200


def test_an_organizations_token_adds_customers_and_a_customers_does_not(
    program: Caller, narrow: Caller
) -> None:
    assert program.post(CUSTOMERS, {"name": "New"}).status_code == 201
    assert_failure(narrow.post(CUSTOMERS, {"name": "New"}), 403)


def test_a_customers_token_sees_that_customer_alone(
    narrow: Caller, make: Factory, house: Organization, customer: Customer, monitor: Monitor
) -> None:
    make.monitor(make.customer(house))

    for path, own in ((MONITORS, monitor.id), (CUSTOMERS, customer.id)):
        page = narrow.get(path).get_json()
        assert ([item["id"] for item in page["items"]], page["total"]) == ([own], 1)


def test_what_is_outside_the_tokens_customer_is_403(
    narrow: Caller, make: Factory, house: Organization
) -> None:
    outside = make.customer(house)
    path = monitor_path(make.monitor(outside))
    new = {"customerId": outside.id, "name": "New", "hostname": "a.example"}

    for response in (
        *(narrow.get(path + suffix) for suffix in ("", "/check-history")),
        narrow.patch(path, {"name": "New"}),
        narrow.delete(path),
        narrow.post(f"{path}/trigger-check"),
        narrow.post(MONITORS, new),
        narrow.post(f"{MONITORS}/test", new),
        narrow.get(customer_path(outside)),
        narrow.patch(customer_path(outside), {"name": "New"}),
        narrow.delete(customer_path(outside)),
    ):
        assert_failure(response, 403, "Forbidden")


@pytest.mark.parametrize("kind", ["program", "narrow"])
def test_what_is_another_organizations_is_404(
    request: pytest.FixtureRequest, kind: str, make: Factory
) -> None:
    someone: Caller = request.getfixturevalue(kind)
    foreign = make.customer()
    path = monitor_path(make.monitor(foreign))
    new = {"customerId": foreign.id, "name": "New", "hostname": "a.example"}

    for response in (
        someone.get(path),
        someone.patch(path, {"name": "New"}),
        someone.delete(path),
        someone.post(f"{path}/trigger-check"),
        someone.post(MONITORS, new),
        someone.get(customer_path(foreign)),
        someone.delete(customer_path(foreign)),
    ):
        assert_failure(response, 404)
    assert_failure(someone.get(f"{MONITORS}?organizationId={foreign.organization_id}"), 403)


def test_a_monitor_does_not_leave_the_tokens_customer(
    narrow: Caller, make: Factory, house: Organization, monitor: Monitor
) -> None:
    outside = make.customer(house)

    assert_failure(narrow.patch(monitor_path(monitor), {"customerId": outside.id}), 403)


def test_a_token_manages_nothing_but_monitors_and_customers(program: Caller) -> None:
    for response in (
        program.patch(ORGANIZATION, {"name": "New"}),
        program.get("/api/organizations"),
        program.get("/api/audit-log"),
        program.get("/api/auth/me"),
        program.post("/api/auth/logout"),
        program.post("/api/auth/change-password", {"currentPassword": "x", "newPassword": "x" * 12}),
    ):
        assert_failure(response, 403, "Forbidden")
    assert_failure(program.post("/api/auth/refresh"), 401)
    assert program.get(ORGANIZATION).status_code == 200


@pytest.mark.parametrize(
    "form",
    ["Bearer wsm_", "Bearer  wsm_", "Bearer wsm_ {}", "Bearer {} x", "Bearer {}x", "Bearer wsm_{}",
     "bearer {}", "BEARER {}", "{}", "Token {}", "Basic {}", "Bearer wsm_" + "x" * 5000, "Bearer wsm_é",
     "Bearer wsm_%00", "Bearer wsm_'--", "Bearer WSM_{0[4]}", 'Bearer "{}"', "Bearer {}, Bearer {}",
     "Bearer:{}", "Bearer{}"],
)  # fmt: skip
def test_a_malformed_token_is_401(nobody: Caller, program: Caller, form: str) -> None:
    header = form.replace("{}", str(program.token))
    assert program.get(MONITORS).status_code == 200

    assert_failure(nobody.get(MONITORS, headers={"Authorization": header}), 401, "Unauthorized")


def test_every_part_of_a_token_counts(app: Flask, program: Caller) -> None:
    right = str(program.token)

    for wrong in (right[:-1], right.swapcase(), right[:-1] + ("a" if right[-1] != "a" else "b")):
        assert_failure(Caller(app, wrong).get(MONITORS), 401)


def test_the_hash_of_a_token_opens_nothing(app: Flask, program: Caller) -> None:
    for stolen in (token().token_hash, f"wsm_{token().token_hash}"):
        assert_failure(Caller(app, stolen).get(MONITORS), 401)


def test_a_token_expires_to_the_second(app: Flask, make: Factory) -> None:
    now = utcnow()

    assert_failure(Caller(app, make.token(expires_at=now)).get(MONITORS), 401)
    assert Caller(app, make.token(expires_at=now + timedelta(minutes=1))).get(MONITORS).status_code == 200


@pytest.mark.parametrize("path", [ORGANIZATION_TOKENS, CUSTOMER_TOKENS])
def test_a_deleted_token_is_worth_nothing_at_once_and_everywhere(
    admin: Caller, narrow: Caller, make_app: Any, path: str
) -> None:
    elsewhere = narrow.on(make_app())
    assert [someone.get(MONITORS).status_code for someone in (narrow, elsewhere)] == [200, 200]

    assert admin.delete(f"{path}/{token().id}").status_code == 200

    for someone in (narrow, elsewhere):
        assert_failure(someone.get(MONITORS), 401, "Unauthorized")


def test_a_new_token_works_at_once_and_everywhere(admin: Caller, app: Flask, make_app: Any) -> None:
    made = admin.post(ORGANIZATION_TOKENS, {"name": "x"}).get_json()["token"]

    for place in (app, make_app()):
        assert Caller(place, made).get(MONITORS).status_code == 200


def test_a_customers_tokens_end_with_the_customer(
    admin: Caller, program: Caller, narrow: Caller, customer: Customer
) -> None:
    assert admin.delete(customer_path(customer)).status_code == 200

    assert_failure(narrow.get(MONITORS), 401, "Unauthorized")
    assert program.get(MONITORS).status_code == 200


def test_a_token_may_delete_the_customer_it_is_of(narrow: Caller, customer: Customer) -> None:
    assert narrow.delete(customer_path(customer)).get_json() == {"success": True}

    assert_failure(narrow.get(MONITORS), 401)


def test_the_last_use_is_dated_once_a_minute(program: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    start = utcnow()
    for seconds, expected in ((0, 0), (59.9, 0), (60, 60), (60.1, 60), (200, 200)):
        monkeypatch.setattr(api_context, "utcnow", lambda at=seconds: start + timedelta(seconds=at))
        program.get(MONITORS)
        assert last_use() == start + timedelta(seconds=expected), seconds


def test_of_two_uses_at_once_the_later_does_not_move_it_again(
    program: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile_noted = utcnow() - timedelta(seconds=5)
    find = api_context.api_tokens.find_by_text

    def find_and_use(*args: Any, **kwargs: Any) -> Any:
        found = find(*args, **kwargs)
        with db.engine.begin() as connection:
            connection.execute(update(ApiToken).values(last_used_at=meanwhile_noted))
        return found

    monkeypatch.setattr(api_context.api_tokens, "find_by_text", find_and_use)

    assert program.get(MONITORS).status_code == 200
    assert last_use() == meanwhile_noted


def test_a_request_that_is_refused_was_a_use_too(program: Caller) -> None:
    assert_failure(program.post(MONITORS, {}), 400)

    assert last_use() is not None


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For applications made from here on."""
    monkeypatch.setattr(extensions, "SQLITE_BUSY_SECONDS", 0.1)


@pytest.fixture
def without_writes(program: Caller, monitor: Monitor, database_url: str) -> Iterator[Flask]:
    """An application whose database takes no writes: somebody else's are under way, or it is read-only."""
    options = "" if database_url.startswith("sqlite") else "?options=-c%20default_transaction_read_only%3Don"
    place = create_app({**ENVIRON, "DATABASE_URL": database_url + options})
    place.test_client_class = FreshClient
    file = ":memory:" if options else database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield place
    with place.app_context():
        db.engine.dispose()


def test_a_database_that_takes_no_writes_still_answers_readers_at_once(
    without_writes: Flask, program: Caller, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = program.on(without_writes)
    began = monotonic()

    with caplog.at_level(logging.WARNING):
        assert elsewhere.get(MONITORS).get_json()["total"] == 1
        assert elsewhere.get(monitor_path(monitor)).status_code == 200
    assert monotonic() - began < 2
    assert "token_use_not_noted" in caplog.text
    assert str(program.token) not in caplog.text
    assert last_use() is None


def test_a_database_that_takes_no_writes_is_503_to_writers(
    short_patience: None, without_writes: Flask, program: Caller, monitor: Monitor
) -> None:
    assert_failure(program.on(without_writes).patch(monitor_path(monitor), {"name": "New"}), 503)


def test_whoever_changes_a_token_meanwhile_keeps_no_reader_waiting(program: Caller, monitor: Monitor) -> None:
    began = monotonic()
    with db.engine.connect() as other:
        other.execute(update(ApiToken).values(name="New"))

        assert program.get(MONITORS).get_json()["total"] == 1
        assert monotonic() - began < 2
    assert last_use() is None

    assert program.get(MONITORS).status_code == 200
    assert last_use() is not None


def test_no_token_is_made_for_a_customer_removed_meanwhile(
    admin: Caller,
    customer: Customer,
    meanwhile: Meanwhile,  # noqa: F811
) -> None:
    body = {"name": "x", "customerId": customer.id}
    meanwhile(lambda connection: connection.execute(Customer.__table__.delete()))

    assert_failure(admin.post(CUSTOMER_TOKENS, body), 404, "Customer not found")


@pytest.mark.parametrize("path", [ORGANIZATION_TOKENS, CUSTOMER_TOKENS])
def test_a_token_removed_meanwhile_is_404(
    admin: Caller,
    narrow: Caller,
    meanwhile: Meanwhile,  # noqa: F811
    path: str,
) -> None:
    found = token().id
    db.session.rollback()
    meanwhile(lambda connection: connection.execute(ApiToken.__table__.delete()))

    assert_failure(admin.delete(f"{path}/{found}"), 404, "Token not found")
