"""The script of a well-behaved IMAP server."""

from datetime import UTC, datetime

from app.domain.enums import Protocol
from tests.fakes.server import Conversation, Dialect, Script, start_tls

RUNGS = {
    "CAPABILITY": "capability",
    "STARTTLS": "starttls",
    "LOGIN": "login",
    "AUTHENTICATE": "login",
    "EXAMINE": "mailbox",
    "ID": "id",
    "FETCH": "fetch",
    "SEARCH": "search",
    "GETQUOTAROOT": "quota",
    "LOGOUT": "logout",
}


def tell_arrival(conversation: Conversation) -> None:
    """The newest message came just now."""
    moment = datetime.now(UTC).strftime("%d-%b-%Y %H:%M:%S +0000")
    conversation.send(f'* 7 FETCH (INTERNALDATE "{moment}")\r\n{{tag}} OK done\r\n')


SCRIPT: Script = {
    "tls": start_tls,
    "greeting": "* OK IMAP4rev1 fake ready\r\n",
    "capability": "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR\r\n{tag} OK done\r\n",
    "capability_secured": "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK done\r\n",
    "starttls": ["{tag} OK begin TLS\r\n", start_tls],
    "login": "{tag} OK logged in\r\n",
    "mailbox": "* 7 EXISTS\r\n* 0 RECENT\r\n* FLAGS ()\r\n{tag} OK [READ-ONLY] done\r\n",
    "id": "* ID NIL\r\n{tag} OK done\r\n",
    "fetch": tell_arrival,
    "search": "* SEARCH\r\n{tag} OK done\r\n",
    "quota": '* QUOTAROOT "INBOX" ""\r\n* QUOTA "" (STORAGE 10 512)\r\n{tag} OK done\r\n',
    "logout": "* BYE see you\r\n{tag} OK done\r\n",
    "unknown": "{tag} BAD what?\r\n",
}


def parse(line: bytes) -> tuple[str, str]:
    tag, _, rest = line.decode("utf-8", "replace").partition(" ")
    return RUNGS.get(rest.split(" ")[0].upper(), "unknown"), tag


IMAP = Dialect(Protocol.IMAP, SCRIPT, parse)
