"""STARTTLS and STLS: not offered, refused, or with somebody on the way who puts words in."""

from collections.abc import Iterator

from app.domain.enums import ErrorCode, Phase, Protocol
from bench.faults.cell import CONSENT, IMAP, POP3, STARTTLS, SUCCESS, Cell, Verdict, error
from tests.fakes import handshakes
from tests.fakes.server import Script, start_tls

FAMILY = "STARTTLS"
NONSENSE, UNAVAILABLE = ErrorCode.PROTOCOL_ERROR, ErrorCode.STARTTLS_UNAVAILABLE
LATER = ErrorCode.TEMPORARILY_UNAVAILABLE

Row = tuple[str, Script, Verdict]

IMAP_ROWS: list[Row] = [
    (
        "not offered",
        {"capability": "* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n"},
        error(UNAVAILABLE, Phase.CAPABILITY),
    ),
    ("refused with NO", {"starttls": "{tag} NO not now\r\n"}, error(UNAVAILABLE, Phase.STARTTLS)),
    ("refused with BAD", {"starttls": "{tag} BAD what?\r\n"}, error(UNAVAILABLE, Phase.STARTTLS)),
    ("refused for now", {"starttls": "{tag} NO [UNAVAILABLE] no\r\n"}, error(LATER, Phase.STARTTLS)),
    ("answered with MAYBE", {"starttls": "{tag} MAYBE later\r\n"}, error(NONSENSE, Phase.STARTTLS)),
    ("PREAUTH instead of it", {"greeting": "* PREAUTH welcome\r\n"}, error(NONSENSE, Phase.CAPABILITY)),
    (
        "no capabilities behind it",
        {"capability_secured": "{tag} OK nothing new\r\n"},
        error(NONSENSE, Phase.CAPABILITY),
    ),
    (
        "mailbox injected before it",
        {"starttls": ["* 99 EXISTS\r\n", CONSENT[IMAP], start_tls], "mailbox": "{tag} OK done\r\n"},
        SUCCESS,
    ),
    (
        "capabilities injected before it",
        {"greeting": "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n"},
        SUCCESS,
    ),
    (
        "goodbye injected before it",
        {"starttls": ["* BYE\r\n", CONSENT[IMAP], start_tls]},
        error(ErrorCode.CONNECTION_CLOSED, Phase.STARTTLS),
    ),
]
IMAP_GLUED = {
    "capabilities": "* CAPABILITY IMAP4rev1 EVIL\r\n",
    "PREAUTH": "* PREAUTH hello\r\n",
    "goodbye": "* BYE\r\n",
    "an answer": "X1 OK LOGIN completed\r\n",
    "one byte": "x",
}
POP3_ROWS: list[Row] = [
    ("not offered", {"capability": "+OK\r\nUSER\r\n.\r\n"}, error(UNAVAILABLE, Phase.CAPABILITY)),
    ("no CAPA at all", {"capability": "-ERR no CAPA\r\n"}, error(UNAVAILABLE, Phase.CAPABILITY)),
    ("refused with -ERR", {"starttls": "-ERR not now\r\n"}, error(UNAVAILABLE, Phase.STARTTLS)),
    ("refused for now", {"starttls": "-ERR [SYS/TEMP] no\r\n"}, error(LATER, Phase.STARTTLS)),
    ("answered with maybe", {"starttls": "maybe\r\n"}, error(NONSENSE, Phase.STARTTLS)),
    ("no CAPA behind it", {"capability_secured": "-ERR no\r\n"}, SUCCESS),
]
POP3_GLUED = {
    "an answer": "+OK logged in\r\n",
    "capabilities": "+OK\r\nUSER\r\n.\r\n",
    "a refusal": "-ERR no\r\n",
    "one byte": "x",
}


def cells() -> Iterator[Cell]:
    for protocol, rows, glued in ((IMAP, IMAP_ROWS, IMAP_GLUED), (POP3, POP3_ROWS, POP3_GLUED)):
        for name, script, verdict in rows:
            yield _cell(protocol, name, script, verdict)
        for name, text in glued.items():
            script = {"starttls": [CONSENT[protocol] + text, start_tls]}
            yield _cell(protocol, f"{name} glued behind the consent", script, error(NONSENSE, Phase.STARTTLS))
        in_clear = [CONSENT[protocol], handshakes.answer_in_clear("* OK no TLS here\r\n")]
        unencrypted = error(ErrorCode.TLS_FAILURE, Phase.TLS)
        yield _cell(protocol, "consent without TLS behind it", {"starttls": in_clear}, unencrypted)


def _cell(protocol: Protocol, name: str, script: Script, verdict: Verdict) -> Cell:
    return Cell(FAMILY, f"STARTTLS: {name}", protocol, STARTTLS, (verdict,), script)
