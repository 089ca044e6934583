"""Servers that say what cannot be: impossible counts, and the caller's own secrets."""

import base64
from collections.abc import Iterator
from itertools import product

from app.domain.enums import ErrorCode, Phase, Protocol, Security
from bench.faults.cell import GRID, IMAP, SUCCESS, Cell, Verdict, error
from bench.faults.mailbox import PASSWORD, USER
from tests.fakes.server import Script

SHORTEST_PART = 3
"""Fewer characters of a password may be anything."""
COUNTS = "lying counts"
ECHOES = "echoed secrets"
NONSENSE = error(ErrorCode.PROTOCOL_ERROR, Phase.MAILBOX)
WRONG = error(ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN)

IMAP_COUNTS: dict[str, tuple[str, Verdict]] = {
    "no EXISTS": ("* 0 RECENT\r\n{tag} OK\r\n", SUCCESS),
    "two EXISTS": ("* 1 EXISTS\r\n* 7 EXISTS\r\n{tag} OK\r\n", SUCCESS),
    "EXISTS negative": ("* -5 EXISTS\r\n{tag} OK\r\n", SUCCESS),
    "EXISTS not a number": ("* many EXISTS\r\n{tag} OK\r\n", NONSENSE),
    "EXISTS without a number": ("* EXISTS\r\n{tag} OK\r\n", NONSENSE),
    "EXISTS of 33 bits": ("* 4294967296 EXISTS\r\n{tag} OK\r\n", NONSENSE),
    "EXISTS of 5000 digits": ("* " + "9" * 5000 + " EXISTS\r\n{tag} OK\r\n", NONSENSE),
}
POP3_COUNTS = {
    "STAT empty": ("+OK\r\n", NONSENSE),
    "STAT with one number": ("+OK 7\r\n", NONSENSE),
    "STAT negative": ("+OK -7 -700\r\n", NONSENSE),
    "STAT with words": ("+OK many large\r\n", NONSENSE),
    "STAT of 33 bits": ("+OK 4294967296 700\r\n", NONSENSE),
    "STAT of 1000 digits": ("+OK " + "9" * 1000 + " 700\r\n", NONSENSE),
    "STAT with a fraction": ("+OK 7.5 700\r\n", NONSENSE),
}

_SASL = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
SPELLINGS = {
    "plain": PASSWORD,
    "quoted": PASSWORD.replace("\\", "\\\\").replace('"', '\\"'),
    "base64": base64.b64encode(PASSWORD.encode()).decode(),
    "SASL": _SASL,
}
IMAP_ECHOES = {
    "greeting": ("* OK IMAP4rev1 hello %s\r\n", SUCCESS),
    "greeting BYE": ("* BYE %s\r\n", error(ErrorCode.GREETING_REJECTED, Phase.GREETING)),
    "greeting nonsense": ("what is %s\r\n", error(ErrorCode.PROTOCOL_ERROR, Phase.GREETING)),
    "capability": ("* CAPABILITY IMAP4rev1 STARTTLS X=%s\r\n{tag} OK\r\n", SUCCESS),
    "capability BAD": ("{tag} BAD %s\r\n", error(ErrorCode.PROTOCOL_ERROR, Phase.CAPABILITY)),
    "login": ("* OK %s\r\n{tag} OK %s\r\n", SUCCESS),
    "login NO": ("{tag} NO wrong: %s\r\n", WRONG),
    "login BAD": ("{tag} BAD %s\r\n", error(ErrorCode.PROTOCOL_ERROR, Phase.LOGIN)),
    "login nonsense": ("%s\r\n", error(ErrorCode.PROTOCOL_ERROR, Phase.LOGIN)),
    "mailbox NO": ("{tag} NO not with %s\r\n", error(ErrorCode.MAILBOX_UNAVAILABLE, Phase.MAILBOX)),
}
POP3_ECHOES = {
    "greeting": ("+OK hello %s\r\n", SUCCESS),
    "greeting -ERR": ("-ERR %s\r\n", error(ErrorCode.GREETING_REJECTED, Phase.GREETING)),
    "greeting nonsense": ("what is %s\r\n", error(ErrorCode.PROTOCOL_ERROR, Phase.GREETING)),
    "capability": ("+OK\r\nUSER\r\nSTLS\r\nIMPLEMENTATION %s\r\n.\r\n", SUCCESS),
    "login": ("+OK logged in with %s\r\n", SUCCESS),
    "login -ERR": ("-ERR wrong: %s\r\n", WRONG),
    "login nonsense": ("%s\r\n", error(ErrorCode.PROTOCOL_ERROR, Phase.LOGIN)),
    "mailbox -ERR": ("-ERR %s\r\n", error(ErrorCode.MAILBOX_UNAVAILABLE, Phase.MAILBOX)),
}


def cells() -> Iterator[Cell]:
    for protocol, security in GRID:
        for name, (answer, verdict) in (IMAP_COUNTS if protocol is IMAP else POP3_COUNTS).items():
            yield Cell(COUNTS, name, protocol, security, (verdict,), {"mailbox": answer})
        for name, (answer, verdict) in (IMAP_ECHOES if protocol is IMAP else POP3_ECHOES).items():
            yield from _echoes(protocol, security, name, answer, verdict)
        yield from _broken_echoes(protocol, security)


def _echoes(
    protocol: Protocol, security: Security, name: str, answer: str, verdict: Verdict
) -> Iterator[Cell]:
    rung = name.split(maxsplit=1)[0]
    for spelling, secret in SPELLINGS.items():
        script = {rung: answer.replace("%s", secret)}
        yield _echo(protocol, security, f"password in {spelling}, {name}", script, verdict)
    if rung == "login":
        script = {rung: answer.replace("%s", "{line}")}
        yield _echo(protocol, security, f"the client's own line, {name}", script, verdict)


def _broken_echoes(protocol: Protocol, security: Security) -> Iterator[Cell]:
    """Cut short where the server's line ends, or gone on with in the lines behind it."""
    refusal = "{tag} NO " if protocol is IMAP else "-ERR "
    for length in range(SHORTEST_PART, len(PASSWORD)):
        script: Script = {"login": f"{refusal}wrong: {PASSWORD[:length]}\r\n"}
        yield _echo(protocol, security, f"{length} characters of the password, login refused", script, WRONG)
    for spelling, lines in product(("plain", "base64"), (2, 3)):
        first, *others = _pieces(SPELLINGS[spelling], lines)
        if protocol is IMAP:
            said = "".join(f"* NO {piece}\r\n" for piece in (first, *others)) + f"{refusal}wrong\r\n"
        else:
            said = f"{refusal}{first}\r\n" + "".join(f"{piece}\r\n" for piece in others)
        fault = f"password in {spelling} over {lines} lines, login refused"
        yield _echo(protocol, security, fault, {"login": said}, WRONG)


def _pieces(text: str, count: int) -> list[str]:
    size = -(-len(text) // count)
    return [text[at : at + size] for at in range(0, len(text), size)]


def _echo(protocol: Protocol, security: Security, fault: str, script: Script, verdict: Verdict) -> Cell:
    return Cell(ECHOES, fault, protocol, security, (verdict,), script)
