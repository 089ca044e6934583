"""Names that lead nowhere, each in its own way, without a name server to ask."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.net import resolve

UNKNOWN = "unknown.fault.invalid"
UNSERVED = "unserved.fault.invalid"
NAMELESS = "nameless.fault.invalid"
HANGING = "hanging.fault.invalid"
LONGEST_SECONDS = 600.0


@contextmanager
def scripted() -> Iterator[None]:
    """Answer these names from here while it lasts; all others are looked up as ever."""
    honest, over = resolve.lookup, threading.Event()

    def lookup(name: str) -> list[str]:
        if name == HANGING:
            over.wait(LONGEST_SECONDS)
        if name in {HANGING, UNSERVED}:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if name == UNKNOWN:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [] if name == NAMELESS else honest(name)

    resolve.lookup = lookup
    try:
        yield
    finally:
        resolve.lookup = honest
        over.set()
