"""Kinds of channels: what each takes, and that no fault tells a secret."""

from typing import Any

import pytest
from apprise.manager_plugins import NotificationManager

from app.domain.channel_config import APPRISE_SCHEMES
from app.domain.channel_types import CHANNEL_TYPES, ChannelType, ConfigError
from app.domain.enums import ChannelCategory

GOOD: dict[str, list[dict[str, Any]]] = {
    "email": [{"email": "ops@example.com"}, {"email": "ops@example.com", "to": "Ops"}],
    "sms": [{"phoneNumber": "+4915112345678"}],
    "webhook": [
        {"url": "https://hooks.example.com/a?b=c"},
        {"url": "http://192.0.2.1:8080/"},
        {"url": "https://a.example", "method": "PUT", "headers": {"Authorization": "Bearer x y"}},
        {"url": "https://a.example", "secret": "8letters", "timeoutSeconds": 30},
    ],
    "slack": [
        {"url": "https://hooks.slack.com/services/T1/B2/c3"},
        {"url": "https://hooks.slack-gov.com/services/T1/B2/c3/"},
        {"url": "https://hooks.slack.com/workflows/T1/A2/3/x"},
    ],
    "discord": [{"url": "https://discord.com/api/webhooks/123/a-b_c"}],
    "teams": [
        {"url": "https://prod-1.westeurope.logic.azure.com:443/workflows/a1/triggers/manual/paths/invoke?sig=x"},
        {
            "url": "https://default.1.environment.api.powerplatform.com/powerautomate/automations/direct"
            "/workflows/a1/triggers/manual/paths/invoke?api-version=1&sig=x"
        },
    ],
    "mattermost": [{"url": "http://chat.example.com:8065/hooks/abc"}, {"url": "https://a.example/chat/hooks/abc"}],
    "googlechat": [{"url": "https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t"}],
    "rocketchat": [{"url": "https://chat.example.com/hooks/abc/def"}],
    "telegram": [
        {"botToken": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "chatId": "-1001234567890"},
        {"botToken": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "chatId": "@channel"},
    ],
    "pagerduty": [{"routingKey": "0123456789abcdef0123456789abcdef"}],
    "opsgenie": [{"apiKey": "eb243592-faa2-4ba2-a551-1afdf565c889", "region": "eu"}],
    "pushover": [{"userKey": "uQiRzpo4DXghDmr9QzzfQu27cmVRsG", "apiToken": "azGDORePK8gMaC0QOYAMyEEuzJnyUi"}],
    "ntfy": [{"topic": "ops_a-1"}, {"topic": "ops", "server": "https://ntfy.example.com", "token": "tk_1"}],
    "gotify": [{"url": "https://gotify.example.com/base", "token": "AxQ_1"}],
    "matrix": [
        {"server": "https://matrix.example.com", "room": "#ops:example.com", "token": "syt_1"},
        {"server": "https://matrix.example.com", "room": "!a1:example.com", "user": "bot", "password": "p w"},
    ],
    "apprise": [{"url": "twilio://AC1:token@+15551230000/+15551231111?method=sms"}, {"url": "pbul://token"}],
}  # fmt: skip

