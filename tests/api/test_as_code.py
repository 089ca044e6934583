"""Monitors as a document over REST: exported without secrets, applied as a whole."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy import select

from app import large_bodies
from app.api.csv_file import export_turns
from app.api.monitor_documents import routes
from app.api.parser import MAX_BODY_BYTES
from app.domain.enums import ActorKind, Role
from app.extensions import db
from app.models import Customer, Monitor, Organization
from tests.calling import MONITORS, Caller
from tests.factories import Factory

APPLY, EXPORT, SCHEMA = f"{MONITORS}/apply", f"{MONITORS}/export", f"{MONITORS}/apply-schema.json"
ENTRY = {"customer": "Acme", "name": "New", "hostname": "mail.example.com"}


def document(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": 1, **more, "monitors": list(entries)}


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house, name="Acme")


def test_export_has_what_the_caller_may_see_and_applies_as_nothing(
    admin: Caller, login: Callable[..., Caller], make: Factory, house: Organization, customer: Customer
) -> None:
    mine = make.monitor(customer, {"user": "a", "password": "hush", "apiKey": [1], "tls": True})
    other = make.monitor(make.customer(house))
    make.monitor()
    restricted = login(make.user(house, Role.READONLY, [customer]))

    exported = admin.get(EXPORT).get_json()
    seen = restricted.get(EXPORT).get_json()

    assert [one["publicId"] for one in exported["monitors"]] == [str(mine.public_id), str(other.public_id)]
    assert [one["publicId"] for one in seen["monitors"]] == [str(mine.public_id)]
    assert (exported["customers"], seen["customers"]) == ("all", ["Acme"])
    assert admin.post(f"{APPLY}?prune=true", seen).get_json()["deleted"] == 0
    assert exported["monitors"][0]["imapPopConfig"]["password"] == "********"
    assert "hush" not in str(exported)
    answer = admin.post(f"{APPLY}?prune=true", exported)
    assert (answer.status_code, answer.get_json()["unchanged"]) == (200, 2), answer.get_json()
    assert answer.get_json()["changes"] == []


def test_exports_take_turns_with_those_of_tables(
    login: Callable[..., Caller], make: Factory, house: Organization
) -> None:
    users = [make.user(house) for _ in range(2)]
    caller, other = map(login, users)
    with export_turns.turn((ActorKind.USER, users[0].id)):
        assert [one.get(EXPORT).status_code for one in (caller, other)] == [503, 200]
    assert caller.get(EXPORT).status_code == 200


def test_answer_is_the_plan(admin: Caller, make: Factory, customer: Customer) -> None:
    gone = make.monitor(customer, {}, name="Gone")
    kept = make.monitor(customer, {"user": "a", "password": "hush"}, name="Kept")
    config = {"user": "a", "password": "other"}
    wanted = document(ENTRY, ENTRY | {"name": "Kept", "imapPopConfig": config})

    shown = admin.post(f"{APPLY}?prune=true&dryRun=true", wanted).get_json()
    assert list(db.session.scalars(select(Monitor.name).order_by(Monitor.id))) == ["Gone", "Kept"]
    done = admin.post(f"{APPLY}?prune=true", wanted).get_json()

    assert (shown["dryRun"], done["dryRun"]) == (True, False)
    assert {key: done[key] for key in ("created", "changed", "deleted", "unchanged")} == {
        "created": 1,
        "changed": 1,
        "deleted": 1,
        "unchanged": 0,
    }
    by_action = {change["action"]: change for change in done["changes"]}
    assert by_action["delete"]["publicId"] == str(gone.public_id)
    assert by_action["change"]["changes"] == {
        "imapPopConfig.password": {"before": "********", "after": "********"}
    }
    assert by_action["change"]["publicId"] == str(kept.public_id)
    assert list(db.session.scalars(select(Monitor.name).order_by(Monitor.id))) == ["Kept", "New"]


@pytest.mark.parametrize("reference", [{"env": "HOME"}, {"file": "/etc/passwd", "else": "keep"}])
def test_references_are_refused(admin: Caller, customer: Customer, reference: dict[str, str]) -> None:
    config = {"user": "a", "password": reference}

    answer = admin.post(APPLY, document(ENTRY | {"imapPopConfig": config}))

    assert answer.status_code == 400
    assert "is a reference" in answer.get_json()["errors"]["monitors.0.imapPopConfig.password"][0]


@pytest.mark.only_on("sqlite")
def test_a_dry_run_does_not_tell_who_may_read_no_secret_whether_a_guess_is_right(
    admin: Caller, make_app: Callable[..., Flask], make: Factory, customer: Customer
) -> None:
    stored = {"user": "a", "password": "hush", "list": [{"token": 1}]}
    make.monitor(customer, stored, name="New")
    masking = admin.on(make_app(MASK_SECRETS="true"))

    def told(config: Any) -> Any:
        body = document(ENTRY | {"imapPopConfig": config})
        answer = masking.post(f"{APPLY}?dryRun=true", body).get_json()
        assert answer["changed"] == 1, answer
        return answer["changes"]

    right, wrong = told(stored), told(stored | {"password": "other", "list": [{"token": 2}]})
    assert right == wrong
    assert right[0]["changes"].keys() >= {"imapPopConfig.password", "imapPopConfig.list"}
    kept = told({"user": "b", "password": "********", "list": []})
    assert "imapPopConfig.user" in kept[0]["changes"]
    assert "imapPopConfig.password" not in kept[0]["changes"]


def test_customers_out_of_reach_are_named(
    login: Callable[..., Caller], make: Factory, house: Organization, customer: Customer
) -> None:
    theirs = make.monitor(customer)
    mine = make.customer(house, name="Mine")
    editor = login(make.user(house, Role.EDITOR, [mine]))
    moved = ENTRY | {"customer": "Mine", "publicId": str(theirs.public_id)}

    answers = [editor.post(APPLY, document(one)) for one in (ENTRY, moved)]

    assert [answer.status_code for answer in answers] == [403, 403]
    faults = [list(answer.get_json()["errors"]) for answer in answers]
    assert faults == [["monitors.0.customer"], ["monitors.0.publicId"]]
    assert editor.post(f"{APPLY}?prune=true", document(customers="all")).get_json()["deleted"] == 0


def test_whoever_comes_while_another_document_is_applied_waits(admin: Caller, house: Organization) -> None:
    with routes._turns.turn(house.id):
        answers = [admin.post(f"{APPLY}{query}", document()) for query in ("", f"?organizationId={house.id}")]
    assert [(one.status_code, one.headers["Retry-After"]) for one in answers] == [(503, "5")] * 2
    assert admin.post(APPLY, document()).status_code == 200


def test_a_turn_is_asked_for_in_organizations_alone_that_the_caller_may_name(
    admin: Caller, make: Factory
) -> None:
    other = make.organization()
    with routes._turns.turn(other.id):
        assert admin.post(f"{APPLY}?organizationId={other.id}", document()).status_code == 403
        assert admin.post(f"{APPLY}?organizationId=x", document()).status_code == 400


def test_large_bodies_are_read_a_few_at_once_and_small_ones_always(
    login: Callable[..., Caller], make: Factory, house: Organization
) -> None:
    users = [make.user(house, Role.EDITOR) for _ in range(2)]
    mine = (ActorKind.USER, users[0].id)
    caller, other = map(login, users)
    large = b'{"version": 1, "monitors": []' + b" " * MAX_BODY_BYTES + b"}"
    headers = {"Content-Type": "application/json"}
    with routes._readers.turn(mine):
        refused = caller.post(APPLY, data=large, headers=headers)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert other.post(APPLY, data=large, headers=headers).status_code == 200
        with routes._readers.turn():
            assert other.post(APPLY, data=large, headers=headers).status_code == 503
        assert caller.post(APPLY, document()).status_code == 200
    assert caller.post(APPLY, data=large, headers=headers).status_code == 200


def test_this_route_alone_takes_a_large_body(admin: Caller, customer: Customer) -> None:
    headers = {"Content-Type": "application/json"}
    begun = b'{"version": 1, "monitors": []'
    large = begun + b" " * (large_bodies.MAX_BYTES - len(begun) - 1) + b"}"

    assert admin.post(APPLY, data=large, headers=headers).status_code == 200
    assert admin.post(APPLY, data=large + b" ", headers=headers).status_code == 413
    assert admin.post(MONITORS, data=large, headers=headers).status_code == 413
    assert admin.post(APPLY, data=b"[1]", headers=headers).status_code == 400
    assert admin.post(APPLY, data=b"{}", headers={"Content-Type": "text/yaml"}).status_code == 415


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (document(ENTRY) | {f"a{at}": 1 for at in range(50_000)}, "has 49,900 more faults"),
        (document(ENTRY | {f"a{at}": 1 for at in range(20_000)}), "has 19,900 more faults"),
        (document(ENTRY | {f"a{at}": 1 for at in range(40_000)}), None),
        (document(*[1] * 20_000), "has 19,900 more faults"),
        (document(*[ENTRY | {"customer": "Nobody"}] * 300), "has 200 more faults"),
        (document(customers=["Nobody"] * 20_001), None),
        (document({"name": "a" * 1000, "a" * 10_000: 1}), None),
    ],
)
def test_the_first_faults_are_told_and_the_rest_is_counted(
    admin: Caller, wanted: dict[str, Any], more: str | None
) -> None:
    answer = admin.post(APPLY, wanted)

    faults = answer.get_json()["errors"]
    assert answer.status_code in {400, 404}
    assert len(faults) <= 101
    assert len(answer.data) < 20_000
    assert (more is None) is ("more faults" not in str(faults.get("")))
    assert more is None or more in faults[""][0]


GOOD = [
    {},
    {"port": None, "checkInterval": 0.5, "status": "paused", "allowedCheckCountryCodes": ["de"]},
    {"hostname": "münchen.example"},
    {"hostname": "192.0.2.1"},
    {"hostname": "2001:db8::1"},
    {"publicId": "66666666-6666-4666-8666-666666666666", "notificationEmail": "a@example.com"},
    {"notificationPhoneNumber": "+4915112345678", "imapPopConfig": None},
    {"imapPopConfig": {"user": "a", "password": "b", "unknown": {"a": [1]}, "tlsOptions": {"legacy": True}}},
    {
        "imapPopConfig": {
            "tls": True,
            "user": "a",
            "authMethod": "xoauth2",
            "oauth2": {"preset": "google", "clientId": "a", "refreshToken": "b"},
        }
    },
]
OAUTH = {"tls": True, "user": "a", "authMethod": "xoauth2"}
BAD = [
    {"unknown": 1},
    {"name": ""},
    {"name": None},
    {"customer": 5},
    {"hostname": "https://mail.example.com"},
    {"hostname": "mail.example.com:993"},
    {"hostname": "1.2.3"},
    {"hostname": "a b"},
    {"port": 0},
    {"port": "993"},
    {"port": True},
    {"checkInterval": 0.4},
    {"timeoutSeconds": 61},
    {"timeoutSeconds": 1.5},
    {"status": "off"},
    {"publicId": "6"},
    {"notificationPhoneNumber": "110"},
    {"allowedCheckCountryCodes": ["DEU"]},
    {"imapPopConfig": []},
    {"imapPopConfig": {"user": "a"}},
    {"imapPopConfig": {"protocol": "smtp"}},
    {"imapPopConfig": {"tls": True, "startTls": True}},
    {"imapPopConfig": {"password": {"env": "A", "file": "b"}}},
    {"imapPopConfig": {"password": {"env": "A", "else": "drop"}}},
    {"imapPopConfig": {"password": 5}},
    {"imapPopConfig": {"tlsOptions": {"legacy": True, "minVersion": "TLSv1.2"}}},
    {"imapPopConfig": {"oauth2": {}}},
    {"imapPopConfig": OAUTH},
    {"imapPopConfig": OAUTH | {"oauth2": {"preset": "google", "clientId": "a", "clientSecret": "b"}}},
    {"imapPopConfig": OAUTH | {"oauth2": {"preset": "microsoft365", "clientId": "a", "clientSecret": "b"}}},
    {"imapPopConfig": OAUTH | {"oauth2": {"preset": "google", "refreshToken": "b"}}},
]
DOCUMENTS = [
    *((document(ENTRY | one), True) for one in GOOD),
    *((document(ENTRY | one), False) for one in BAD),
    (document(customers="all"), True),
    (document(customers=["Acme"], allowEmpty=True), True),
    (document(customers="some"), False),
    (document(allowEmpty=1), False),
    (document(more=1), False),
    ({"version": 2, "monitors": []}, False),
    ({"version": True, "monitors": []}, False),
    ({"version": 1}, False),
    ({"monitors": []}, False),
    (document({"name": "a", "hostname": "a"}), False),
]


@pytest.mark.only_on("sqlite")
def test_schema_accepts_exactly_what_apply_accepts(
    app: Flask, nobody: Caller, admin: Caller, customer: Customer
) -> None:
    schema = nobody.get(SCHEMA).get_json()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for given, is_good in DOCUMENTS:
        answer = admin.post(f"{APPLY}?dryRun=true", given)
        said = [error.message for error in validator.iter_errors(given)]
        assert (answer.status_code == 200) is is_good, (given, answer.get_json())
        assert (not said) is is_good, (given, said)
