"""Trying a channel over HTTP: real messages to real servers, and what becomes of secrets."""

import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask

from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Monitor, Organization, User
from tests.api.matrix_stage import dump
from tests.calling import CHANNELS, Caller, assert_failure
from tests.factories import Factory
from tests.fakes.server import Conversation
from tests.parts.http_receiver import HttpReceiver, redirect, reply
from tests.parts.smtp_sink import SmtpSink

PATH = f"{CHANNELS}/test"
SECRET = "Kq7signing-s3cret"
TOKEN = "Bearer Vx3header-s3cret"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def sending(make_app: Callable[..., Flask], sink: SmtpSink) -> Flask:
    """An application that may send to this machine."""
    return make_app(ALLOW_PRIVATE_TARGETS="true", SMTP_URL=sink.url, MAIL_FROM="pillarbox@example.com")


@pytest.fixture
def tester(sending: Flask, admin: Caller) -> Caller:
    return admin.on(sending)


@pytest.fixture
def webhook(receiver: HttpReceiver) -> dict[str, Any]:
    config = {"url": f"{receiver.url}/hook", "secret": SECRET, "headers": {"Authorization": TOKEN}}
    return {"type": "webhook", "config": config}


@pytest.fixture
def stored(tester: Caller, webhook: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = tester.post(CHANNELS, {**webhook, "name": "Hook"}).get_json()
    return answer


def tried(caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    response = caller.post(PATH, body)
    assert response.status_code == 200, response.get_data(as_text=True)
    text = response.get_data(as_text=True)
    assert SECRET not in text
    assert "s3cret" not in text
    answer: dict[str, Any] = response.get_json()
    return answer


def test_webhook_is_sent_for_real(tester: Caller, receiver: HttpReceiver, webhook: dict[str, Any]) -> None:
    before = dump()
    answer = tried(tester, webhook)

    assert (answer["success"], answer["mode"]) == (True, "send")
    assert answer["message"] == "Webhook delivered successfully"
    assert answer["validation"] == {
        "ok": True,
        "errors": [],
        "warnings": ["config.url is not encrypted on its way: use https"],
    }
    assert answer["request"] == {
        "type": "webhook",
        "url": f"{receiver.url}/hook",
        "method": "POST",
        "timeoutSeconds": 10,
    }
    response = answer["response"]
    assert (response["reachable"], response["ok"], response["statusCode"]) == (True, True, 200)
    assert response["durationMs"] >= 0
    (request,) = receiver.requests
    assert request.json["isTest"] is True
    assert request.headers["authorization"] == TOKEN
    signature = hmac.digest(SECRET.encode(), request.body, "sha256").hex()
    assert request.headers["x-webhook-signature"] == signature
    assert dump() == before


def test_message_speaks_of_whose_channel_it_would_be(
    make: Factory, tester: Caller, receiver: HttpReceiver, webhook: dict[str, Any], house: Organization
) -> None:
    monitor = make.monitor(make.customer(house), server="mail.example.com:993")
    for level, monitor_name, customer_name in (
        ({}, "Mailbox Access", "Example Customer"),
        ({"customerId": monitor.customer_id}, "Mailbox Access", monitor.customer.name),
        ({"imapPopMonitorId": str(monitor.public_id)}, monitor.name, monitor.customer.name),
    ):
        tried(tester, {**webhook, **level})
        told = receiver.requests[-1].json
        assert told["organization"]["name"] == house.name
        assert (told["monitor"]["name"], told["customer"]["name"]) == (monitor_name, customer_name)


def test_mail_is_sent_in_the_language_of_the_organization(
    tester: Caller, sink: SmtpSink, house: Organization
) -> None:
    texts = set()
    for language in ("en", "de"):
        house.language = language
        db.session.commit()
        answer = tried(tester, {"type": "email", "config": {"email": "ops@example.com"}})
        assert (answer["success"], answer["message"]) == (True, "Message delivered successfully")
        assert answer["request"] == {"type": "email", "url": None, "method": None, "timeoutSeconds": None}
        texts.add(sink.mails[-1].text)
        assert house.name in sink.mails[-1].subject
        assert sink.mails[-1].recipients == ("ops@example.com",)
    assert len(texts) == 2


@pytest.mark.parametrize(("status", "success"), [(500, False), (404, False), (429, True), (302, False)])
def test_what_the_target_says_is_told(
    tester: Caller, receiver: HttpReceiver, webhook: dict[str, Any], status: int, success: bool
) -> None:
    """And a target that asks to be asked later counts as reached."""
    receiver.answer = reply(status, f"no: {SECRET} {TOKEN}")
    answer = tried(tester, webhook)

    assert answer["success"] is success
    assert str(status) in answer["message"]
    response = answer["response"]
    assert (response["reachable"], response["ok"], response["statusCode"]) == (True, False, status)


def test_redirects_are_not_followed(tester: Caller, webhook: dict[str, Any], receiver: HttpReceiver) -> None:
    with HttpReceiver() as other:
        receiver.answer = redirect(f"{other.url}/")
        assert tried(tester, webhook)["success"] is False
        assert other.requests == []


def test_private_targets_are_refused_unless_allowed(
    admin: Caller, receiver: HttpReceiver, webhook: dict[str, Any]
) -> None:
    answer = tried(admin, webhook)
    response = answer["response"]
    assert (answer["success"], response["reachable"], response["statusCode"]) == (False, False, None)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("body", "setting"),
    [
        ({"type": "email", "config": {"email": "ops@example.com"}}, "SMTP_URL"),
        ({"type": "sms", "config": {"phoneNumber": "+4915112345678"}}, "SMS_URL"),
    ],
)
def test_settings_that_are_missing_are_told_of(
    make_app: Callable[..., Flask], admin: Caller, body: dict[str, Any], setting: str
) -> None:
    answer = tried(admin.on(make_app(MAIL_FROM="pillarbox@example.com")), body)
    assert (answer["success"], answer["response"]["reachable"]) == (False, False)
    assert setting in answer["message"]


def test_dry_run_sends_nothing(tester: Caller, receiver: HttpReceiver, webhook: dict[str, Any]) -> None:
    answer = tried(tester, {**webhook, "dryRun": True})
    assert (answer["success"], answer["mode"], answer["response"]) == (True, "dryRun", None)
    assert receiver.requests == []


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_what_is_wrong_is_400_and_nothing_is_sent(
    tester: Caller, receiver: HttpReceiver, webhook: dict[str, Any], is_dry_run: bool
) -> None:
    for change, field in (
        ({"config": {**webhook["config"], "url": "x"}}, "config.url"),
        ({"config": {**webhook["config"], "secret": 5}}, "config.secret"),
        ({"config": {**webhook["config"], SECRET: 5}}, None),
        ({"type": "slack"}, "config.secret"),
        ({"type": "pigeon"}, "type"),
        ({"id": True}, "id"),
        ({"dryRun": 1}, "dryRun"),
        ({"other": 1}, "other"),
    ):
        failure = assert_failure(tester.post(PATH, {**webhook, "dryRun": is_dry_run, **change}), 400)
        assert field is None or field in failure["errors"]
        assert TOKEN not in json.dumps(failure)
    missing = assert_failure(tester.post(PATH, {"name": "x"}), 400)
    assert missing["errors"] == {"type": ["is required"], "config": ["is required"]}
    assert receiver.requests == []


def test_a_stored_channel_is_tried_with_its_secrets(
    tester: Caller, receiver: HttpReceiver, stored: dict[str, Any]
) -> None:
    for body in ({"id": stored["id"]}, {"id": stored["publicId"]}, stored):
        assert tried(tester, body)["success"] is True
        request = receiver.requests[-1]
        assert request.headers["authorization"] == TOKEN
        assert "x-webhook-signature" in request.headers
    changed = tried(tester, {"id": stored["id"], "config": {"method": "PUT", "headers": None}})
    assert changed["request"]["method"] == "PUT"
    assert receiver.requests[-1].method == "PUT"
    assert "authorization" not in receiver.requests[-1].headers


def test_stored_secrets_are_not_sent_elsewhere(tester: Caller, stored: dict[str, Any]) -> None:
    with HttpReceiver() as other:
        failure = assert_failure(tester.post(PATH, {"id": stored["id"], "config": {"url": other.url}}), 400)
        assert failure["errors"].keys() == {"config.secret", "config.headers"}
        assert other.requests == []


@pytest.mark.parametrize("is_token", [False, True])
def test_whoever_may_not_manage_channels_tries_what_is_given(
    make: Factory, tester: Caller, caller: Callable[[Role], Caller], stored: dict[str, Any], is_token: bool
) -> None:
    app = tester.client.application
    token = make.token(make.organization())
    writer = Caller(app, token) if is_token else caller(Role.EDITOR).on(app)
    assert_failure(writer.post(PATH, {"id": stored["id"]}), 403)
    assert_failure(writer.post(PATH, {**stored, "config": {"url": "https://a.example/"}}), 403)
    given = {"type": "email", "config": {"email": "ops@example.com"}}
    assert tried(writer, given)["success"] is True


def test_a_token_of_a_customer_tries_for_that_customer_alone(
    make: Factory, tester: Caller, house: Organization
) -> None:
    customer, other = make.customer(house), make.customer(house)
    mine, theirs = (make.monitor(owner, server="mail.example.com:993") for owner in (customer, other))
    token = Caller(tester.client.application, make.token(house, customer))
    given = {"type": "email", "config": {"email": "ops@example.com"}, "dryRun": True}

    for refused in ({}, {"customerId": None}, {"customerId": other.id}, {"imapPopMonitorId": theirs.id}):
        assert_failure(token.post(PATH, {**given, **refused}), 403)
    for allowed in ({"customerId": customer.id}, {"imapPopMonitorId": mine.id}):
        assert tried(token, {**given, **allowed})["success"] is True


def test_what_is_wrong_is_told_before_who_is_unknown(tester: Caller) -> None:
    body = {"type": "email", "config": {"email": "ops"}, "customerId": 987_654_321}
    assert assert_failure(tester.post(PATH, body), 400)["errors"].keys() == {"config.email"}


def test_a_stored_channel_of_others_is_not_tried(
    make: Factory,
    tester: Caller,
    house: Organization,
    login: Callable[[User], Caller],
    stored: dict[str, Any],
) -> None:
    app = tester.client.application
    restricted = login(make.user(house, customers=[make.customer(house)])).on(app)
    assert_failure(restricted.post(PATH, {"id": stored["id"]}), 403)
    stranger = login(make.user()).on(app)
    assert_failure(stranger.post(PATH, {"id": stored["id"]}), 404, "Notification channel not found")
    for other in ({"type": "sms"}, {"organizationId": 2**40}):
        assert_failure(tester.post(PATH, {"id": stored["id"], **other}), 400)


def test_secrets_that_cannot_be_decrypted_are_told_of(
    make: Factory, tester: Caller, house: Organization
) -> None:
    config, secrets = {"url": "https://a.example/"}, {"secret": SECRET}
    channel, other = (make.channel(house, "webhook", config, secrets) for _ in range(2))
    channel.secrets_encrypted = other.secrets_encrypted
    db.session.commit()
    failure = assert_failure(tester.post(PATH, {"id": channel.id}), 400)
    assert failure["errors"] == {"config.secret": ["cannot be decrypted any more, and must be sent again"]}


def test_few_tests_at_once_and_no_connection_is_held(
    sending: Flask, tester: Caller, receiver: HttpReceiver, webhook: dict[str, Any]
) -> None:
    go_on = Event()
    begun = [Event(), Event()]
    waiting = iter(begun)

    def wait(conversation: Conversation) -> None:
        next(waiting).set()
        go_on.wait(10)
        reply()(conversation)

    receiver.answer = wait
    with ThreadPoolExecutor(2) as pool:
        tests = [pool.submit(tester.post, PATH, webhook) for _ in begun]
        try:
            assert all(event.wait(10) for event in begun)
            refused = tester.post(PATH, webhook)
            with sending.app_context():
                held = db.engine.pool.checkedout()  # type: ignore[attr-defined] # of the pools that we use
        finally:
            go_on.set()
    assert [test.result().status_code for test in tests] == [200, 200]
    assert_failure(refused, 503, "Too many tests at once")
    assert refused.headers["Retry-After"] == "5"
    assert held == 0
    receiver.answer = reply()
    assert tried(tester, webhook)["success"] is True


def test_tests_are_rate_limited_by_caller(
    make_app: Callable[..., Flask], admin: Caller, readonly: Caller
) -> None:
    limited = make_app(RATE_LIMIT="1000/minute")
    body = {"type": "email", "config": {"email": "ops@example.com"}, "dryRun": True}
    answers = [admin.on(limited).post(PATH, body).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    assert readonly.on(limited).post(PATH, body).status_code == 403


def test_unknown_owner_is_refused(make: Factory, tester: Caller, webhook: dict[str, Any]) -> None:
    foreign: Monitor = make.monitor()
    customer: Customer = foreign.customer
    assert_failure(tester.post(PATH, {**webhook, "customerId": customer.id}), 404, "Customer not found")
    response = tester.post(PATH, {**webhook, "imapPopMonitorId": foreign.id})
    assert_failure(response, 404, "IMAP/POP monitor not found")
    assert_failure(tester.post(PATH, {**webhook, "organizationId": foreign.organization_id}), 403)
    assert_failure(tester.post(PATH, {"id": 2**60}), 404, "Notification channel not found")
