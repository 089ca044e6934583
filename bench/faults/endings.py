"""Servers that leave: closed and reset connections, and half a sentence before it."""

from collections.abc import Iterator
from dataclasses import replace

from app.domain.enums import ErrorCode, Phase, Protocol
from bench.faults.cell import TLS, Cell, Verdict, at_every_rung, error
from bench.faults.stalls import HALF
from tests.fakes import faults, handshakes
from tests.fakes.server import Step

FAMILY = "early endings"
CLOSED = ErrorCode.CONNECTION_CLOSED


def cells() -> Iterator[Cell]:
    for cell in _endings():
        is_final = "mailbox" in cell.fault or "logout" in cell.fault
        yield replace(cell, attempts=1 if is_final else 2)


def _endings() -> Iterator[Cell]:
    yield from at_every_rung(FAMILY, "closed", lambda *_: faults.close, CLOSED)
    yield from at_every_rung(FAMILY, "half a line, then closed", _half, CLOSED)
    for cell in at_every_rung(FAMILY, "reset", lambda *_: faults.reset, CLOSED):
        yield replace(cell, verdicts=(*cell.verdicts, *_overtaken(cell)))


def _half(protocol: Protocol, rung: str) -> Step:
    return [handshakes.cut_off if rung == "tls" else HALF[protocol], faults.close]


def _overtaken(cell: Cell) -> list[Verdict]:
    """A reset at the very start may overtake the news that the connection stands."""
    first = "tls" if cell.security is TLS else "greeting"
    is_first = cell.fault.endswith(first) and "starttls" not in cell.script
    return [error(ErrorCode.CONNECTION_FAILED, Phase.CONNECT)] if is_first else []
