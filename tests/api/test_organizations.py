"""Organizations over HTTP (contract section 4)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.enums import Role
from app.extensions import db
from app.models import AuditEntry, Organization, User
from tests.calling import AUDIT_LOG, ORGANIZATION, ORGANIZATIONS, Caller, assert_failure
from tests.factories import Factory

FULL: dict[str, Any] = {
    "name": "Example Agency",
    "language": "de",
    "timeZone": "Europe/Berlin",
    "alertConsecutiveChecks": 3,
    "recoveryConsecutiveChecks": 1,
    "alertLocationThresholdCount": 2,
    "alertReminderMinutes": 15,
}
DEFAULTS: dict[str, Any] = {
    "language": "en",
    "timeZone": "UTC",
    "alertConsecutiveChecks": 2,
    "recoveryConsecutiveChecks": 2,
    "alertLocationThresholdCount": 1,
    "alertReminderMinutes": 60,
}
COUNTS = ["alertConsecutiveChecks", "recoveryConsecutiveChecks", "alertLocationThresholdCount"]


@pytest.fixture
def global_admin(caller: Callable[[Role], Caller]) -> Caller:
    return caller(Role.GLOBAL_ADMIN)


def entries() -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


@pytest.mark.parametrize("role", Role)
def test_everybody_reads_the_own_organization(
    caller: Callable[[Role], Caller], house: Organization, role: Role
) -> None:
    answer = caller(role).get(ORGANIZATION).get_json()

    assert answer.keys() == FULL.keys() | {"id", "publicId", "createdAt", "updatedAt"}
    assert (answer["id"], answer["publicId"]) == (house.id, str(house.public_id))
    assert {key: answer[key] for key in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("role", [Role.GLOBAL_ADMIN, Role.GLOBAL_SUPPORTER])
def test_global_roles_read_any_organization(
    caller: Callable[[Role], Caller], make: Factory, role: Role
) -> None:
    other = make.organization()
    someone = caller(role)

    assert someone.get(f"{ORGANIZATION}?organizationId={other.id}").get_json()["id"] == other.id
    assert_failure(someone.get(f"{ORGANIZATION}?organizationId=987654321"), 404, "Organization not found")


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_others_name_no_organization_but_their_own(
    admin: Caller, make: Factory, house: Organization, method: str
) -> None:
    body = {"json": {"name": "New"}} if method == "PATCH" else {}
    for stranger in (make.organization().id, 987_654_321):
        response = admin.send(method, f"{ORGANIZATION}?organizationId={stranger}", **body)
        assert_failure(response, 403, "Forbidden")

    assert admin.send(method, f"{ORGANIZATION}?organizationId={house.id}", **body).status_code == 200


@pytest.mark.parametrize("value", ["", "x", "0", "1.5", "-1", "9" * 30])
def test_a_malformed_organization_is_400(admin: Caller, value: str) -> None:
    assert_failure(admin.get(f"{ORGANIZATION}?organizationId={value}"), 400, "Invalid query parameters")


def test_a_patch_changes_what_it_names_and_no_more(admin: Caller) -> None:
    before = admin.get(ORGANIZATION).get_json()

    after = admin.patch(ORGANIZATION, {"timeZone": "Europe/Berlin"}).get_json()

    assert after["updatedAt"] > before["updatedAt"]
    assert after == {**before, "timeZone": "Europe/Berlin", "updatedAt": after["updatedAt"]}
    assert admin.get(ORGANIZATION).get_json() == after


def test_all_settings_can_be_changed(admin: Caller) -> None:
    answer = admin.patch(ORGANIZATION, FULL).get_json()

    assert {key: answer[key] for key in FULL} == FULL


def test_a_change_is_told_key_by_key(admin: Caller, house: Organization) -> None:
    admin.patch(ORGANIZATION, {"language": "de", "alertReminderMinutes": 60})

    (entry,) = entries()
    assert (entry.action, entry.target_public_id) == ("organization.update", house.public_id)
    assert entry.changes == {"language": {"before": "en", "after": "de"}}


def test_a_patch_that_changes_nothing_leaves_no_trace(admin: Caller) -> None:
    before = admin.get(ORGANIZATION).get_json()

    for body in ({}, DEFAULTS, before):
        assert admin.patch(ORGANIZATION, body).get_json() == before
    assert entries() == []


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", ["x", "x" * 255, " x "], ["", " ", "x" * 256, "a\x00b", "a\nb", "\ud800", 5, None, []]),
        ("language", ["de", "en"], ["fr", "DE", "", 1, None]),
        ("timeZone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"],
         ["europe/berlin", "Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "localtime", "Factory",
          "posixrules", "UTC+1", "a\x00b", "\ud800", 1, None, "x" * 65]),
        ("alertReminderMinutes", [1, 10080], [0, 10081, "5", 1.5, True, None]),
        *((count, [1, 100, 1.0], [0, 101, -1, "1", 1.5, True, 2**64, None]) for count in COUNTS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_field_has_its_bounds(admin: Caller, field: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert admin.patch(ORGANIZATION, {field: value}).status_code == 200, value
    for value in bad:
        body = assert_failure(admin.patch(ORGANIZATION, {field: value}), 400, "Invalid request body")
        assert body["errors"].keys() == {field}


def test_unknown_keys_are_refused(admin: Caller) -> None:
    body = assert_failure(admin.patch(ORGANIZATION, {"organizationId": 1}), 400)

    assert body["errors"] == {"organizationId": ["is not a known field"]}


def test_a_restricted_admin_reads_and_does_not_change(
    make: Factory, house: Organization, login: Callable[[User], Caller]
) -> None:
    restricted = login(make.user(house, customers=[make.customer(house)]))

    assert restricted.get(ORGANIZATION).status_code == 200
    assert_failure(restricted.patch(ORGANIZATION, {"name": "New"}), 403)
    assert entries() == []


def test_a_global_admin_changes_another_organization(
    global_admin: Caller, make: Factory, login: Callable[[User], Caller], house: Organization
) -> None:
    other = make.organization()

    answer = global_admin.patch(f"{ORGANIZATION}?organizationId={other.id}", {"name": "New"}).get_json()

    assert (answer["id"], answer["name"]) == (other.id, "New")
    (entry,) = login(make.user(other)).get(AUDIT_LOG).get_json()["items"]
    assert (entry["action"], entry["organizationId"]) == ("organization.update", other.id)
    assert global_admin.get(AUDIT_LOG).get_json()["total"] == 0


def test_a_new_organization_starts_with_defaults(global_admin: Caller) -> None:
    response = global_admin.post(ORGANIZATIONS, {"name": "  New  "})

    answer = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{ORGANIZATION}?organizationId={answer['id']}"
    assert {key: answer[key] for key in DEFAULTS} == DEFAULTS
    assert answer["name"] == "New"
    assert global_admin.get(response.headers["Location"]).get_json() == answer


def test_a_new_organization_is_answered_as_it_was_sent_and_told_of(global_admin: Caller) -> None:
    answer = global_admin.post(ORGANIZATIONS, FULL).get_json()

    assert {key: answer[key] for key in FULL} == FULL
    (entry,) = entries()
    assert (entry.action, entry.organization_id) == ("organization.create", answer["id"])
    assert entry.changes["timeZone"] == {"before": None, "after": "Europe/Berlin"}


def test_an_organization_needs_a_name(global_admin: Caller) -> None:
    assert_failure(global_admin.post(ORGANIZATIONS, {"language": "de"}), 400, "Invalid request body")


def test_all_organizations_are_listed_and_searched(
    global_admin: Caller, make: Factory, house: Organization
) -> None:
    others = [make.organization(), make.organization()]
    page = global_admin.get(f"{ORGANIZATIONS}?perPage=2").get_json()
    found = global_admin.get(f"{ORGANIZATIONS}?search={others[1].name.upper()}").get_json()

    assert [item["id"] for item in page["items"]] == [house.id, others[0].id]
    assert (page["total"], page["page"], page["perPage"]) == (3, 1, 2)
    assert [item["id"] for item in found["items"]] == [others[1].id]
    assert global_admin.get(f"{ORGANIZATIONS}?search=%25").get_json()["total"] == 0


def test_the_first_organization_starts_with_defaults(app: Flask, context: None) -> None:
    app.test_cli_runner().invoke(args=["init"])

    first = db.session.scalars(select(Organization)).one()
    assert (first.language, first.time_zone, first.alert_reminder_minutes) == ("en", "UTC", 60)
    assert (first.alert_consecutive_checks, first.recovery_consecutive_checks) == (2, 2)
    assert first.alert_location_threshold_count == 1
