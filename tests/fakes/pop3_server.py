"""The script of a well-behaved POP3 server."""

from datetime import UTC, datetime
from email.utils import format_datetime

from app.domain.enums import Protocol
from tests.fakes.server import Conversation, Dialect, Script, start_tls

RUNGS = {
    "CAPA": "capability",
    "STLS": "starttls",
    "USER": "user",
    "PASS": "login",
    "STAT": "mailbox",
    "TOP": "top",
    "QUIT": "logout",
}


def show_headers(conversation: Conversation) -> None:
    """Every message came just now."""
    conversation.send(f"+OK\r\nDate: {format_datetime(datetime.now(UTC))}\r\n\r\n.\r\n")


SCRIPT: Script = {
    "tls": start_tls,
    "greeting": "+OK POP3 fake ready\r\n",
    "capability": "+OK\r\nUSER\r\nSTLS\r\nRESP-CODES\r\n.\r\n",
    "capability_secured": "+OK\r\nUSER\r\nRESP-CODES\r\n.\r\n",
    "starttls": ["+OK begin TLS\r\n", start_tls],
    "user": "+OK\r\n",
    "login": "+OK logged in\r\n",
    "mailbox": "+OK 7 700\r\n",
    "top": show_headers,
    "logout": "+OK bye\r\n",
    "unknown": "-ERR what?\r\n",
}


def parse(line: bytes) -> tuple[str, str]:
    return RUNGS.get(line.decode("utf-8", "replace").split(" ")[0].upper(), "unknown"), ""


POP3 = Dialect(Protocol.POP3, SCRIPT, parse)
