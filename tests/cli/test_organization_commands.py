"""`flask organizations`, `flask customers` and `flask tokens`."""

import getpass
import socket
from collections.abc import Callable
from uuid import uuid4

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app.domain.enums import Role
from app.extensions import db
from app.models import ApiToken, AuditEntry, Customer, Organization
from tests.calling import MONITORS, ORGANIZATION_TOKENS, Caller, assert_failure
from tests.factories import Factory

Run = Callable[..., Result]
GROUPS = {
    "organizations": ["create", "list", "update"],
    "customers": ["create", "list"],
    "tokens": ["create", "list", "revoke"],
}
COMMANDS = [(group, command) for group, commands in GROUPS.items() for command in commands]


@pytest.fixture
def run(app: Flask, house: Organization) -> Run:
    """Runs a command as the `flask` program does; the house is the first organization."""

    def invoke(*arguments: object) -> Result:
        return app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house)


def entry() -> AuditEntry:
    """The only one."""
    found = db.session.scalars(select(AuditEntry)).one()
    db.session.rollback()
    return found


def rows(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[1:]


def assert_refused(result: Result, text: str, code: int = 1) -> None:
    assert result.exit_code == code, result.output
    assert text in result.stderr
    assert "Traceback" not in result.output
    assert db.session.scalars(select(AuditEntry)).all() == []


@pytest.mark.parametrize(("group", "command"), COMMANDS)
def test_every_command_explains_itself_with_examples(run: Run, group: str, command: str) -> None:
    text = run(group, command, "--help").output

    assert f"  flask --app wsgi {group} {command}" in text or f"$(flask --app wsgi {group} {command}" in text


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_commands(run: Run, group: str) -> None:
    text = run(group, "--help").output

    assert all(f"\n  {command} " in text for command in GROUPS[group])


def test_an_organization_is_made(run: Run) -> None:
    result = run(
        "organizations", "create", "  Beispiel GmbH ", "--language", "de", "--time-zone", "Europe/Berlin"
    )

    made = db.session.scalars(select(Organization).order_by(Organization.id.desc())).all()[0]
    assert result.stdout == f"Made the organization Beispiel GmbH with the id {made.id}.\n"
    assert (made.language, made.time_zone, made.alert_reminder_minutes) == ("de", "Europe/Berlin", 60)
    told = entry()
    assert (told.action, told.organization_id) == ("organization.create", made.id)
    assert (told.actor_kind, told.address) == ("command", None)
    assert told.actor_name == f"command line ({getpass.getuser()}@{socket.gethostname()})"


def test_organizations_are_listed(run: Run, make: Factory, house: Organization) -> None:
    other = make.organization()

    assert [row.split()[0] for row in rows(run("organizations", "list"))] == [str(house.id), str(other.id)]
    (row,) = rows(run("organizations", "list", "--search", other.name.upper()))
    assert row.startswith(f"{other.id} ")
    assert str(other.public_id) in row
    assert rows(run("organizations", "list", "--search", "%")) == []


@pytest.mark.parametrize("is_named", [True, False])
def test_an_organization_is_changed(run: Run, make: Factory, house: Organization, is_named: bool) -> None:
    changed = make.organization() if is_named else house
    place = ("--organization", changed.id) if is_named else ()

    result = run("organizations", "update", *place, "--name", "New", "--alert-reminder-minutes", 30)

    assert result.exit_code == 0, result.output
    db.session.refresh(changed)
    assert (changed.name, changed.alert_reminder_minutes, changed.language) == ("New", 30, "en")
    assert entry().organization_id == changed.id


@pytest.mark.parametrize(
    "arguments",
    [
        ("update",),
        ("update", "--time-zone", "Mars/Olympus"),
        ("update", "--language", "fr"),
        ("update", "--alert-consecutive-checks", "0"),
        ("update", "--alert-reminder-minutes", "10081"),
        ("update", "--name", "  "),
        ("update", "--organization", "x", "--name", "New"),
        ("create",),
        ("create", ""),
        ("create", "x" * 256),
        ("create", "a\nb"),
        ("create", "\udcff"),
    ],
)
def test_an_organization_is_as_the_api_would_have_it(run: Run, arguments: tuple[str, ...]) -> None:
    assert_refused(run("organizations", *arguments), "Error: ", code=2)


def test_an_organization_that_is_not_there_is_one_line(run: Run) -> None:
    assert_refused(run("organizations", "update", "--organization", 987, "--name", "x"), "not found")
    assert_refused(run("customers", "list", "--organization", 987), "not found")
    assert_refused(run("tokens", "create", "x", "--organization", 987), "not found")


def test_a_customer_is_made_in_the_first_organization(run: Run, house: Organization) -> None:
    result = run("customers", "create", "Example", "--email", "ops@example.com")

    made = db.session.scalars(select(Customer)).one()
    assert result.stdout == f"Made the customer Example with the id {made.id}.\n"
    assert (made.organization_id, made.email) == (house.id, "ops@example.com")
    assert (entry().action, entry().actor_kind) == ("customer.create", "command")


def test_customers_are_those_of_one_organization(run: Run, make: Factory, customer: Customer) -> None:
    other = make.organization()
    run("customers", "create", "Elsewhere", "--organization", other.id)

    assert [row.split()[0] for row in rows(run("customers", "list"))] == [str(customer.id)]
    (row,) = rows(run("customers", "list", "--organization", other.id, "--search", "ELSE"))
    assert "Elsewhere" in row
    assert rows(run("customers", "list", "--search", "nobody")) == []


@pytest.mark.parametrize("arguments", [("create", "x", "--email", "a@"), ("create", " "), ("create",)])
def test_a_customer_is_as_the_api_would_have_it(run: Run, arguments: tuple[str, ...]) -> None:
    assert_refused(run("customers", *arguments), "Error: ", code=2)


def test_a_token_is_printed_once_and_works(run: Run, app: Flask, house: Organization) -> None:
    result = run("tokens", "create", "Deployment", "--expires-in-days", 90)

    made = db.session.scalars(select(ApiToken)).one()
    text = result.stdout.removesuffix("\n")
    assert text.startswith(made.token_hint)
    assert (made.name, made.organization_id, made.customer_id) == ("Deployment", house.id, None)
    assert made.expires_at is not None
    assert Caller(app, text).get(MONITORS).status_code == 200
    assert text not in run("tokens", "list").output
    assert (entry().action, entry().actor_kind) == ("token.create", "command")


@pytest.mark.parametrize("key", ["id", "public_id"])
def test_a_token_may_be_for_one_customer(run: Run, customer: Customer, key: str) -> None:
    run("tokens", "create", "Dashboard", "--customer", getattr(customer, key))

    made = db.session.scalars(select(ApiToken)).one()
    assert (made.customer_id, made.expires_at) == (customer.id, None)


def test_tokens_are_listed(run: Run, make: Factory, house: Organization, customer: Customer) -> None:
    for owner in ({"organization": house}, {"customer": customer}, {}):
        make.token(**owner)

    assert len(rows(run("tokens", "list"))) == 2
    (row,) = rows(run("tokens", "list", "--customer", customer.public_id))
    assert customer.name in row
    assert "wsm_" in row


def test_a_revoked_token_is_worth_nothing(run: Run, app: Flask, make: Factory, admin: Caller) -> None:
    foreign = Caller(app, make.token())
    token = db.session.scalars(select(ApiToken)).one()

    assert run("tokens", "revoke", token.public_id).exit_code == 0

    assert_failure(foreign.get(MONITORS), 401)
    assert entry().organization_id == token.organization_id
    assert admin.get(ORGANIZATION_TOKENS).get_json()["total"] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "x", "--customer", uuid4()), 1),
        (("create", "x", "--customer", "acme"), 2),
        (("create", "x", "--expires-in-days", 366), 2),
        (("create", "x", "--expires-in-days", 0), 2),
        (("create", ""), 2),
        (("list", "--customer", 987_654_321), 1),
        (("revoke", uuid4()), 1),
        (("revoke", 987_654_321), 1),
        (("revoke", "wsm_abc"), 2),
        (("revoke",), 2),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, arguments: tuple[object, ...], code: int) -> None:
    assert_refused(run("tokens", *arguments), "Error: ", code=code)


def test_a_customer_of_another_organization_needs_its_name(run: Run, make: Factory) -> None:
    foreign = make.customer()
    arguments = ("tokens", "create", "x", "--customer", foreign.id)

    assert_refused(run(*arguments), "Customer not found")
    assert run(*arguments, "--organization", foreign.organization_id).exit_code == 0


def test_without_an_organization_there_is_one_line(app: Flask, context: None) -> None:
    for group in ("customers", "tokens"):
        result = app.test_cli_runner().invoke(args=[group, "list"])
        assert_refused(result, "flask --app wsgi init")


def test_a_command_acts_beyond_every_role(run: Run, caller: Callable[[Role], Caller], make: Factory) -> None:
    assert run("organizations", "create", "Another").exit_code == 0

    global_admin = caller(Role.GLOBAL_ADMIN)
    assert global_admin.get("/api/organizations?search=Another").get_json()["total"] == 1
