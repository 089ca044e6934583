"""A token endpoint over HTTPS (RFC 6749) that follows a script, and tells a mail server whose token one is.

`token` and `introspect` are the rungs where it answers a form; a script may put any fault there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import count
from typing import Any, cast
from urllib.parse import parse_qsl

from app.domain.enums import Protocol, Security
from app.domain.oauth import OAuthSettings, oauth_from_config
from tests.fakes.server import HOST, Act, Conversation, Dialect, FakeServer, Script, Step, start_tls
from tests.parts.certificates import authority

CLIENT_ID, CLIENT_SECRET = "pillarbox-app", "cl1ent/s3cret+word"
_NUMBERS = count(1)


def answer(body: object, status: int = 200, **headers: str) -> bytes:
    """A whole HTTP answer; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *lines, "", ""]
    return "\r\n".join(head).encode() + content


def refusal(error: str, description: str | None = None, status: int = 400) -> bytes:
    return answer({"error": error, **({"error_description": description} if description else {})}, status)


def repeat_form(conversation: Conversation) -> None:
    """Refuse, and tell all that was sent."""
    form = cast("TokenServer", conversation.server).forms[-1]
    conversation.send(refusal("invalid_client", f"not you: {' '.join(form.values())}"))


def granting(**fields: Any) -> Act:
    """Grant a new token with each answer."""

    def act(conversation: Conversation) -> None:
        server = cast("TokenServer", conversation.server)
        conversation.send(answer({**server.grant(), **fields}))

    return act


def _introspect(conversation: Conversation) -> None:
    server = cast("TokenServer", conversation.server)
    user = server.users.get(server.forms[-1].get("token", ""))
    conversation.send(answer({"active": True, "username": user} if user else {"active": False}))


def _read_form(conversation: Conversation) -> str:
    """Read a request behind its first line; the rung that answers it."""
    server = cast("TokenServer", conversation.server)
    path = conversation.line.split()[1].decode()
    headers = {}
    while line := conversation.read_line():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    form = conversation.read(int(headers["content-length"]))
    server.headers.append(headers)
    server.paths.append(path)
    server.forms.append(dict(parse_qsl(form.decode(), keep_blank_values=True)))
    return "introspect" if path == "/introspect" else "token"


def _answer(conversation: Conversation) -> None:
    conversation.act(_read_form(conversation))
    conversation.close()


HTTP = Dialect(
    Protocol.IMAP,  # of no meaning here
    {
        "tls": start_tls,
        "greeting": b"",
        "request": _answer,
        "token": granting(),
        "introspect": _introspect,
    },
    lambda _: ("request", ""),
)


class TokenServer(FakeServer):
    """Grants tokens to whoever asks; each server to a client of its own, so that no test finds another's."""

    def __init__(self, token: Step | None = None, certificate: str = "good", user: str = "") -> None:
        script: Script = {"token": token} if token is not None else {}
        super().__init__(HTTP, Security.TLS, script, certificate)
        self.client_id = f"{CLIENT_ID}-{next(_NUMBERS)}"
        self.user = user
        self.users: dict[str, str] = {}
        """Every token that was granted, and whose it is."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.forms: list[dict[str, str]] = []

    @contextmanager
    def acting(self, token: Step) -> Iterator[None]:
        """Do something else with requests for a token for a while."""
        kept = self.script
        self.script = {**kept, "token": token}
        yield
        self.script = kept

    def grant(self) -> dict[str, Any]:
        token = f"t0ken.{self.client_id}~{len(self.users) + 1}/+{'x' * 24}="
        self.users[token] = self.user
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600}

    @property
    def tokens(self) -> list[str]:
        return list(self.users)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/token"

    @property
    def introspection_url(self) -> str:
        """Where a mail server may ask (RFC 7662)."""
        return f"https://{HOST}:{self.port}/introspect"

    @property
    def config(self) -> dict[str, Any]:
        """The `oauth2` object of a monitor that gets its tokens here."""
        return {
            "tokenUrl": self.url,
            "clientId": self.client_id,
            "clientSecret": CLIENT_SECRET,
            "scope": "mail.read",
            "ca": authority().pem,
        }

    def settings(self, **changes: Any) -> OAuthSettings:
        return oauth_from_config({**self.config, **changes})
