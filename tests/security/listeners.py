"""Those who are told of incidents in the story: servers that quote the secrets they get, and refuse."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from app.extensions import db
from app.models import NotificationChannel
from tests.calling import CHANNELS
from tests.fakes.server import Conversation
from tests.parts.http_receiver import HttpReceiver, reply
from tests.parts.smtp_sink import SmtpSink
from tests.security.canaries import CHAT_KEY, HOOK_HEADER, HOOK_KEY, MAIL_LOGIN, PUSH_TOKEN, REFUSED_HOOK
from tests.security.search import Secret, spellings

Call = Callable[[str, str, Any], tuple[int, Any]]
"""Method, path and body of a request by somebody -> status and document."""


@dataclass(frozen=True)
class Listeners:
    hook: HttpReceiver
    chat: HttpReceiver
    push: HttpReceiver
    mail: SmtpSink

    @property
    def settings(self) -> dict[str, str]:
        return {"SMTP_URL": f"{self.mail.url}?starttls=off", "MAIL_FROM": "pillarbox@example.com"}

    @property
    def configs(self) -> list[tuple[str, dict[str, Any]]]:
        """Types of channels that lead here, each with its config."""
        headers = {"Authorization": f"Bearer {HOOK_HEADER.text}"}
        return [
            ("webhook", {"url": f"{self.hook.url}/hook", "secret": HOOK_KEY.text, "headers": headers}),
            ("mattermost", {"url": f"{self.chat.url}/hooks/{CHAT_KEY.text}"}),
            ("gotify", {"url": self.push.url, "token": PUSH_TOKEN.text}),
            ("email", {"email": "ops@example.com"}),
        ]

    def are_told(self) -> bool:
        """Of an incident, each of them."""
        told = (self.hook.requests, self.chat.requests, self.push.requests)
        return all(any(b"TEST" not in request.body for request in requests) for requests in told)


@contextmanager
def listeners_up() -> Iterator[Listeners]:
    with ExitStack() as stack:
        sink = stack.enter_context(SmtpSink(user="pillarbox", password=MAIL_LOGIN.text))
        sink.answer = f"554 5.7.1 not from {MAIL_LOGIN.text}"
        yield Listeners(
            *(
                stack.enter_context(_quoting(*secrets))
                for secrets in ((HOOK_KEY, HOOK_HEADER), (CHAT_KEY,), (PUSH_TOKEN,))
            ),
            sink,
        )


def _quoting(*secrets: Secret) -> HttpReceiver:
    """Fails, and says one of the secrets in another spelling each time."""
    quotes = [quote for secret in secrets for quote in spellings(secret.text).values()]
    turn = count()

    def answer(conversation: Conversation) -> None:
        reply(500, b"wrong " + quotes[next(turn) % len(quotes)])(conversation)

    return HttpReceiver(answer)


def introduce(listeners: Listeners, admin: Call) -> None:
    """Make a channel to each of them, change it, try it as it is stored and as it was sent."""
    for kind, config in listeners.configs:
        body = {"type": kind, "name": kind, "config": config}
        status, channel = admin("POST", CHANNELS, body)
        assert status == 201, channel
        path = f"{CHANNELS}/{channel['publicId']}"
        assert admin("PATCH", path, {"config": config, "name": f"to {kind}"})[0] == 200
        assert admin("PATCH", path, channel)[0] == 200
        for trial in ({"id": channel["id"]}, body, {**body, "dryRun": True}):
            status, result = admin("POST", f"{CHANNELS}/test", trial)
            assert status == 200, result
            assert result["success"] is (result["mode"] == "dryRun"), result


def refuse(admin: Call) -> None:
    """Bodies that are wrong, with something secret in them."""
    wrong = REFUSED_HOOK.text
    url = "https://192.0.2.1/"
    for kind, config in (
        ("webhook", {"url": url, "secret": [wrong]}),
        ("webhook", {"url": url, "headers": {wrong: "x", "A": wrong}}),
        ("webhook", {"url": url, "headers": {"A": wrong + "\n"}}),
        ("webhook", {"url": url, "headers": wrong}),
        ("webhook", {"url": url, "secret": wrong + "\x00"}),
        ("slack", {"secret": f"https://hooks.slack.com/{wrong}", "url": wrong}),
        ("slack", {"secret": wrong}),
        ("telegram", {"botToken": wrong, "chatId": "1"}),
        ("pushover", {"userKey": wrong, "apiToken": wrong}),
        ("apprise", {"url": f"json://{wrong}/"}),
        ("apprise", {"url": f"twilio://{wrong}?verify=no"}),
        ("matrix", {"server": url, "room": "#a", "token": "t", "password": wrong}),
        ("email", {"email": wrong}),
    ):
        body = {"type": kind, "name": "x", "config": config}
        assert admin("POST", CHANNELS, body)[0] == 400, body
        assert admin("POST", f"{CHANNELS}/test", body)[0] == 400, body
    elsewhere = {"config": {"url": "https://192.0.2.1/"}}
    _, page = admin("GET", f"{CHANNELS}?perPage=200", None)
    (hook,) = [channel for channel in page["items"] if channel["type"] == "webhook"]
    assert admin("PATCH", f"{CHANNELS}/{hook['id']}", elsewhere)[0] == 400
    assert admin("POST", f"{CHANNELS}/test", {"id": hook["id"], **elsewhere})[0] == 400


def spoil(listeners: Listeners, admin: Call) -> None:
    """A channel whose secrets belong to another row, so that nothing can decrypt them."""
    kind, config = listeners.configs[0]
    ids = [admin("POST", CHANNELS, {"type": kind, "name": "spoilt", "config": config})[1]["id"] for _ in "ab"]
    rows = [db.session.get_one(NotificationChannel, number) for number in ids]
    rows[0].secrets_encrypted = rows[1].secrets_encrypted
    db.session.commit()
