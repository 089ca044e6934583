"""`flask users`: the same rules as over HTTP, for whoever has a shell on the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app.cli import passwords
from app.domain.enums import ActorKind, Role
from app.extensions import db
from app.models import AuditEntry, Organization, User
from app.services import auth
from tests.calling import Caller, assert_failure
from tests.factories import PASSWORD_HASH, Factory

NEW_PASSWORD = "another horse battery"
EMAIL = "ada@example.com"
LOGIN, ME = "/api/auth/login", "/api/auth/me"

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash is slow by intention; how slow, is not what this is about."""
    monkeypatch.setattr(auth, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def run(app: Flask, house: Organization) -> Run:
    """Runs `flask users …` in an installation that has the house as its first organization."""

    def users(*arguments: Any, **options: Any) -> Result:
        with app.app_context():
            return app.test_cli_runner().invoke(args=["users", *map(str, arguments)], **options)

    return users


@pytest.fixture
def ada(make: Factory, house: Organization) -> User:
    return make.user(house, Role.EDITOR, email=EMAIL, first_name="Ada", last_name="Lovelace")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "is_terminal", lambda: True)


def stored(email: str = EMAIL) -> User | None:
    db.session.rollback()
    return db.session.scalar(
        select(User).where(User.email == email).execution_options(populate_existing=True)
    )


def found(email: str = EMAIL) -> User:
    user = stored(email)
    assert user is not None
    return user


def assert_refused(result: Result, text: str) -> None:
    """One line for the operator, and no traceback."""
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    assert text in result.output
    assert "Traceback" not in result.output


def test_a_list_is_aligned_and_shows_what_users_may_do(
    run: Run, ada: User, make: Factory, house: Organization
) -> None:
    customer = make.customer(house)
    make.user(house, Role.READONLY, customers=[customer], email="bob@example.com", is_active=False)
    make.user(house, Role.READONLY, customers=[], email="c@example.com")
    make.user()

    header, first, second, third = run("list").output.splitlines()

    assert header.split() == ["ID", "E-MAIL", "ROLE", "STATE", "CUSTOMERS", "NAME"]
    assert first.split() == [str(ada.id), EMAIL, "editor", "active", "all", "Ada", "Lovelace"]
    assert second.split()[1:] == ["bob@example.com", "readonly", "disabled", str(customer.id), "-"]
    assert third.split()[3:] == ["active", "none", "-"]
    assert {
        line.index(word) for line, word in ((header, "ROLE"), (first, "editor"), (third, "readonly"))
    } == {header.index("ROLE")}


