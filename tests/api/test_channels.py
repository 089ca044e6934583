"""Notification channels over HTTP (contract section 4)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.clock import utcnow
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import AuditAction, Role
from app.extensions import db
from app.models import Alert, AuditEntry, Customer, Monitor, NotificationChannel, Organization, User
from app.services import notification_channels
from app.services.channel_config import UNSUITABLE, whole_config
from tests.api.matrix_stage import dump
from tests.calling import AUDIT_LOG, CHANNELS, MONITORS, Caller, assert_failure
from tests.domain.test_channel_types import GOOD
from tests.factories import Factory
from tests.outbox import alert_of, incident_of

KEYS = {
    *("id", "publicId", "organizationId", "customerId", "imapPopMonitorId", "type", "category", "name"),
    *("config", "hasSecret", "priority", "delaySeconds", "conditions", "isActive", "createdAt", "updatedAt"),
}
EMAIL: dict[str, Any] = {"type": "email", "name": "Ops", "config": {"email": "ops@example.com"}}
URL = "https://hooks.example.com/a"
SECRETS = {"secret": "signing s3cret", "headers": {"Authorization": "Bearer s3cret"}}
WEBHOOK: dict[str, Any] = {"type": "webhook", "name": "Hook", "config": {"url": URL, **SECRETS}}
FULL: dict[str, Any] = {
    **EMAIL,
    "category": "direct",
    "config": {"email": "ops@example.com", "to": "Ops"},
    "priority": 5,
    "delaySeconds": 300,
    "conditions": {"events": ["alert", "recovery"], "types": ["timeout"], "minIncidentDuration": 60},
    "isActive": False,
}
AGAIN = "must be sent again with this change"


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> Caller:
    """An admin for that one customer alone."""
    return login(make.user(house, Role.ADMIN, customers=[customer]))


def path(channel: Any) -> str:
    number = channel["publicId"] if isinstance(channel, dict) else channel.public_id
    return f"{CHANNELS}/{number}"


def made(caller: Caller, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    response = caller.post(CHANNELS, {**body, **more})
    assert response.status_code == 201, response.get_data(as_text=True)
    answer: dict[str, Any] = response.get_json()
    return answer


def whole(app: Flask, channel: dict[str, Any]) -> dict[str, Any] | None:
    """The config as it would be sent with."""
    wanted = NotificationChannel.public_id == UUID(channel["publicId"])
    query = select(NotificationChannel).where(wanted).execution_options(populate_existing=True)
    row = db.session.scalars(query).one()
    db.session.rollback()
    return whole_config(app.config["CONFIG_STORE"].vault, row)


def ids(caller: Caller, query: str = "") -> list[int]:
    page = caller.get(f"{CHANNELS}?{query}").get_json()
    found = [item["id"] for item in page["items"]]
    assert page["total"] == len(found)
    return found


def test_a_new_channel_is_answered_as_it_was_sent(admin: Caller, house: Organization) -> None:
    response = admin.post(CHANNELS, FULL)

    answer = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{CHANNELS}/{answer['publicId']}"
    assert answer.keys() == KEYS
    assert {key: answer[key] for key in FULL} == FULL
    assert (answer["organizationId"], answer["customerId"], answer["imapPopMonitorId"]) == (
        house.id,
        None,
        None,
    )
    assert admin.get(response.headers["Location"]).get_json() == answer
    assert admin.get(f"{CHANNELS}/{answer['id']}").get_json() == answer


def test_what_is_left_out_has_defaults(admin: Caller) -> None:
    answer = made(admin, EMAIL)
    assert (answer["priority"], answer["delaySeconds"], answer["conditions"]) == (1, 0, None)
    assert (answer["isActive"], answer["category"], answer["hasSecret"]) == (True, "direct", False)
    assert answer["config"] == EMAIL["config"]


@pytest.mark.parametrize("name", CHANNEL_TYPES)
def test_every_type_can_be_made_and_its_secrets_are_not_told(app: Flask, admin: Caller, name: str) -> None:
    config, kind = GOOD[name][-1], CHANNEL_TYPES[name]
    answer = made(admin, {"type": name, "name": "x", "config": config})

    secrets = kind.secret_names & config.keys()
    shown = {key: None if key in secrets else value for key, value in config.items()}
    assert answer["config"] == ({**shown, "hasSecret": True} if secrets else shown)
    assert (answer["hasSecret"], answer["category"]) == (bool(secrets), kind.category)
    assert whole(app, answer) == config


def test_level_is_that_of_customer_or_monitor(admin: Caller, customer: Customer, monitor: Monitor) -> None:
    for reference in (customer.id, str(customer.public_id)):
        answer = made(admin, EMAIL, customerId=reference)
        assert (answer["customerId"], answer["imapPopMonitorId"]) == (customer.id, None)
    for reference in (monitor.id, str(monitor.public_id)):
        answer = made(admin, EMAIL, imapPopMonitorId=reference)
        assert (answer["customerId"], answer["imapPopMonitorId"]) == (customer.id, monitor.id)
    both = made(admin, EMAIL, imapPopMonitorId=monitor.id, customerId=customer.id)
    assert (both["customerId"], both["imapPopMonitorId"]) == (customer.id, monitor.id)


def test_level_that_is_not_there_is_refused(
    make: Factory, admin: Caller, house: Organization, monitor: Monitor
) -> None:
    other, foreign = make.customer(house), make.monitor()
    body = {**EMAIL, "imapPopMonitorId": monitor.id, "customerId": other.id}
    failure = assert_failure(admin.post(CHANNELS, body), 400, "Invalid request body")
    assert failure["errors"] == {"customerId": ["is not the customer of this monitor"]}
    for reference in (foreign.id, str(foreign.public_id), 2**62):
        assert_failure(
            admin.post(CHANNELS, {**EMAIL, "imapPopMonitorId": reference}), 404, "IMAP/POP monitor not found"
        )
    unknown = admin.post(CHANNELS, {**EMAIL, "customerId": foreign.customer_id})
    assert_failure(unknown, 404, "Customer not found")


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"type": "pigeon"}, "type", "must be one of email, sms, webhook"),
        ({"type": ["email"]}, "type", "must be a string"),
        ({"category": "integration"}, "category", "must be direct for this type"),
        ({"name": ""}, "name", "must have 1 to 255 characters"),
        ({"name": None}, "name", "must not be null"),
        ({"config": None}, "config", "must not be null"),
        ({"config": '{"email": "ops@example.com"}'}, "config", "must be an object"),
        ({"config": {}}, "config.email", "is required"),
        ({"config": {"email": "ops@example.com", "to": "a\nb"}}, "config.to", "control characters"),
        ({"config": {"email": "ops@example.com", "x": 1}}, "config.x", "is not a key of this type"),
        ({"config": {"email": "ops"}, "name": "x"}, "config.email", "must be an e-mail address"),
        ({"config": {"email": "a@example.com", "hasSecret": 1}}, "config.hasSecret", "true or false"),
        ({"priority": 0}, "priority", "must be from 1 to 100"),
        ({"priority": 101}, "priority", "must be from 1 to 100"),
        ({"priority": "1"}, "priority", "must be an integer"),
        ({"priority": True}, "priority", "must be an integer"),
        ({"delaySeconds": -1}, "delaySeconds", "must be from 0 to 86400"),
        ({"delaySeconds": 1.5}, "delaySeconds", "must be an integer"),
        ({"isActive": "yes"}, "isActive", "must be true or false"),
        ({"conditions": []}, "conditions", "must be an object"),
        ({"conditions": {"onlyFullService": True}}, "conditions.onlyFullService", "is not a known field"),
        ({"conditions": {"events": ["dnsbl"]}}, "conditions.events.0", "must be one of alert, reminder"),
        ({"conditions": {"events": []}}, "conditions.events", "must not be empty"),
        ({"conditions": {"events": None}}, "conditions.events", "null"),
        ({"conditions": {"types": ["timeout", "x"]}}, "conditions.types.1", "one of target_forbidden"),
        ({"conditions": {"minIncidentDuration": "5"}}, "conditions.minIncidentDuration", "an integer"),
        ({"customerId": "x"}, "customerId", "must be the numeric id"),
        ({"imapPopMonitorId": True}, "imapPopMonitorId", "must be a numeric id or a public UUID"),
        ({"sourceChannelId": 1}, "sourceChannelId", "is not a known field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_field(admin: Caller, change: dict[str, Any], field: str, text: str) -> None:
    before = dump()
    failure = assert_failure(admin.post(CHANNELS, {**EMAIL, **change}), 400)

    assert text in failure["errors"][field][0]
    assert dump() == before


def test_what_is_wrong_is_told_before_who_is_unknown(admin: Caller) -> None:
    for unknown in ({"customerId": 987_654_321}, {"imapPopMonitorId": 987_654_321}):
        failure = assert_failure(admin.post(CHANNELS, {**EMAIL, "config": {"email": "ops"}, **unknown}), 400)
        assert failure["errors"].keys() == {"config.email"}
        assert_failure(admin.post(CHANNELS, {**EMAIL, **unknown}), 404)


@pytest.mark.parametrize("url", ["twilio://x", "pbul://%20", "line://token-without-anybody"])
def test_what_apprise_could_never_deliver_is_refused(admin: Caller, url: str) -> None:
    body = {"type": "apprise", "name": "x", "config": {"url": url}}
    stored = path(made(admin, {**body, "config": {"url": "pbul://token"}}))
    for answer in (
        admin.post(CHANNELS, body),
        admin.patch(stored, {"config": {"url": url}}),
        admin.post(f"{CHANNELS}/test", {**body, "dryRun": True}),
        admin.post(f"{CHANNELS}/test", body),
    ):
        failure = assert_failure(answer, 400, "Invalid request body")
        assert failure["errors"] == {"config.url": [UNSUITABLE]}
        assert url not in answer.get_data(as_text=True)


def test_what_was_read_can_be_sent_back(app: Flask, admin: Caller, monitor: Monitor) -> None:
    for body in (EMAIL, WEBHOOK, {**WEBHOOK, "imapPopMonitorId": monitor.id}):
        answer = made(admin, body)
        again = admin.patch(path(answer), answer)

        assert (again.status_code, again.get_json()) == (200, answer)
        assert whole(app, answer) == body["config"]
    assert (
        db.session.scalars(select(AuditEntry).where(AuditEntry.action == AuditAction.CHANNEL_UPDATE)).all()
        == []
    )


def test_keys_of_the_config_are_changed_one_by_one(app: Flask, admin: Caller) -> None:
    answer = made(admin, WEBHOOK)
    changed = admin.patch(path(answer), {"config": {"timeoutSeconds": 5, "method": "PUT"}}).get_json()

    shown = {"url": URL, "method": "PUT", "timeoutSeconds": 5, "secret": None, "headers": None}
    assert changed["config"] == {**shown, "hasSecret": True}
    assert whole(app, answer) == {"url": URL, "method": "PUT", "timeoutSeconds": 5, **SECRETS}


def test_null_clears_what_is_optional(app: Flask, admin: Caller) -> None:
    answer = made(admin, WEBHOOK)
    one = admin.patch(path(answer), {"config": {"secret": None}}).get_json()
    assert (one["hasSecret"], one["config"]) == (True, {"url": URL, "headers": None, "hasSecret": True})
    assert whole(app, answer) == {"url": URL, "headers": SECRETS["headers"]}
    none = admin.patch(path(answer), {"config": {"headers": None}}).get_json()
    assert (none["hasSecret"], none["config"]) == (False, {"url": URL})

    failure = assert_failure(admin.patch(path(answer), {"config": {"url": None}}), 400)
    assert failure["errors"] == {"config.url": ["must not be null"]}


def test_a_secret_is_replaced_alone(app: Flask, admin: Caller) -> None:
    answer = made(admin, WEBHOOK)
    assert admin.patch(path(answer), {"config": {"secret": "another one"}}).status_code == 200
    assert whole(app, answer) == {"url": URL, **SECRETS, "secret": "another one"}


def test_family_calls_the_url_of_slack_a_secret(app: Flask, admin: Caller) -> None:
    url = GOOD["slack"][0]["url"]
    answer = made(admin, {"type": "slack", "name": "x", "config": {"secret": url}})
    assert answer["config"] == {"url": None, "hasSecret": True}
    assert whole(app, answer) == {"url": url}
    other = url.replace("c3", "d4")
    assert admin.patch(path(answer), {"config": {"secret": other}}).status_code == 200
    assert whole(app, answer) == {"url": other}
    both = admin.patch(path(answer), {"config": {"secret": url, "url": url}})
    assert assert_failure(both, 400)["errors"] == {"config.secret": ["is the same as url"]}


@pytest.mark.parametrize(
    "config",
    [
        {"url": "https://elsewhere.example/"},
        {"url": URL.replace("https", "http")},
        {"url": URL.replace(".com", ".com:8443")},
        {"url": "https://elsewhere.example/", "secret": "a new one"},
        {"url": "https://elsewhere.example/", "secret": None, "headers": None, "hasSecret": True},
    ],
)
def test_nobody_points_a_stored_secret_at_another_server(
    app: Flask, admin: Caller, config: dict[str, Any]
) -> None:
    answer = made(admin, WEBHOOK)
    failure = assert_failure(admin.patch(path(answer), {"config": config}), 400, "Invalid request body")

    missing = {"secret", "headers"} if config.get("secret") is None else {"headers"}
    assert failure["errors"] == {f"config.{name}": [AGAIN] for name in missing}
    assert whole(app, answer) == WEBHOOK["config"]


@pytest.mark.parametrize("secrets", [SECRETS, {"secret": "a new one", "headers": None}])
def test_the_server_changes_with_secrets_that_are_sent_again(
    app: Flask, admin: Caller, secrets: dict[str, Any]
) -> None:
    answer = made(admin, WEBHOOK)
    config = {"url": "https://elsewhere.example/", **secrets}
    assert admin.patch(path(answer), {"config": config}).status_code == 200
    assert whole(app, answer) == {key: value for key, value in config.items() if value is not None}


def test_the_server_of_a_service_is_guarded_too(admin: Caller) -> None:
    ntfy = made(admin, {"type": "ntfy", "name": "x", "config": {"topic": "ops", "token": "tk"}})
    server = {"server": "https://elsewhere.example"}
    failure = assert_failure(admin.patch(path(ntfy), {"config": server}), 400)
    assert failure["errors"] == {"config.topic": [AGAIN], "config.token": [AGAIN]}
    assert admin.patch(path(ntfy), {"config": {**server, "topic": "ops", "token": None}}).status_code == 200
    back = admin.patch(path(ntfy), {"config": {"server": None}})
    assert assert_failure(back, 400)["errors"] == {"config.topic": [AGAIN]}


@pytest.mark.parametrize(
    "change", [{"type": "sms"}, {"category": "integration"}, {"customerId": None}, {"imapPopMonitorId": None}]
)
def test_type_and_level_stay(admin: Caller, monitor: Monitor, change: dict[str, Any]) -> None:
    answer = made(admin, EMAIL, imapPopMonitorId=monitor.id)
    failure = assert_failure(admin.patch(path(answer), change), 400)
    assert failure["errors"] == {next(iter(change)): ["cannot be changed: make another channel"]}


def test_a_change_moves_updated_at_and_no_change_does_not(admin: Caller) -> None:
    answer = made(admin, EMAIL)
    same = admin.patch(path(answer), {"name": "Ops", "config": EMAIL["config"]}).get_json()
    assert same == answer
    changed = admin.patch(
        path(answer), {"conditions": {"events": ["alert", "alert"]}, "isActive": False}
    ).get_json()
    assert (changed["conditions"], changed["isActive"]) == ({"events": ["alert"]}, False)
    assert changed["updatedAt"] > answer["updatedAt"]
    assert admin.patch(path(answer), {"conditions": None}).get_json()["conditions"] is None


def test_lists_are_by_level(
    make: Factory, admin: Caller, restricted: Caller, house: Organization, monitor: Monitor
) -> None:
    beside = make.monitor(monitor.customer)
    other = make.customer(house)
    owners = (house, monitor.customer, monitor, beside, other)
    of_house, of_customer, of_monitor, of_beside, of_other = (make.channel(owner).id for owner in owners)
    make.channel()

    assert ids(admin) == [of_house, of_customer, of_monitor, of_beside, of_other]
    for reference in (monitor.customer_id, monitor.customer.public_id):
        assert ids(admin, f"customerId={reference}") == [of_customer, of_monitor, of_beside]
    for reference in (monitor.id, monitor.public_id):
        assert ids(admin, f"imapPopMonitorId={reference}") == [of_house, of_customer, of_monitor]
    assert ids(restricted) == [of_customer, of_monitor, of_beside]
    assert ids(restricted, f"imapPopMonitorId={monitor.id}") == [of_customer, of_monitor]
    assert_failure(admin.get(f"{CHANNELS}?imapPopMonitorId=x"), 400, "Invalid query parameters")
    assert_failure(admin.get(f"{CHANNELS}?imapPopMonitorId={uuid4()}"), 404, "IMAP/POP monitor not found")


def test_paths_take_numbers_and_uuids_alone(make: Factory, admin: Caller) -> None:
    foreign = make.channel()
    for unknown in (uuid4(), foreign.id, foreign.public_id, 2**62):
        for method in ("GET", "PATCH", "DELETE"):
            body = {"name": "x"} if method == "PATCH" else None
            response = admin.send(method, f"{CHANNELS}/{unknown}", json=body)
            assert_failure(response, 404, "Notification channel not found")
    for bad in ("x", "-1", "1.0"):
        assert_failure(admin.get(f"{CHANNELS}/{bad}"), 400, "Invalid Notification channel identifier")


def test_a_deleted_channel_is_gone(make: Factory, admin: Caller, house: Organization) -> None:
    channel = make.channel(house)
    assert admin.delete(path(channel)).get_json() == {"success": True}
    assert_failure(admin.delete(path(channel)), 404)
    assert ids(admin) == []


def test_whoever_is_restricted_manages_channels_of_those_customers(
    make: Factory, restricted: Caller, house: Organization, monitor: Monitor
) -> None:
    assert_failure(restricted.post(CHANNELS, EMAIL), 403)
    assert_failure(restricted.get(path(make.channel(house))), 403)
    assert_failure(restricted.post(CHANNELS, {**EMAIL, "customerId": make.customer(house).id}), 403)
    answer = made(restricted, EMAIL, imapPopMonitorId=monitor.id)
    assert restricted.delete(path(answer)).status_code == 200


def test_there_are_so_many_channels_of_one_level_and_no_more(
    admin: Caller, customer: Customer, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_channels, "MAX_CHANNELS", 1)
    for level in ({}, {"customerId": customer.id}, {"imapPopMonitorId": monitor.id}):
        made(admin, EMAIL, **level)
        failure = assert_failure(
            admin.post(CHANNELS, {**EMAIL, **level}), 409, "Too many notification channels"
        )
        assert failure["message"] == "There are 1 already. Delete those that nobody needs."


@pytest.mark.parametrize("level", ["organization", "customer", "monitor"])
def test_the_last_place_goes_to_one_of_two_at_once(
    admin: Caller, customer: Customer, monitor: Monitor, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    body = dict(EMAIL)
    body |= {"organization": {}, "customer": {"customerId": customer.id}}.get(
        level, {"imapPopMonitorId": monitor.id}
    )
    both, make_id = Barrier(2), uuid4

    def wait_for_the_other() -> UUID:
        with suppress(BrokenBarrierError):
            both.wait(0.5)
        return make_id()

    monkeypatch.setattr(notification_channels, "MAX_CHANNELS", 1)
    monkeypatch.setattr(notification_channels, "uuid4", wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(admin.post, CHANNELS, body) for _ in range(2)]

    assert sorted(answer.result().status_code for answer in answers) == [201, 409]


def test_the_trail_tells_changes_and_no_secrets(admin: Caller, customer: Customer) -> None:
    answer = made(admin, WEBHOOK, customerId=customer.id)
    admin.patch(
        path(answer),
        {"name": "New", "config": {"secret": "another s3cret", "headers": None, "method": "PUT"}},
    )
    admin.delete(path(answer))

    log = admin.get(f"{AUDIT_LOG}?perPage=3").get_json()["items"]
    assert [entry["action"] for entry in log] == ["channel.delete", "channel.update", "channel.create"]
    assert log[1]["changes"] == {
        "name": {"before": "Hook", "after": "New"},
        "config.method": {"before": None, "after": "PUT"},
        "config.secret": {"before": "********", "after": "********"},
        "config.headers": {"before": "********", "after": None},
    }
    created = log[2]["changes"]
    assert created["config.url"] == {"before": None, "after": URL}
    assert created["config.secret"] == {"before": None, "after": "********"}
    assert created["type"] == {"before": None, "after": "webhook"}
    assert {entry["customerId"] for entry in log} == {customer.id}
    assert "s3cret" not in str(log)


def test_secrets_are_stored_for_their_row_alone(app: Flask, admin: Caller, house: Organization) -> None:
    one, other = made(admin, WEBHOOK), made(admin, WEBHOOK)
    rows = db.session.scalars(select(NotificationChannel).order_by(NotificationChannel.id)).all()
    assert "s3cret" not in str([(row.config, row.secrets_encrypted) for row in rows])
    rows[0].secrets_encrypted = rows[1].secrets_encrypted
    db.session.commit()

    assert admin.get(path(one)).get_json()["hasSecret"] is True
    lost = "cannot be decrypted any more, and must be sent again"
    failure = assert_failure(admin.patch(path(one), {"config": {"timeoutSeconds": 5}}), 400)
    assert failure["errors"] == {"config.secret": [lost], "config.headers": [lost]}
    assert admin.patch(path(one), {"name": "New"}).status_code == 200
    assert admin.patch(path(one), {"config": SECRETS}).status_code == 200
    assert whole(app, one) == whole(app, other) == WEBHOOK["config"]


def test_alerts_outlive_their_channel(make: Factory, admin: Caller, house: Organization) -> None:
    """In the history stands where they went."""
    channel, monitor = make.channel(house), make.monitor(make.customer(house))
    alert = alert_of(incident_of(monitor, make.location()), utcnow(), channel_id=channel.id)
    assert admin.delete(path(channel)).status_code == 200
    db.session.expire_all()
    assert db.session.get_one(Alert, alert.id).channel_id is None


def test_a_monitor_takes_its_channels_along(
    make: Factory, admin: Caller, house: Organization, monitor: Monitor
) -> None:
    answer = made(admin, EMAIL, imapPopMonitorId=monitor.id)
    other = make.customer(house)
    assert admin.patch(f"{MONITORS}/{monitor.public_id}", {"customerId": other.id}).status_code == 200
    assert admin.get(path(answer)).get_json()["customerId"] == other.id
    assert admin.delete(f"{MONITORS}/{monitor.public_id}").status_code == 200
    assert_failure(admin.get(path(answer)), 404)
