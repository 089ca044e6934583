"""A mail server that follows a script: what it does on each rung is data, faults included.

A script maps a rung to what happens there: text to send (`{tag}` and `{line}` are filled in from the
command), an act (a function of the conversation), or a list of both. The protocols' own modules have the
default scripts; a test names the rungs where its server differs.
"""

import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

from app.domain.enums import Protocol, Security
from tests.parts.certificates import server_context

Act: TypeAlias = Callable[["Conversation"], None]
Step: TypeAlias = str | bytes | Act | Sequence[str | bytes | Act]
Script: TypeAlias = Mapping[str, Step]

HOST = "127.0.0.1"
JOIN_SECONDS = 5.0
MAX_RECEIVED = 100


class HungUpError(Exception):
    """The conversation is over: one side has closed it, or the server is being stopped."""


@dataclass(frozen=True)
class Dialect:
    """How a protocol names things: its default script, and which command belongs to which rung."""

    protocol: Protocol
    script: Script
    parse: Callable[[bytes], tuple[str, str]]
    """A command line -> (rung, tag)."""


@dataclass
class Conversation:
    """One connection, from the server's side."""

    server: "FakeServer"
    sock: socket.socket
    tag: str = ""
    line: bytes = b""
    is_secured: bool = False
    _buffer: bytes = field(default=b"", repr=False)

    def follow(self) -> None:
        """Greet, then answer commands until somebody hangs up."""
        if self.server.security is Security.TLS:
            self.act("tls")
        self.act("greeting")
        while True:
            self.line = self.read_line()
            self.server.received.append((self.line, self.is_secured))
            rung, self.tag = self.server.dialect.parse(self.line)
            self.act(rung)

    def act(self, rung: str) -> None:
        script = self.server.script
        secured = f"{rung}_secured"
        self.perform(script[secured] if self.is_secured and secured in script else script[rung])

    def perform(self, step: Step) -> None:
        if isinstance(step, str | bytes):
            self.send(step)
        elif callable(step):
            step(self)
        else:
            for part in step:
                self.perform(part)

    def send(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        data = data.replace(b"{tag}", self.tag.encode()).replace(b"{line}", self.line)
        try:
            self.sock.sendall(data)
        except OSError:
            raise HungUpError from None

    def read_line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._buffer += self.receive()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += self.receive()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def receive(self) -> bytes:
        try:
            data = self.sock.recv(4096)
        except OSError:
            raise HungUpError from None
        if not data:
            raise HungUpError
        return data

    def start_tls(self, context: ssl.SSLContext) -> None:
        # In two steps, because a socket within wrap_socket is out of reach for the one who stops us.
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
            if self.server.stopping.is_set():
                raise HungUpError
            self.sock.do_handshake()
        except OSError:
            raise HungUpError from None
        self.is_secured = True

    def interrupt(self) -> None:
        """Wake the thread that is blocked on this connection; closing is left to that thread."""
        with suppress(OSError):
            # Past SSLSocket's own shutdown, which would take the TLS session from under that thread.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self.interrupt()
        self.sock.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class FakeServer:
    """Listens on a free port of the loopback address. Use it as a context manager."""

    def __init__(
        self,
        dialect: Dialect,
        security: Security = Security.PLAIN,
        script: Script | None = None,
        certificate: str = "good",
        *,
        host: str = HOST,
        port: int = 0,
    ) -> None:
        self.dialect = dialect
        self.security = security
        self.script = _merged(dialect.script, script or {})
        self.certificate = certificate
        # Bounded, and so are the conversations kept, because some servers stay up for a whole day.
        self.received: deque[tuple[bytes, bool]] = deque(maxlen=MAX_RECEIVED)
        self.connections = 0
        self.stopping = threading.Event()
        self._address = (host, port)
        self._conversations: dict[threading.Thread, Conversation] = {}

    def __enter__(self) -> Self:
        self._listener = socket.create_server(self._address)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = _spawned(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(JOIN_SECONDS)
        self._listener.close()
        for conversation in self._conversations.values():
            conversation.interrupt()
        for thread in self._conversations:
            thread.join(JOIN_SECONDS)

    @property
    def lines(self) -> list[bytes]:
        """Every line that clients sent, in order."""
        return [line for line, _ in self.received]

    @property
    def clear_lines(self) -> list[bytes]:
        """Those of them that anybody on the way could read."""
        return [line for line, is_secured in self.received if not is_secured]

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            conversation = Conversation(self, sock)
            self._conversations = {
                thread: other for thread, other in self._conversations.items() if thread.is_alive()
            }
            self._conversations[_spawned(self._converse, conversation)] = conversation

    def _converse(self, conversation: Conversation) -> None:
        with suppress(HungUpError):
            conversation.follow()
        conversation.close()


def _spawned(function: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def _merged(default: Script, own: Script) -> dict[str, Step]:
    """The default script with some rungs replaced, before and behind TLS alike."""
    kept = {rung: step for rung, step in default.items() if rung.removesuffix("_secured") not in own}
    return {**kept, **own}


def start_tls(conversation: Conversation) -> None:
    """Do the server's part of the handshake, with the certificate that the server was given."""
    conversation.start_tls(server_context(conversation.server.certificate))
