"""TLS handshakes that go wrong on the server's side: acts for the `tls` rung of a script."""

import socket
import ssl
import warnings
from functools import cache

from tests.fakes import faults
from tests.fakes.server import Act, Conversation
from tests.parts.certificates import server_certificate

ALERTS = {"handshake failure": 40, "protocol version": 70, "internal error": 80, "unrecognized name": 112}
FATAL = 2
HELLO_REQUESTS = b"\x16\x03\x03\x3f\xfc" + bytes(0x3FFC)
"""A record full of messages that a client is to ignore while it shakes hands (RFC 5246, 7.4.1.1)."""


@cache
def context_of(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that speaks one version of TLS and no other."""
    context = server_certificate().server_context()
    # Also what OpenSSL's defaults have given up.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.minimum_version = version
    return context


def speak_only(version: ssl.TLSVersion) -> Act:
    return lambda conversation: conversation.start_tls(context_of(version))


def alert(name: str) -> Act:
    """Answer the first message with a fatal alert."""

    def act(conversation: Conversation) -> None:
        conversation.receive()
        conversation.send(bytes([0x15, 3, 3, 0, 2, FATAL, ALERTS[name]]))
        faults.close(conversation)

    return act


def answer_in_clear(text: str) -> Act:
    """Take the first message for a line of text, and answer in kind."""

    def act(conversation: Conversation) -> None:
        conversation.receive()
        conversation.send(text)
        faults.close(conversation)

    return act


def cut_off(conversation: Conversation) -> None:
    """The first half of an honest handshake; what comes behind it is up to the script."""
    first = _flight(conversation)
    conversation.send(first[: len(first) // 2])


def forge_signature(conversation: Conversation) -> None:
    """An honest handshake but for one bit in the proof that the key is the server's own.

    In TLS 1.2, where that is readable: it ends where the last message of the flight (9 bytes) begins.
    """
    first = bytearray(_flight(conversation))
    first[-10] ^= 1
    conversation.send(bytes(first))
    faults.silence(conversation)


def _flight(conversation: Conversation, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> bytes:
    """What the server says to the client's first message."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context_of(version).wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(conversation.receive())
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("the handshake was over after one message")


def break_down(conversation: Conversation) -> None:
    """Go on in clear text where TLS was agreed on."""
    # Past SSLSocket's own send, which would encrypt it.
    socket.socket.send(conversation.sock, b"* this is no TLS record at all\r\n")
