"""The script of a well-behaved POP3 server."""

from app.domain.enums import Protocol
from tests.fakes.server import Dialect, Script, start_tls

RUNGS = {
    "CAPA": "capability",
    "STLS": "starttls",
    "USER": "user",
    "PASS": "login",
    "STAT": "mailbox",
    "TOP": "top",
    "QUIT": "logout",
}

SCRIPT: Script = {
    "tls": start_tls,
    "greeting": "+OK POP3 fake ready\r\n",
    "capability": "+OK\r\nUSER\r\nSTLS\r\nRESP-CODES\r\n.\r\n",
    "capability_secured": "+OK\r\nUSER\r\nRESP-CODES\r\n.\r\n",
    "starttls": ["+OK begin TLS\r\n", start_tls],
    "user": "+OK\r\n",
    "login": "+OK logged in\r\n",
    "mailbox": "+OK 7 700\r\n",
    "top": "+OK\r\nDate: Tue, 01 Jan 2030 00:00:00 +0000\r\n\r\n.\r\n",
    "logout": "+OK bye\r\n",
    "unknown": "-ERR what?\r\n",
}


def parse(line: bytes) -> tuple[str, str]:
    return RUNGS.get(line.decode("utf-8", "replace").split(" ")[0].upper(), "unknown"), ""


POP3 = Dialect(Protocol.POP3, SCRIPT, parse)
