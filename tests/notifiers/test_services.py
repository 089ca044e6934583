"""Each kind of channel, driven to a real HTTPS server: what arrives there, byte by byte."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import WarningCode
from tests.notifiers.stage import ENDED_AT, INCIDENT_ID, NOTICE, RECOVERY, Online, internet, notice, send
from tests.notifiers.types import KINDS, MATRIX, SECRET, UUID, Kind
from tests.parts.http_receiver import HttpReceiver, Request, reply

SERVICES = tuple(kind for kind in KINDS if kind.name != "webhook")
BY_NAME = {kind.name: kind for kind in KINDS}
every_service = pytest.mark.parametrize("kind", SERVICES, ids=lambda kind: kind.name)
TITLE = "DOWN: Info mailbox (imap.example.com) - login refused"


def told(request: Request, *path: str | int) -> Any:
    """What stands at a place of the JSON that was sent."""
    value = request.json
    for step in path:
        value = value[step]
    return value


def test_every_type_of_channel_is_here() -> None:
    assert {kind.name for kind in KINDS} | {"email", "sms"} == CHANNEL_TYPES.keys()
    for kind in KINDS:
        assert CHANNEL_TYPES[kind.name].read(kind.config) == kind.config


@every_service
def test_a_service_is_told_at_its_place_with_its_secret(kind: Kind, online: Online) -> None:
    online.receiver.answer = kind.answer
    delivery = online.send(kind.name, kind.config)

    assert delivery.is_sent, delivery
    assert online.asked == [(kind.host, 443)] * kind.requests
    request = online.receiver.requests[-1]
    assert request.is_secured
    assert request.target.startswith(kind.path)
    assert request.headers["host"] == kind.host
    assert request.headers["user-agent"].startswith("Pillarbox/")
    holder = {"path": request.target, "body": request.body.decode(), **request.headers}[kind.holder]
    assert kind.secret in holder or base64.b64encode(f"{kind.secret}:".encode()).decode() in holder


@every_service
def test_a_service_is_told_what_broke_and_what_to_do(kind: Kind, online: Online) -> None:
    online.receiver.answer = kind.answer
    online.send(kind.name, kind.config)

    text = online.receiver.requests[-1].text.replace("+", " ").replace("\\", "")
    for words in ("Info mailbox", "login refused", "What to do", "13"):
        assert words in text


def test_slack(online: Online) -> None:
    online.receiver.answer = reply(200, "ok")
    online.send("slack", BY_NAME["slack"].config)

    (card,) = told(online.receiver.requests[0], "attachments")
    assert card["title"] == TITLE
    assert card["text"].startswith("The mailbox “Info mailbox” does not work.\nServer: imap.example.com:993")
    assert "image" not in online.receiver.requests[0].text


def test_slack_without_its_ok_has_taken_nothing(online: Online) -> None:
    online.receiver.answer = reply(200, "invalid_payload")
    delivery = online.send("slack", BY_NAME["slack"].config)

    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert delivery.error == "The service did not take the message: invalid_payload"


@pytest.mark.parametrize("path", ["workflows/T1/A2/3/x", "triggers/E1/2/x"])
def test_slack_workflows(path: str, online: Online) -> None:
    delivery = online.send("slack", {"url": f"https://hooks.slack.com/{path}"})

    assert delivery.is_sent
    assert online.receiver.requests[0].target == f"/{path}"
    assert told(online.receiver.requests[0], "text").startswith(f"{TITLE}: The mailbox")


@pytest.mark.parametrize("part", ["", "/cu/7"])
def test_teams_at_its_newer_address(part: str, trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = "default1.45.environment.api.powerplatform.com"
    path = f"/powerautomate/automations/direct{part}/workflows/a1/triggers/manual/paths/invoke"
    with HttpReceiver(reply(202), names=(host,)) as newer, internet(newer, monkeypatch):
        url = f"https://{host}:443{path}?api-version=1&sp=x&sv=1.0&sig=x-y_z"
        delivery = send("teams", {"url": url}, ca_file=trusted)

    assert delivery.is_sent, delivery
    assert newer.requests[0].target.startswith(f"{path}?api-version=1&")
    card = told(newer.requests[0], "attachments", 0, "content", "body")
    assert [block["text"].splitlines()[0] for block in card] == [
        TITLE,
        "The mailbox “Info mailbox” does not work\\.",
    ]


def test_telegram(online: Online) -> None:
    online.send("telegram", BY_NAME["telegram"].config, notice(monitor="A & B <b>"))

    assert told(online.receiver.requests[0], "chat_id") == -1001
    assert told(online.receiver.requests[0], "text").startswith(
        "<b>DOWN: A &amp; B \u2039b\u203a (imap.example.com)"
    )


def test_pagerduty_opens_and_resolves_one_incident(online: Online) -> None:
    online.receiver.answer = reply(202, {"status": "success"})
    for message in (NOTICE, RECOVERY):
        assert online.send("pagerduty", BY_NAME["pagerduty"].config, message).is_sent

    opened, resolved = (request.json for request in online.receiver.requests)
    assert (opened["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == resolved["dedup_key"] == str(INCIDENT_ID)
    assert opened["payload"]["severity"] == "critical"
    assert opened["payload"]["source"] == "imap.example.com"
    assert opened["links"] == [{"href": NOTICE.url}]


@pytest.mark.parametrize(("region", "host"), [("eu", "api.eu.opsgenie.com"), ("us", "api.opsgenie.com")])
def test_opsgenie_opens_and_closes_one_alert(region: str, host: str, online: Online) -> None:
    online.receiver.answer = BY_NAME["opsgenie"].answer
    config = {"apiKey": UUID, "region": region}
    for message in (NOTICE, RECOVERY):
        assert online.send("opsgenie", config, message).is_sent

    opened, closed = online.receiver.requests
    assert online.asked == [(host, 443)] * 2
    assert told(opened, "alias") == str(INCIDENT_ID)
    assert told(opened, "message") == TITLE
    assert told(opened, "priority") == "P2"
    assert closed.target == f"/v2/alerts/{INCIDENT_ID}/close?identifierType=alias"
    assert closed.headers["authorization"] == f"GenieKey {UUID}"
    assert "works again, after 2 hours 5 minutes" in told(closed, "note")


def test_opsgenie_that_does_not_close_says_why(online: Online) -> None:
    online.receiver.answer = reply(422, {"message": f"No such key {UUID}"})
    delivery = online.send("opsgenie", BY_NAME["opsgenie"].config, RECOVERY)

    assert delivery.error == "The target answered with status 422: No such key ********"
    assert (delivery.is_final, delivery.status_code) == (True, 422)


@pytest.mark.parametrize(
    ("changes", "ntfy", "gotify"),
    [
        ({}, "high", 8),
        ({"incident": {"type": WarningCode.MAILBOX_STALE}}, None, 5),
        ({"event": RECOVERY.event, "incident": {"ended_at": ENDED_AT}}, None, 5),
        ({"is_test": True}, None, 5),
    ],
)
def test_what_is_down_is_urgent(
    changes: dict[str, Any],
    ntfy: str | None,
    gotify: int,
    online: Online,
) -> None:
    for name in ("ntfy", "gotify"):
        assert online.send(name, BY_NAME[name].config, notice(**changes)).is_sent

    assert online.receiver.requests[0].headers.get("x-priority") == ntfy
    assert told(online.receiver.requests[1], "priority") == gotify


def test_ntfy_at_its_own_server(online: Online) -> None:
    assert online.send("ntfy", {"topic": "ops"}).is_sent

    assert online.asked == [("ntfy.sh", 443)]
    assert "authorization" not in online.receiver.requests[0].headers
    assert told(online.receiver.requests[0], "topic") == "ops"
    assert told(online.receiver.requests[0], "title") == TITLE


def test_matrix_signs_in_and_out_with_a_password(online: Online) -> None:
    online.receiver.answer = reply(200, MATRIX)
    config = {
        "server": "https://matrix.example.com",
        "room": "#ops:example.com",
        "user": "bot",
        "password": SECRET,
    }
    delivery = online.send("matrix", config)

    assert delivery.is_sent, delivery
    steps = [
        request.target.split("?")[0].removeprefix("/_matrix/client/v3/")
        for request in online.receiver.requests
    ]
    assert [step.split("/")[0] for step in steps] == ["login", "join", "rooms", "logout"]
    assert told(online.receiver.requests[0], "password") == SECRET
    assert all(request.headers["authorization"] == "Bearer t0ken" for request in online.receiver.requests[1:])


@pytest.mark.parametrize("name", ["mattermost", "rocketchat", "gotify", "ntfy", "matrix"])
def test_services_of_ones_own_may_do_without_tls_and_at_any_port(name: str) -> None:
    kind = BY_NAME[name]
    with HttpReceiver(kind.answer) as plain:
        config = {
            key: f"{plain.url}{value.partition('.com')[2]}" if key in {"url", "server"} else value
            for key, value in kind.config.items()
        }
        delivery = send(name, config)

    assert delivery.is_sent, delivery
    assert plain.requests[-1].target.startswith(kind.path)
    assert plain.requests[-1].headers["host"] == f"127.0.0.1:{plain.port}"


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("ntfy", {"topic": "ops", "server": "https://ntfy.example.com/below"}),
        ("matrix", {"server": "https://matrix.example.com/below", "room": "!a:b", "token": "t"}),
        ("teams", {"url": "https://prod-1.westeurope.logic.azure.com/elsewhere?sig=x"}),
        ("teams", {"url": BY_NAME["teams"].config["url"].partition("?")[0]}),
        ("slack", {"url": "https://hooks.slack.com/api"}),
        ("gotify", {"url": "gotify.example.com", "token": "t"}),
        ("telegram", {"botToken": "no token", "chatId": "1"}),
    ],
)
def test_settings_that_do_not_suit_are_final(name: str, config: dict[str, Any]) -> None:
    delivery = send(name, config)

    assert (delivery.is_sent, delivery.is_final, delivery.status_code) == (False, True, None)


def test_what_calls_people_in_chats_is_defused(online: Online) -> None:
    hostile = (
        "@everyone <!channel> <@U1> <users/all> @here [x](http://evil.example) ![y](http://evil.example)"
    )
    message = notice(monitor=hostile, incident={"error_message": hostile, "location_name": hostile})
    message = replace(message, customer=replace(message.customer, name=hostile))
    for kind in SERVICES:
        online.receiver.answer = kind.answer
        assert online.send(kind.name, kind.config, message).is_sent, kind.name
        if kind.name == "pushover":  # plain text in a form
            continue
        request = online.receiver.requests[-1]
        text = request.body.decode() if kind.name != "apprise" else request.text
        text = text.encode().decode("unicode_escape", "replace") if "\\u" in text else text
        for call in ("@everyone", "@here", "<!channel", "<@U1", "<users", "](http"):
            assert call not in text, (kind.name, call)
