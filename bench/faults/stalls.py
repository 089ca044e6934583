"""Servers that take their time: silence, one byte at a time, one line at a time, and no end."""

from collections.abc import Iterator

from app.domain.enums import ErrorCode, Protocol
from bench.faults.cell import GRID, HANGING_SECONDS, IMAP, PLAIN, STARTTLS, TLS, Cell, at_every_rung, error
from tests.fakes import faults, handshakes
from tests.fakes.server import Step

STALLS = "stalls"
ENDLESS = "endless answers"
HALF = {IMAP: b"* OK half a li", Protocol.POP3: b"+OK half a li"}
HANDSHAKE_RECORD = b"\x16\x03\x03\x40\x00"
"""Announces 16 kB of handshake, so that whatever drips in behind it is waited for."""


def cells() -> Iterator[Cell]:
    yield from _stalls()
    yield from _trickles()
    yield from _endless()
    yield from _literals()


def _stalls() -> Iterator[Cell]:
    slow = {"deadline": HANGING_SECONDS}
    yield from at_every_rung(STALLS, "silence", lambda *_: faults.silence, ErrorCode.TIMEOUT, **slow)
    yield from at_every_rung(STALLS, "one byte at a time", _drip, ErrorCode.TIMEOUT, **slow)
    yield from at_every_rung(STALLS, "half a line, then silence", _half, ErrorCode.TIMEOUT, **slow)


def _drip(_: Protocol, rung: str) -> Step:
    return faults.drip(HANDSHAKE_RECORD + bytes(1000)) if rung == "tls" else faults.drip()


def _half(protocol: Protocol, rung: str) -> Step:
    return [handshakes.cut_off if rung == "tls" else HALF[protocol], faults.silence]


def _trickles() -> Iterator[Cell]:
    """Lines that are in order, one by one, without ever coming to the point."""
    for protocol, security in GRID:
        rungs = ("capability", "login", "mailbox") if protocol is IMAP else ("capability",)
        for rung in rungs:
            start = "" if protocol is IMAP else "+OK\r\n"
            line = b"* OK still at it\r\n" if protocol is IMAP else b"X-STILL-AT-IT\r\n"
            yield Cell(
                family=STALLS,
                fault=f"one line at a time, {rung}",
                protocol=protocol,
                security=security,
                verdicts=(error(ErrorCode.TIMEOUT, rung),),
                script={rung: [start, faults.trickle(line)]},
                deadline=HANGING_SECONDS,
            )


def _endless() -> Iterator[Cell]:
    yield from at_every_rung(ENDLESS, "endless line", _line, ErrorCode.PROTOCOL_ERROR)
    yield from at_every_rung(ENDLESS, "500 kB line", _long, ErrorCode.PROTOCOL_ERROR)
    yield from at_every_rung(ENDLESS, "endless lines", _lines, ErrorCode.PROTOCOL_ERROR)
    for security in (PLAIN, STARTTLS, TLS):
        # Within the budget, so the answer counts; what it means must not take longer than it took to come.
        yield Cell(
            family=ENDLESS,
            fault="200 kB response code, login",
            protocol=IMAP,
            security=security,
            verdicts=(error(ErrorCode.AUTHENTICATION_FAILED, "login"),),
            script={"login": "{tag} NO [" + "A" * 200_000 + "\r\n"},
        )


def _line(_: Protocol, rung: str) -> Step | None:
    return None if rung == "tls" else faults.endless_line


def _long(protocol: Protocol, rung: str) -> Step | None:
    return None if rung == "tls" else HALF[protocol] + b"x" * 500_000 + b"\r\n"


def _lines(protocol: Protocol, rung: str) -> Step | None:
    """Only where more than one line is waited for: elsewhere the first one is the answer."""
    if protocol is IMAP:
        return faults.flood(b"* OK more\r\n") if rung not in {"greeting", "tls"} else None
    is_listing = rung in {"capability", "capability_secured"}
    return [b"+OK\r\n", faults.flood(b"X-MORE\r\n")] if is_listing else None


def _literals() -> Iterator[Cell]:
    """Sizes that a server announces and need not keep to (IMAP alone has them)."""
    for size in ("6000000000", "262145", "-1", "9" * 5000, "99999999999999999999", "x"):
        shown = size if len(size) < 30 else f"{len(size)} digits"
        for security in (PLAIN, STARTTLS, TLS):
            for rung in ("login", "mailbox"):
                yield Cell(
                    family=ENDLESS,
                    fault=f"literal of {{{shown}}} bytes, {rung}",
                    protocol=IMAP,
                    security=security,
                    verdicts=(error(ErrorCode.PROTOCOL_ERROR, rung),),
                    script={rung: [f"* LIST () {{{size}}}\r\n", "nothing like it\r\n"]},
                )
