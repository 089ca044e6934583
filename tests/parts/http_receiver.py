"""A real HTTP or HTTPS server on a free loopback port that keeps each request and answers as it is told to.

Answers are acts on the connection, so that one may hang, drip, flood or reset as well as answer.
"""

import json
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from app.domain.enums import Protocol, Security
from tests.fakes import faults
from tests.fakes.server import HOST, Act, Conversation, Dialect, FakeServer
from tests.parts.certificates import authority


@dataclass(frozen=True)
class Request:
    """One request as it came; the names of the headers are in small letters."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    is_secured: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """All that was sent, as one text to look for something in."""
        lines = [
            f"{self.method} {self.target}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\n".join([*lines, "", self.body.decode("utf-8", "replace")])


def reply(status: int = 200, body: object = b"", **headers: str) -> Act:
    """Answer with a status and a body; one that is neither bytes nor text is sent as JSON."""
    content = (
        body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    )
    kind = "text/plain" if isinstance(body, bytes | str) else "application/json"
    fields = {"Content-Type": kind, "Content-Length": str(len(content)), "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in fields.items())]

    def act(conversation: Conversation) -> None:
        conversation.send("\r\n".join([*lines, "", ""]).encode() + content)

    return act


def redirect(to: str, status: int = 307) -> Act:
    """307 and 308 ask for the same request, body included, somewhere else."""
    return reply(status, Location=to)


def drip_body(conversation: Conversation) -> None:
    """Answer well, and never come to the end of the body."""
    conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n")
    faults.drip(b"x")(conversation)


def flood_body(conversation: Conversation) -> None:
    """Answer well, with a body without an end, as fast as it is taken."""
    conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    faults.flood(b"x" * 1000)(conversation)


hang: Act = faults.silence
close: Act = faults.close
reset: Act = faults.reset
drip_head: Act = faults.drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
flood_head: Act = faults.flood(b"X-Endless: yes\r\n")
garbage: Act = lambda conversation: conversation.send(faults.garbage)  # noqa: E731 - an act like those above


class HttpReceiver(FakeServer):
    """Use it as a context manager. `answer` may be changed while it runs; those of `once` go first."""

    def __init__(
        self,
        answer: Act | None = None,
        *,
        names: tuple[str, ...] | None = None,
        host: str = HOST,
        port: int = 0,
    ) -> None:
        """With `names`, https with a certificate of the test authority for them; without, plain http."""
        context = None if names is None else authority().issue(names).server_context()
        security = Security.PLAIN if context is None else Security.TLS
        super().__init__(_HTTP, security, {"tls": _tls(context)}, host=host, port=port)
        self.answer = answer or reply()
        self.once: deque[Act] = deque()
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        scheme = "http" if self.security is Security.PLAIN else "https"
        return f"{scheme}://{self._address[0]}:{self.port}"


def _tls(context: ssl.SSLContext | None) -> Act:
    def act(conversation: Conversation) -> None:
        assert context is not None
        conversation.start_tls(context)

    return act


def _serve(conversation: Conversation) -> None:
    """Read one request behind its first line, keep it and answer it; each connection serves one."""
    receiver = cast("HttpReceiver", conversation.server)
    method, target, _ = conversation.line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while line := conversation.read_line():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = conversation.read(int(headers.get("content-length", 0)))
    receiver.requests.append(Request(method, target, headers, body, conversation.is_secured))
    act = receiver.once.popleft() if receiver.once else receiver.answer
    act(conversation)
    conversation.close()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


_HTTP = Dialect(
    Protocol.IMAP,  # of no meaning here
    {"greeting": b"", "request": _serve},
    lambda _: ("request", ""),
)