def test_a_list_may_be_of_another_organization_and_searched(
    run: Run, ada: User, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.users.PER_PAGE", 2)
    other = make.organization()
    emails = [make.user(other).email for _ in range(5)]

    shown = run("list", "--organization", other.id).output.splitlines()[1:]

    assert [line.split()[1] for line in shown] == emails
    assert EMAIL in run("list", "--search", "lovel").output
    assert EMAIL not in run("list", "--search", "nobody").output


def test_a_user_is_made_with_a_password_from_a_file(run: Run, nobody: Caller, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{NEW_PASSWORD}\n")

    result = run(
        "create", "ADA@example.com", "--role", "editor", "--password-file", file, "--first-name", "Ada"
    )

    user = found()
    assert result.output == f"Made user {user.id}, {EMAIL}, as editor.\n"
    assert (user.role, user.first_name, user.last_name, user.customer_ids) == (Role.EDITOR, "Ada", None, None)
    assert nobody.post(LOGIN, {"email": EMAIL, "password": NEW_PASSWORD}).status_code == 200


def test_a_made_up_password_is_shown_and_works(run: Run, nobody: Caller) -> None:
    output = run("create", EMAIL, "--role", "global_admin", "--generate").output

    password = output.split("Password: ")[1].split()[0]
    assert len(password) >= 20
    assert nobody.post(LOGIN, {"email": EMAIL, "password": password}).status_code == 200


def test_a_user_is_restricted_to_customers_by_number_and_uuid(
    run: Run, make: Factory, house: Organization
) -> None:
    first, second = make.customer(house), make.customer(house)

    named = ("--customer", second.public_id, "--customer", first.id)
    assert run("create", EMAIL, "--role", "readonly", "--generate", *named).exit_code == 0

    assert found().customer_ids == [first.id, second.id]


def test_a_user_is_made_in_the_organization_that_is_named(run: Run, make: Factory) -> None:
    other = make.organization()

    run("create", EMAIL, "--role", "admin", "--generate", "--organization", other.id)

    assert found().organization_id == other.id


def test_a_terminal_is_asked_twice_without_showing_the_answer(
    run: Run, terminal: None, nobody: Caller
) -> None:
    result = run("create", EMAIL, "--role", "admin", input=f"{NEW_PASSWORD}\n{NEW_PASSWORD}\n")

    assert NEW_PASSWORD not in result.output
    assert nobody.post(LOGIN, {"email": EMAIL, "password": NEW_PASSWORD}).status_code == 200


def test_a_slip_of_the_finger_sets_nothing(run: Run, terminal: None, ada: User) -> None:
    result = run("set-password", EMAIL, input=f"{NEW_PASSWORD}\n{NEW_PASSWORD}x\n")

    assert result.exit_code == 1
    assert found().password_hash == PASSWORD_HASH


@pytest.mark.parametrize("name", ["email", "number", "uuid"])
def test_a_password_from_stdin_ends_all_sessions(
    run: Run, ada: User, login: Callable[[User], Caller], nobody: Caller, name: str
) -> None:
    session = login(ada)
    user = {"email": EMAIL.upper(), "number": ada.id, "uuid": ada.public_id}[name]

    result = run("set-password", user, "--password-file", "-", input=f"{NEW_PASSWORD}\r\n")

    assert result.output == f"Set the password of {EMAIL}; all sessions have ended.\n"
    assert_failure(session.get(ME), 401)
    assert nobody.post(LOGIN, {"email": EMAIL, "password": NEW_PASSWORD}).status_code == 200


def test_a_user_is_disabled_and_enabled(run: Run, ada: User, login: Callable[[User], Caller]) -> None:
    session = login(ada)

    assert run("disable", EMAIL).output == f"Disabled {EMAIL}; all sessions have ended.\n"
    assert_failure(session.get(ME), 401)
    assert not found().is_active
    assert run("enable", EMAIL).output == f"Enabled {EMAIL}.\n"
    assert found().is_active


def test_an_update_changes_what_is_given(run: Run, ada: User, make: Factory, house: Organization) -> None:
    customer = make.customer(house)

    run("update", EMAIL, "--role", "admin", "--customer", customer.id)
    assert (found().role, found().customer_ids, found().first_name) == (Role.ADMIN, [customer.id], "Ada")

    result = run("update", EMAIL, "--all-customers", "--email", "countess@example.com", "--last-name", "King")
    assert result.output == "Updated countess@example.com.\n"
    changed = found("countess@example.com")
    assert (changed.customer_ids, changed.last_name, changed.role) == (None, "King", Role.ADMIN)


def test_a_removal_is_confirmed_first(run: Run, ada: User) -> None:
    assert run("delete", EMAIL, input="n\n").exit_code == 1
    assert stored()

    assert run("delete", EMAIL, "--yes").output == f"Removed {EMAIL}.\n"
    assert stored() is None


def test_the_trail_tells_of_the_command_line_and_no_password(run: Run, house: Organization) -> None:
    run("create", EMAIL, "--role", "editor", "--password-file", "-", input=NEW_PASSWORD)
    run("set-password", EMAIL, "--generate")

    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()

    assert [entry.action for entry in entries] == ["user.create", "user.update"]
    assert {(entry.actor_kind, entry.actor_id) for entry in entries} == {(ActorKind.COMMAND, None)}
    assert all(entry.actor_name.startswith("command line (") for entry in entries)
    assert {entry.organization_id for entry in entries} == {house.id}
    assert entries[1].changes == {"password": {"before": "********", "after": "********"}}


def test_what_the_services_refuse_is_one_line(
    run: Run, ada: User, make: Factory, house: Organization
) -> None:
    make.user(house, email="last@example.com")
    foreign = make.customer()
    make_ada = ("create", EMAIL, "--role", "editor", "--generate")

    for arguments, text in [
        (make_ada, "Error: E-mail address is taken\n"),
        (("delete", "last@example.com", "--yes"), "Error: Last admin of the organization: "),
        (("disable", "last@example.com"), "Error: Last admin of the organization: "),
        (("enable", "eve@example.com"), "Error: User not found\n"),
        (("enable", 987_654), "Error: User not found\n"),
        (("enable", "ada"), "Error: Invalid User identifier\n"),
        (("update", EMAIL, "--customer", foreign.id), "Error: Customer not found\n"),
        (("update", EMAIL, "--role", "global_admin", "--customer", 1), "customerIds must be null"),
        (("list", "--organization", 987_654), "There is no organization with the id 987654."),
    ]:
        result = run(*arguments)
        assert_refused(result, text)
        assert "Password" not in result.output
    assert found().role is Role.EDITOR


def test_without_an_organization_a_command_says_how_to_get_one(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["users", "list"])

    assert_refused(result, "There is no organization yet: run `flask --app wsgi init`.")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["create", "ada", "--role", "editor", "--generate"], "must be an e-mail address."),
        (["create", EMAIL, "--generate"], "Missing option '--role'"),
        (["create", EMAIL, "--role", "root", "--generate"], "'root' is not one of"),
        (["create", EMAIL, "--role", "editor"], "Without a terminal this needs"),
        (
            ["create", EMAIL, "--role", "editor", "--generate", "--first-name", "a\x1b[31m"],
            "control characters",
        ),
        (["create", EMAIL, "--role", "editor", "--generate", "--first-name", "\udcff"], "control characters"),
        (
            ["create", EMAIL, "--role", "editor", "--generate", "--last-name", "x" * 256],
            "1 to 255 characters",
        ),
        (
            ["create", EMAIL, "--role", "editor", "--generate", "--customer", "acme"],
            "must be a number or a UUID.",
        ),
        (["create", EMAIL, "--role", "editor", "--generate", "--password-file", "-"], "exclude each other"),
        (["set-password", EMAIL, "--password-file", "/none"], "No such file"),
        (["update", EMAIL], "Nothing to change"),
        (["update", EMAIL, "--customer", "1", "--all-customers"], "exclude each other"),
        (["list", "--organization", "0"], "is not in the range"),
        (["list", "--organization", str(2**64)], "is not in the range"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run: Run, arguments: list[str], text: str) -> None:
    result = run(*arguments, input="")

    assert_refused(result, text)
    assert result.exit_code == 2
    assert stored() is None


@pytest.mark.parametrize("password", [b"short", b"x" * 1025, b"twelve\x00chars", b"twelve chars \xff", b""])
def test_a_password_that_could_not_be_used_is_refused_unseen(run: Run, ada: User, password: bytes) -> None:
    result = run("set-password", EMAIL, "--password-file", "-", input=password)

    assert_refused(result, "password")
    assert not password or password.decode("latin-1") not in result.output
    assert found().password_hash == PASSWORD_HASH


@pytest.mark.parametrize(
    "command", ["list", "create", "update", "set-password", "disable", "enable", "delete"]
)
def test_every_command_explains_itself_by_example(run: Run, command: str) -> None:
    output = run(command, "--help").output

    assert f"Example: flask --app wsgi users {command}" in output
    assert "\\b" not in output
    assert "--password " not in output
