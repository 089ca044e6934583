"""Mail servers that tell everybody what they were sent."""

from collections.abc import Callable
from itertools import count

from app.domain.enums import Protocol
from tests.fakes.imap_server import IMAP
from tests.fakes.pop3_server import POP3
from tests.fakes.server import Conversation, FakeServer, Script
from tests.security.search import Secret, spellings


def parrot(form: bytes, echoes: list[bytes]) -> Callable[[Conversation], None]:
    """Says the secret in another spelling each time."""
    turn = count()
    return lambda conversation: conversation.send(form.replace(b"%s", echoes[next(turn) % len(echoes)]))


def echoing(protocol: Protocol, secret: Secret) -> FakeServer:
    """A server that refuses every login, and tells everybody what it was sent and how it can be spelt."""
    echoes = list(spellings(secret.text).values())
    if protocol is Protocol.IMAP:
        script: Script = {
            "greeting": parrot(b"* OK hello %s\r\n", echoes),
            "capability": parrot(b"* CAPABILITY IMAP4rev1 X=%s\r\n{tag} OK done\r\n", echoes[::-1]),
            "login": parrot(b"* OK got {line}\r\n{tag} NO wrong %s ({line})\r\n", echoes),
            "logout": parrot(b"* BYE %s\r\n{tag} OK done\r\n", echoes),
        }
        return FakeServer(IMAP, script=script)
    return FakeServer(
        POP3,
        script={
            "greeting": parrot(b"+OK hello %s\r\n", echoes),
            "capability": parrot(b"+OK\r\nUSER\r\nIMPLEMENTATION %s\r\n.\r\n", echoes[::-1]),
            "login": parrot(b"-ERR wrong %s ({line})\r\n", echoes),
        },
    )
