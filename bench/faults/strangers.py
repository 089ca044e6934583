"""Servers of another protocol, or of none: what speaks there is not what was expected."""

from collections.abc import Callable, Iterator
from itertools import product

from app.domain.enums import ErrorCode, Phase, Protocol
from bench.faults.cell import (
    GRID,
    HANGING_SECONDS,
    IMAP,
    PLAIN,
    POP3,
    STARTTLS,
    SUCCESS,
    TLS,
    Cell,
    at_every_rung,
    error,
)
from tests.fakes import faults, handshakes
from tests.fakes.server import Step

STRANGERS = "wrong protocol"
NOISE = "garbage"
NONSENSE = ErrorCode.PROTOCOL_ERROR

HTTP_ANSWER = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BANNERS = {
    "HTTP": "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n",
    "SMTP": "220 mx.example.com ESMTP ready\r\n",
    "SSH": "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "Sieve": '"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n"STARTTLS"\r\nOK "ready"\r\n',
    "MySQL": b"J\x00\x00\x00\x0a8.0.36\x00\x01\x02\x03\r\n",
}
OTHER = {IMAP: ("POP3", "+OK POP3 ready\r\n"), POP3: ("IMAP", "* OK IMAP4rev1 ready\r\n")}

NOISES: dict[str, bytes] = {
    "garbage": faults.garbage,
    "NUL bytes": b"\x00" * 64 + b"\r\n",
    "bad UTF-8": b"\xc3\x28 \xff\xfe \xed\xa0\x80\r\n",
    "blanks": b"    \r\n",
    "empty line": b"\r\n",
}


def cells() -> Iterator[Cell]:
    yield from _strangers()
    yield from _wrong_ports()
    yield from _noise()
    yield from _odd_text()


def _strangers() -> Iterator[Cell]:
    for (protocol, security), speaker in product(GRID, [*BANNERS, "other"]):
        name, banner = OTHER[protocol] if speaker == "other" else (speaker, BANNERS[speaker])
        yield Cell(
            family=STRANGERS,
            fault=f"{name} server",
            protocol=protocol,
            security=security,
            verdicts=(error(NONSENSE, Phase.GREETING),),
            script={"greeting": banner},
        )


def _wrong_ports() -> Iterator[Cell]:
    """TLS where none is expected, and none where it is."""
    for protocol in Protocol:
        for security in (PLAIN, STARTTLS):
            silent = error(ErrorCode.TIMEOUT, Phase.GREETING)
            yield Cell(
                STRANGERS, "TLS on a plain port", protocol, security, (silent,),
                listens=TLS, deadline=HANGING_SECONDS,
            )  # fmt: skip
            lost = error(ErrorCode.CONNECTION_CLOSED, Phase.GREETING)
            hangs_up: Step = [b"\x15\x03\x01\x00\x02\x02\x46", faults.close]
            yield Cell(
                STRANGERS, "TLS alert on a plain port", protocol, security, (lost,),
                script={"greeting": hangs_up}, attempts=2,
            )  # fmt: skip
        unencrypted = error(ErrorCode.TLS_FAILURE, Phase.TLS)
        yield Cell(STRANGERS, "plain on a TLS port", protocol, TLS, (unencrypted,), listens=PLAIN)
        for name, banner in BANNERS.items():
            yield Cell(
                STRANGERS, f"{name} server in clear on a TLS port", protocol, TLS, (unencrypted,),
                script={"greeting": banner}, listens=PLAIN,
            )  # fmt: skip
        asked: Step = handshakes.answer_in_clear(HTTP_ANSWER)
        yield Cell(
            STRANGERS, "HTTP answer to the handshake", protocol, TLS, (unencrypted,), script={"tls": asked}
        )


def _noise() -> Iterator[Cell]:
    for name, noise in NOISES.items():
        yield from at_every_rung(NOISE, name, _unless_tls(noise), NONSENSE)


def _unless_tls(noise: bytes) -> Callable[[Protocol, str], Step | None]:
    return lambda _, rung: None if rung == "tls" else noise


def _odd_text() -> Iterator[Cell]:
    """Within answers that are otherwise in order: nothing is lost but the text."""
    for protocol, security in GRID:
        said = b"\x00\xff\xfe\xc3\x28\x1b[2J \xe2\x80\xae txt"
        is_imap = protocol is IMAP
        greeting = (b"* OK IMAP4rev1 " if is_imap else b"+OK ") + said + b"\r\n"
        refusal = (b"{tag} NO " if is_imap else b"-ERR ") + said + b"\r\n"
        yield Cell(
            NOISE, "control characters and bad UTF-8 within the greeting", protocol, security,
            (SUCCESS,), script={"greeting": greeting},
        )  # fmt: skip
        yield Cell(
            NOISE, "control characters and bad UTF-8 within the refusal", protocol, security,
            (error(ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN),), script={"login": refusal},
        )  # fmt: skip
