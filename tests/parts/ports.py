"""Ports for servers that are started a moment later."""

import socket
from secrets import randbelow

HOST = "127.0.0.1"
LOWEST, HIGHEST = 10_000, 32_000
"""Below those that the kernel gives out: to connections and listeners, of which tests have many meanwhile."""
ROW = 10


def free_ports(count: int) -> range:
    """So many in a row, ROW at most, that nobody has a listener on."""
    assert count <= ROW
    while True:
        first = LOWEST + ROW * randbelow((HIGHEST - LOWEST) // ROW)
        if all(_is_free(port) for port in range(first, first + count)):
            return range(first, first + count)


def free_port() -> int:
    return free_ports(1)[0]


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as sock:
        return sock.connect_ex((HOST, port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True
