"""Puts up what a cell needs: its server, its dead port, or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.faults.cell import Cell, Place
from tests.fakes import faults
from tests.fakes.imap_server import IMAP
from tests.fakes.pop3_server import POP3
from tests.fakes.server import HOST, FakeServer

DIALECTS = {dialect.protocol: dialect for dialect in (IMAP, POP3)}
NOWHERE_PORT = 9
"""Of a name that leads nowhere; never dialled."""
DEAD_PORTS = {Place.REFUSING: faults.refusing_port, Place.UNANSWERING: faults.unanswering_port}


def server_of(cell: Cell, host: str = HOST, port: int = 0) -> FakeServer:
    return FakeServer(
        DIALECTS[cell.protocol],
        cell.listens or cell.security,
        cell.script,
        cell.certificate,
        host=host,
        port=port,
    )


@contextmanager
def staged(cell: Cell, host: str = HOST, port: int = 0) -> Iterator[tuple[int, FakeServer | None]]:
    """The port at which the cell can be met while it lasts, and the server behind it if there is one."""
    if cell.place is Place.NOWHERE:
        yield NOWHERE_PORT, None
    elif cell.place is Place.SERVER:
        with server_of(cell, host, port) as server:
            yield server.port, server
    else:
        with DEAD_PORTS[cell.place](host, port) as dead:
            yield dead, None
