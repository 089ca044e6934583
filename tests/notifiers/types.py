"""One channel of each kind that speaks HTTP: its config, and what its service is to answer."""

from dataclasses import dataclass, field
from typing import Any

from tests.parts.http_receiver import Act, reply

SECRET = "5ecre7-0a1b2c3d4e5f"
"""In every config where a secret belongs, as far as the service's own keys look like that."""
PLAIN = SECRET.replace("-", "")
HEX = "5ec0e70a1b2c3d4e5f5ec0e70a1b2c3d"
UUID = "5ec0e700-1111-4222-8333-444444444444"


@dataclass(frozen=True)
class Kind:
    """`host`: what is dialled. `path`: where the last request goes. `holder`: where the secret is sent."""

    name: str
    config: dict[str, Any]
    host: str
    path: str
    secret: str
    holder: str = "path"
    """`path`, `body`, or the name of a header."""
    answer: Act = field(default_factory=lambda: reply(200, {"ok": True}))
    requests: int = 1
    is_free: bool = False
    """Whether users say which host it is."""


TEAMS = f"/workflows/a1b2/triggers/manual/paths/invoke?api-version=2016-06-01&sp=x&sv=1.0&sig={SECRET}"
MATRIX = {
    "access_token": "t0ken",
    "user_id": "@bot:example.com",
    "room_id": "!a1:example.com",
    "event_id": "$1",
}

KINDS = (
    Kind(
        "webhook",
        {"url": f"https://hooks.example.com/in/{SECRET}?a=b", "secret": "signing-key"},
        "hooks.example.com",
        f"/in/{SECRET}?a=b",
        SECRET,
        is_free=True,
    ),
    Kind(
        "slack",
        {"url": f"https://hooks.slack.com/services/T1/B2/{PLAIN}"},
        "hooks.slack.com",
        f"/services/T1/B2/{PLAIN}",
        PLAIN,
        answer=reply(200, "ok"),
    ),
    Kind(
        "discord",
        {"url": f"https://discord.com/api/webhooks/123/{SECRET}"},
        "discord.com",
        f"/api/webhooks/123/{SECRET}",
        SECRET,
        answer=reply(204),
    ),
    Kind(
        "teams",
        {"url": f"https://prod-1.westeurope.logic.azure.com:443{TEAMS}"},
        "prod-1.westeurope.logic.azure.com",
        f"/workflows/a1b2/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun"
        f"&sv=1.0&sig={SECRET}",
        SECRET,
        answer=reply(202),
    ),
    Kind(
        "mattermost",
        {"url": f"https://chat.example.com/team/hooks/{PLAIN}"},
        "chat.example.com",
        f"/team/hooks/{PLAIN}",
        PLAIN,
        answer=reply(200, "ok"),
        is_free=True,
    ),
    Kind(
        "googlechat",
        {"url": f"https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token={SECRET}"},
        "chat.googleapis.com",
        f"/v1/spaces/AAA/messages?token={SECRET}&key=k",
        SECRET,
    ),
    Kind(
        "rocketchat",
        {"url": f"https://chat.example.com/team/hooks/abc/{PLAIN}"},
        "chat.example.com",
        f"/team/hooks/abc/{PLAIN}",
        PLAIN,
        is_free=True,
    ),
    Kind(
        "telegram",
        {"botToken": f"123456:{SECRET}{SECRET}", "chatId": "-1001"},
        "api.telegram.org",
        f"/bot123456:{SECRET}{SECRET}/sendMessage",
        SECRET * 2,
    ),
    Kind(
        "pagerduty",
        {"routingKey": HEX},
        "events.pagerduty.com",
        "/v2/enqueue",
        HEX,
        "body",
        answer=reply(202, {"status": "success"}),
    ),
    Kind(
        "opsgenie",
        {"apiKey": UUID, "region": "eu"},
        "api.eu.opsgenie.com",
        "/v2/alerts",
        UUID,
        "authorization",
        answer=reply(202, {"result": "Request will be processed", "requestId": "1"}),
    ),
    Kind(
        "pushover",
        {"userKey": "u" * 30, "apiToken": (PLAIN * 2)[:30]},
        "api.pushover.net",
        "/1/messages.json",
        (PLAIN * 2)[:30],
        "body",
        answer=reply(200, {"status": 1}),
    ),
    Kind(
        "ntfy",
        {"topic": "ops", "server": "https://ntfy.example.com", "token": f"tk_{PLAIN}"},
        "ntfy.example.com",
        "/",
        f"tk_{PLAIN}",
        "authorization",
        is_free=True,
    ),
    Kind(
        "gotify",
        {"url": "https://gotify.example.com/base", "token": SECRET},
        "gotify.example.com",
        "/base/message",
        SECRET,
        "x-gotify-key",
        is_free=True,
    ),
    Kind(
        "matrix",
        {"server": "https://matrix.example.com", "room": "!a1:example.com", "token": f"syt_{PLAIN}"},
        "matrix.example.com",
        "/_matrix/client/v3/rooms/%21a1%3Aexample.com/send/m.room.message/",
        f"syt_{PLAIN}",
        "authorization",
        answer=reply(200, MATRIX),
        requests=3,
        is_free=True,
    ),
    Kind(
        "apprise",
        {"url": f"pbul://{PLAIN}"},
        "api.pushbullet.com",
        "/v2/pushes",
        PLAIN,
        "authorization",
    ),
)
NAMES = tuple(sorted({kind.host for kind in KINDS} | {"api.opsgenie.com", "ntfy.sh"}))
"""What the receiver's certificate is made out to."""