LONG = "x" * 2100
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("email", {}, "config.email", "is required"),
    ("email", {"email": None}, "config.email", "must not be null"),
    ("email", {"email": "ops"}, "config.email", "must be an e-mail address"),
    ("email", {"email": 1}, "config.email", "must be a string"),
    ("email", {"email": "a@example.com", "to": ""}, "config.to", "must have 1 to 255 characters"),
    ("email", {"email": "a@example.com", "cc": "x"}, "config.cc", "is not a key of this type"),
    ("sms", {"phoneNumber": "0151 1234567"}, "config.phoneNumber", "must be a phone number in E.164 form"),
    ("webhook", {"url": "ftp://a.example/"}, "config.url", "must begin with http:// or https://"),
    ("webhook", {"url": "https://user:pw@a.example/"}, "config.url", "must not contain a user name"),
    ("webhook", {"url": "https://a.example/#x"}, "config.url", "fragment"),
    ("webhook", {"url": "https://a.example/" + LONG}, "config.url", "must have 1 to 2048 characters"),
    ("webhook", {"url": "https://a_b!/"}, "config.url", "valid host name"),
    ("webhook", {"url": "https://a.example", "method": "GET"}, "config.method", "must be one of POST, PUT"),
    ("webhook", {"url": "https://a.example", "method": []}, "config.method", "must be one of POST, PUT"),
    ("webhook", {"url": "https://a.example", "timeoutSeconds": 31}, "config.timeoutSeconds", "from 1 to 30"),
    ("webhook", {"url": "https://a.example", "timeoutSeconds": True}, "config.timeoutSeconds", "an integer"),
    ("webhook", {"url": "https://a.example", "timeoutSeconds": 1.5}, "config.timeoutSeconds", "an integer"),
    ("webhook", {"url": "https://a.example", "timeoutSeconds": 1e400}, "config.timeoutSeconds", "an integer"),
    ("webhook", {"url": "https://a.example", "secret": "7letter"}, "config.secret", "8 to 1024 characters"),
    ("webhook", {"url": "https://a.example", "headers": "x"}, "config.headers", "must be an object of texts"),
    ("webhook", {"url": "https://a.example", "headers": {"a b": "x"}}, "config.headers", "header names"),
    ("webhook", {"url": "https://a.example", "headers": {"A": 1}}, "config.headers", "printable ASCII"),
    ("webhook", {"url": "https://a.example", "headers": {"A": "x\r\nB: y"}}, "config.headers", "printable"),
    ("webhook", {"url": "https://a.example", "headers": {"A": "x", "a": "y"}}, "config.headers", "twice"),
    ("webhook", {"url": "https://a.example", "headers": {"Host": "x"}}, "config.headers", "set host"),
    (
        "webhook",
        {"url": "https://a.example", "headers": {"X-Webhook-Id": "x"}},
        "config.headers",
        "set x-webhook-id",
    ),
    (
        "webhook",
        {"url": "https://a.example", "headers": {f"h{number}": "x" for number in range(21)}},
        "config.headers",
        "at most 20",
    ),
    ("slack", {"url": "https://hooks.slack.com.example.com/services/a/b/c"}, "config.url", "from Slack"),
    ("slack", {"url": "http://hooks.slack.com/services/a/b/c"}, "config.url", "must begin with https://"),
    ("slack", {"url": "https://hooks.slack.com:8443/services/a/b/c"}, "config.url", "from Slack"),
    ("slack", {"url": "https://hooks.slack.com/api"}, "config.url", "from Slack"),
    ("teams", {"url": "https://logic.azure.com/"}, "config.url", "of Teams"),
    ("mattermost", {"url": "https://chat.example.com/"}, "config.url", "/hooks/"),
    ("telegram", {"botToken": "abc", "chatId": "1"}, "config.botToken", "must be a bot's token"),
    ("telegram", {"botToken": "1", "chatId": 5}, "config.chatId", "must be a string"),
    ("opsgenie", {"apiKey": "a", "region": "ap"}, "config.region", "must be one of us, eu"),
    ("ntfy", {"topic": "a/b"}, "config.topic", "must be letters"),
    ("ntfy", {"topic": "münchen"}, "config.topic", "must be letters"),
    ("ntfy", {"topic": "a", "server": "ntfy.example.com"}, "config.server", "http"),
    ("gotify", {"url": "https://a.example/?x=y", "token": "t"}, "config.url", "must not have a query"),
    ("gotify", {"url": "https://a.example/"}, "config.token", "is required"),
    ("gotify", {"url": "https://a.example/", "token": "a b"}, "config.token", "without spaces"),
    ("matrix", {"server": "https://a.example", "room": "#r:a.example"}, "config.password", "without token"),
    ("matrix", {"server": "https://a.example", "room": "ops", "token": "t"}, "config.room", "must be a room"),
    (
        "matrix",
        {"server": "https://a.example", "room": "#r", "token": "t", "user": "u", "password": "p"},
        "config.password",
        "without token alone",
    ),
    ("apprise", {"url": "json://localhost/"}, "config.url", "must begin with one of 46elks"),
    ("apprise", {"url": "syslog://"}, "config.url", "must begin with one of"),
    ("apprise", {"url": "pbul:token"}, "config.url", "must begin with one of"),
    ("apprise", {"url": "pbul://token?Verify=no"}, "config.url", "must not set verify"),
    ("apprise", {"url": "pbul://token?rto=900&wait=9"}, "config.url", "must not set rto, wait"),
    ("apprise", {"url": "pbul://to ken"}, "config.url", "without spaces"),
]


def test_every_type_has_a_good_example() -> None:
    assert GOOD.keys() == CHANNEL_TYPES.keys()


@pytest.mark.parametrize(("name", "config"), [(name, one) for name, all_ in GOOD.items() for one in all_])
def test_good_config_is_stored_as_it_was_sent(name: str, config: dict[str, Any]) -> None:
    assert CHANNEL_TYPES[name].read(config) == config


@pytest.mark.parametrize(("name", "config", "path", "text"), BAD)
def test_fault_is_told_at_its_path(name: str, config: dict[str, Any], path: str, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        CHANNEL_TYPES[name].read(config)
    assert text in raised.value.faults[path][0]


@pytest.mark.parametrize("kind", CHANNEL_TYPES.values(), ids=CHANNEL_TYPES)
def test_no_fault_tells_a_secret(kind: ChannelType) -> None:
    for value in ("c4n4ry ü", {"c4n4ry": "c4n4ry ü"}, ["c4n4ry"], "c4n4ry://c4n4ry?c4n4ry"):
        with pytest.raises(ConfigError) as raised:
            kind.read({**GOOD[kind.name][0], **dict.fromkeys(kind.secret_names, value), "other": 1})
        assert "c4n4ry" not in str((raised.value, raised.value.faults))


def test_nulls_of_optional_keys_are_left_out() -> None:
    config = {"url": "https://a.example/", "secret": None, "headers": None, "method": None}
    assert CHANNEL_TYPES["webhook"].read(config) == {"url": "https://a.example/"}


def test_alias_stands_for_its_key() -> None:
    slack = CHANNEL_TYPES["slack"]
    assert slack.named({"secret": "x"}) == {"url": "x"}
    with pytest.raises(ConfigError) as raised:
        slack.named({"secret": "x", "url": "x"})
    assert raised.value.faults == {"config.secret": ["is the same as url"]}


def test_places_say_where_secrets_go() -> None:
    """Of every type that has a server of its own and a secret beside it."""
    for kind in CHANNEL_TYPES.values():
        servers = {key.name for key in kind.keys if key.name in {"url", "server"} and not key.is_secret}
        assert set(kind.places) == servers


def test_direct_are_email_sms_and_webhook() -> None:
    direct = {name for name, kind in CHANNEL_TYPES.items() if kind.category is ChannelCategory.DIRECT}
    assert direct == {"email", "sms", "webhook"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what some of its services import
def test_apprise_knows_the_schemes_that_are_allowed() -> None:
    """Each as a service with one address of its own: no host name is taken from the URL."""
    manager = NotificationManager()
    for scheme in APPRISE_SCHEMES:
        plugin = manager[scheme]
        assert plugin.enabled, scheme
        assert not any("{host}" in template for template in plugin.templates), scheme
