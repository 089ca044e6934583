"""All servers of the table at once, each on a port of its own: here, or in a process apart."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.faults.cell import Cell, Place
from bench.faults.stage import NOWHERE_PORT, staged
from bench.faults.table import CELLS
from tests.fakes.server import HOST
from tests.parts.certificates import authority

SPARE_DESCRIPTORS = 1_000
PER_CELL = 6
END_SECONDS = 20.0


class ServingError(Exception):
    """The servers cannot be put up, in words for whoever asked for them."""


@dataclass(frozen=True)
class Served:
    """Where each cell is to be met."""

    ports: dict[str, int]
    authority: str
    """PEM of who signs the honest certificates."""

    def port_of(self, cell: Cell) -> int:
        return self.ports.get(cell.name, NOWHERE_PORT)


def servable(cells: Iterable[Cell]) -> list[Cell]:
    """Those that there is a port for."""
    return [cell for cell in cells if cell.place is not Place.NOWHERE]


@contextmanager
def served(cells: Iterable[Cell], host: str = HOST, base_port: int = 0) -> Iterator[Served]:
    """Their servers, in this process. From the base port on upwards, or wherever there is room."""
    wanted = servable(cells)
    _allow_descriptors(len(wanted) * PER_CELL + SPARE_DESCRIPTORS)
    with ExitStack() as stack:
        ports = {}
        for offset, cell in enumerate(wanted):
            port = base_port + offset if base_port else 0
            try:
                ports[cell.name], _ = stack.enter_context(staged(cell, host, port))
            except OSError as error:
                raise ServingError(f"{host} port {port}: {os.strerror(error.errno or 0)}") from None
        yield Served(ports, authority().pem)


@contextmanager
def served_apart() -> Iterator[Served]:
    """All of them in a process apart, so that what they hold is not taken for what the checks hold."""
    command = [sys.executable, "-m", "bench.faults", "--serve", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise ServingError("the servers cannot be talked to")
        try:
            told = json.loads(process.stdout.readline() or "null")
            if told is None:
                raise ServingError("the servers did not start")
            yield Served(told["ports"], told["authority"])
        finally:
            # The end of its input is what it waits for.
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _allow_descriptors(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ServingError(f"{len(CELLS)} servers need {wanted} file descriptors, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
