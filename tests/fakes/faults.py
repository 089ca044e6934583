"""What goes wrong on a rung: acts to put into a script."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.fakes.server import HOST, Act, Conversation, HungUpError

DRIP_SECONDS = 0.05
FLOOD_BYTES = 16_000
"""Sent at once."""


def close(conversation: Conversation) -> None:
    conversation.close()
    raise HungUpError


def reset(conversation: Conversation) -> None:
    conversation.reset()
    raise HungUpError


def silence(conversation: Conversation) -> None:
    """Say nothing, whatever is sent, until the client gives up."""
    while True:
        conversation.receive()


def drip(text: bytes = b"* a line that never ends ") -> Act:
    """Send one byte at a time, for ever: no single read ever takes long."""

    def act(conversation: Conversation) -> None:
        while not conversation.server.stopping.is_set():
            for byte in text:
                conversation.send(bytes([byte]))
                conversation.server.stopping.wait(DRIP_SECONDS)

    return act


def trickle(line: bytes) -> Act:
    """Send one whole line at a time, for ever."""

    def act(conversation: Conversation) -> None:
        while not conversation.server.stopping.is_set():
            conversation.send(line)
            conversation.server.stopping.wait(DRIP_SECONDS)

    return act


def flood(text: bytes) -> Act:
    """Send the same text as fast as the client takes it, for ever."""

    def act(conversation: Conversation) -> None:
        while not conversation.server.stopping.is_set():
            conversation.send(text * max(1, FLOOD_BYTES // len(text)))

    return act


endless_line = flood(b"x")
endless_lines = flood(b"* 1 EXISTS\r\n")
garbage = b"\x00\xff\xfe\x15 \xc3\x28 no protocol at all\r\n"


@contextmanager
def refusing_port(host: str = HOST, port: int = 0) -> Iterator[int]:
    """A port that refuses connections, and stays ours so that nobody else opens it meanwhile."""
    with socket.socket() as held:
        held.bind((host, port))
        yield held.getsockname()[1]


@contextmanager
def unanswering_port(host: str = HOST, port: int = 0) -> Iterator[int]:
    """A port where connecting hangs: the queue of the listener behind it is full."""
    with socket.socket() as listener, ExitStack() as queue:
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
