"""Who may manage which users, who always stays, and two requests about users at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select, update

from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Organization, User
from app.services import access
from tests.calling import USERS, Caller, assert_failure
from tests.factories import Factory

NEW = {"email": "new@example.com", "role": "readonly"}
NEW_PASSWORD = "another horse battery"
LAST_ADMIN = "Last admin of the organization"
PATIENCE = 20

Meanwhile = Callable[[Callable[[Connection], Any]], None]


def user_path(user: Any) -> str:
    return f"{USERS}/{user.public_id}"


@pytest.fixture
def editor(make: Factory, house: Organization) -> User:
    """Somebody to be managed."""
    return make.user(house, Role.EDITOR)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done, over a connection of its own, as soon as the request has found its user."""

    def arrange(act: Callable[[Connection], Any]) -> None:
        look = access.require_manageable

        def look_and_act(*args: Any) -> None:
            look(*args)
            monkeypatch.undo()
            with db.engine.begin() as connection:
                act(connection)

        monkeypatch.setattr(access, "require_manageable", look_and_act)

    return arrange


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Sends two requests, of which neither goes on before both have passed `name`; answers the statuses."""

    def send(name: str, *requests: Callable[[], Any]) -> list[int]:
        look, both, seen = getattr(access, name), Barrier(len(requests)), local()

        def look_and_wait(*args: Any) -> None:
            look(*args)
            if not hasattr(seen, "already"):
                seen.already = True
                both.wait(PATIENCE)

        monkeypatch.setattr(access, name, look_and_wait)
        with ThreadPoolExecutor(len(requests)) as pool:
            sent = [pool.submit(request) for request in requests]
            return sorted(answer.result().status_code for answer in sent)

    return send


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> Caller:
    """An admin for that one customer alone."""
    return login(make.user(house, Role.ADMIN, customers=[customer]))


def test_a_restricted_admin_sees_and_counts_only_whom_that_one_may_manage(
    restricted: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    own = make.user(house, Role.EDITOR, customers=[customer])
    none = make.user(house, Role.READONLY, customers=[])
    beyond = [
        make.user(house, Role.READONLY),
        make.user(house, Role.READONLY, customers=[customer, make.customer(house)]),
    ]
    page = restricted.get(USERS).get_json()

    assert {own.id, none.id} <= {item["id"] for item in page["items"]}
    assert page["total"] == len(page["items"]) == 3
    for user in beyond:
        assert_failure(restricted.get(user_path(user)), 403, "Forbidden")
        assert_failure(restricted.patch(user_path(user), {"password": NEW_PASSWORD}), 403)
        assert_failure(restricted.delete(user_path(user)), 403)
    assert restricted.patch(user_path(own), {"password": NEW_PASSWORD}).status_code == 200


def test_nobody_grants_customers_beyond_the_own(
    restricted: Caller, make: Factory, house: Organization, customer: Customer
) -> None:
    own = make.user(house, Role.EDITOR, customers=[customer])

    for beyond in (None, [make.customer(house).id, customer.id]):
        assert_failure(restricted.patch(user_path(own), {"customerIds": beyond}), 403, "Forbidden")
        assert_failure(restricted.post(USERS, {**NEW, "customerIds": beyond}), 403, "Forbidden")
    assert_failure(restricted.post(USERS, NEW), 403, "Forbidden")  # left out, it is no restriction
    assert restricted.patch(user_path(own), {"customerIds": []}).status_code == 200
    assert restricted.post(USERS, {**NEW, "customerIds": [customer.id]}).status_code == 201


@pytest.mark.parametrize("role", [Role.GLOBAL_ADMIN, Role.GLOBAL_SUPPORTER])
def test_only_a_global_admin_grants_and_touches_global_roles(
    admin: Caller, login: Callable[[User], Caller], make: Factory, house: Organization, role: Role
) -> None:
    editor, mighty = make.user(house, Role.EDITOR), make.user(house, role)
    root = login(make.user(house, Role.GLOBAL_ADMIN))

    assert_failure(admin.post(USERS, {**NEW, "role": role}), 403, "Forbidden")
    assert_failure(admin.patch(user_path(editor), {"role": role}), 403)
    assert_failure(admin.patch(user_path(mighty), {"password": NEW_PASSWORD}), 403)
    assert_failure(admin.patch(user_path(mighty), {"role": "readonly"}), 403)
    assert_failure(admin.delete(user_path(mighty)), 403)
    assert root.post(USERS, {**NEW, "role": role}).status_code == 201
    assert root.patch(user_path(editor), {"role": role}).get_json()["role"] == role
    assert root.delete(user_path(mighty)).status_code == 200


def test_the_list_shows_whom_the_detail_shows(
    admin: Caller, login: Callable[[User], Caller], make: Factory, house: Organization
) -> None:
    mighty = [make.user(house, role) for role in (Role.GLOBAL_ADMIN, Role.GLOBAL_SUPPORTER)]
    root = login(mighty[0])

    for someone, sees in ((admin, False), (root, True)):
        page = someone.get(USERS).get_json()
        shown = {item["id"] for item in page["items"]}
        assert page["total"] == len(shown)
        for user in mighty:
            assert (user.id in shown) is sees
            assert someone.get(user_path(user)).status_code == (200 if sees else 403)


def test_a_global_admin_manages_users_of_every_organization(
    caller: Callable[[Role], Caller], make: Factory
) -> None:
    root, other = caller(Role.GLOBAL_ADMIN), make.organization()
    customer = make.customer(other)

    made = root.post(USERS, {**NEW, "organizationId": other.id, "customerIds": [customer.id]})

    answer = made.get_json()
    assert (answer["organizationId"], answer["customerIds"]) == (other.id, [customer.id])
    assert root.get(f"{USERS}?organizationId={other.id}").get_json()["total"] == 1
    assert root.patch(f"{USERS}/{answer['id']}", {"firstName": "X"}).status_code == 200
    assert_failure(root.post(USERS, {**NEW, "organizationId": 987_654}), 404, "Organization not found")


def test_others_name_no_organization_but_their_own(admin: Caller, make: Factory, house: Organization) -> None:
    other = make.organization()

    assert_failure(admin.post(USERS, {**NEW, "organizationId": other.id}), 403)
    assert_failure(admin.get(f"{USERS}?organizationId={other.id}"), 403)
    assert admin.post(USERS, {**NEW, "organizationId": house.id}).status_code == 201


ENDS_OF_AN_ADMIN: list[Any] = [
    {"role": "editor"}, {"role": "readonly"}, {"isActive": False}, {"customerIds": []}, None,
]  # fmt: skip


def end(caller: Caller, user: User, body: dict[str, Any] | None) -> Any:
    return caller.delete(user_path(user)) if body is None else caller.patch(user_path(user), body)


@pytest.mark.parametrize("body", ENDS_OF_AN_ADMIN, ids=str)
def test_the_last_admin_stays(
    login: Callable[[User], Caller], make: Factory, house: Organization, customer: Customer, body: Any
) -> None:
    last = make.user(house)
    for count_not in ({"is_active": False}, {"customers": [customer]}, {"role": Role.GLOBAL_ADMIN}):
        make.user(house, **count_not)
    make.user()
    root = login(make.user(make.organization(), Role.GLOBAL_ADMIN))

    for someone in (login(last), root):
        assert_failure(end(someone, last, body), 409, LAST_ADMIN)
    if body is not None:
        assert root.patch(user_path(last), {"firstName": "Last", "isActive": True}).status_code == 200
    another = make.user(house)
    assert end(root, last, body).status_code == 200
    assert_failure(end(root, another, body), 409, LAST_ADMIN)


def test_the_last_admin_does_not_leave_for_the_platform(
    make: Factory, house: Organization, login: Callable[[User], Caller]
) -> None:
    root = login(make.user(role=Role.GLOBAL_ADMIN))

    assert_failure(root.patch(user_path(make.user(house)), {"role": "global_admin"}), 409, LAST_ADMIN)


def test_where_no_admin_is_none_has_to_stay(make: Factory, login: Callable[[User], Caller]) -> None:
    root = login(make.user(role=Role.GLOBAL_ADMIN))
    disabled = make.user(is_active=False)

    assert root.delete(user_path(disabled)).status_code == 200


def test_one_may_change_and_remove_oneself(
    make: Factory, house: Organization, login: Callable[[User], Caller]
) -> None:
    make.user(house)
    own = make.user(house)

    assert login(own).patch(user_path(own), {"firstName": "Me"}).status_code == 200
    assert login(own).delete(user_path(own)).status_code == 200


def full_admins(house: Organization) -> int:
    db.session.rollback()
    query = select(func.count()).where(User.organization_id == house.id, User.role == Role.ADMIN)
    return db.session.scalar(query.where(User.is_active, User.is_restricted.is_(False))) or 0


@pytest.mark.parametrize("body", ENDS_OF_AN_ADMIN, ids=str)
def test_of_two_admins_who_end_each_other_at_once_one_stays(
    at_once: Callable[..., list[int]],
    make: Factory,
    house: Organization,
    login: Callable[[User], Caller],
    body: Any,
) -> None:
    one, other = make.user(house), make.user(house)
    callers = login(one), login(other)

    statuses = at_once(
        "require_manageable", lambda: end(callers[0], other, body), lambda: end(callers[1], one, body)
    )

    # The second is told that the first has sent it away, or demoted it.
    assert statuses in ([200, 401], [200, 403])
    assert full_admins(house) == 1


def test_of_two_users_made_at_once_with_one_address_one_is_refused(
    at_once: Callable[..., list[int]], admin: Caller
) -> None:
    statuses = at_once("require_grantable", *[lambda: admin.post(USERS, NEW)] * 2)

    assert statuses == [201, 409]
    assert admin.get(USERS, query_string={"search": NEW["email"]}).get_json()["total"] == 1


def test_of_two_users_who_take_one_address_at_once_one_is_refused(
    at_once: Callable[..., list[int]], admin: Caller, make: Factory, house: Organization
) -> None:
    paths = [user_path(make.user(house, Role.EDITOR)) for _ in range(2)]
    requests = [lambda path=path: admin.patch(path, {"email": NEW["email"]}) for path in paths]

    assert at_once("require_manageable", *requests) == [200, 409]


@pytest.mark.parametrize("body", [{"firstName": "New"}, {"customerIds": []}, None], ids=str)
def test_a_user_removed_meanwhile_is_404(
    admin: Caller, editor: User, meanwhile: Meanwhile, body: Any
) -> None:
    meanwhile(lambda connection: connection.execute(delete(User).where(User.role == Role.EDITOR)))

    assert_failure(end(admin, editor, body), 404, "User not found")


@pytest.mark.parametrize("body", [{"password": NEW_PASSWORD}, None], ids=str)
def test_a_user_who_may_do_more_since_a_moment_ago_is_refused(
    admin: Caller, editor: User, meanwhile: Meanwhile, body: Any
) -> None:
    promotion = update(User).where(User.role == Role.EDITOR).values(role=Role.GLOBAL_ADMIN)
    meanwhile(lambda connection: connection.execute(promotion))

    assert_failure(end(admin, editor, body), 403, "Forbidden")


def test_nobody_is_restricted_to_a_customer_removed_meanwhile(
    admin: Caller, editor: User, customer: Customer, meanwhile: Meanwhile
) -> None:
    body = {"customerIds": [customer.id]}
    meanwhile(lambda connection: connection.execute(delete(Customer)))

    assert_failure(admin.patch(user_path(editor), body), 404, "Customer not found")


def test_a_customer_removed_meanwhile_is_no_restriction_to_keep(
    admin: Caller, make: Factory, house: Organization, customer: Customer, meanwhile: Meanwhile
) -> None:
    bound = make.user(house, Role.EDITOR, customers=[customer])
    meanwhile(lambda connection: connection.execute(delete(Customer)))

    answer = admin.patch(user_path(bound), {"firstName": "New"})

    assert (answer.status_code, answer.get_json()["customerIds"]) == (200, [])
