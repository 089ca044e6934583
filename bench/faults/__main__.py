"""`python -m bench.faults`: lists the fault matrix, or keeps its servers up for anybody's monitor."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

from bench.faults.cell import Cell
from bench.faults.serving import Served, ServingError, served
from bench.faults.table import CELLS
from tests.fakes.server import HOST

HEADINGS = ("port", "protocol", "mode", "due verdict", "fault")


def main(arguments: list[str] | None = None, wait: Callable[[], object] | None = None) -> int:
    options = _parser().parse_args(arguments)
    cells = [cell for cell in CELLS.values() if options.only in cell.name]
    if not options.serve:
        _print_table(cells, Served({}, ""))
        return 0
    try:
        with served(cells, options.host, options.base_port) as up:
            _announce(options, cells, up)
            sys.stdin.read() if options.json else (wait or Event().wait)()
    except KeyboardInterrupt:
        print()
    except ServingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the cells (the default)")
    what.add_argument("--serve", action="store_true", help="keep their servers up until Ctrl-C")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cells with this in their name")
    parser.add_argument("--host", default=HOST, help="address to listen on (%(default)s)")
    parser.add_argument("--base-port", type=int, default=0, metavar="N", help="first port; else free ones")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="write the authority to trust there")
    parser.add_argument("--json", action="store_true", help="for programs: one line, and until end of input")
    return parser


def _announce(options: argparse.Namespace, cells: list[Cell], up: Served) -> None:
    if options.ca_file:
        options.ca_file.write_text(up.authority)
    if options.json:
        print(json.dumps({"ports": up.ports, "authority": up.authority}), flush=True)
        return
    _print_table(cells, up)
    print(f"{len(up.ports)} faulty servers on {options.host}; Ctrl-C ends them.", flush=True)


def _print_table(cells: list[Cell], up: Served) -> None:
    rows = [HEADINGS, *(_row(cell, up) for cell in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _row(cell: Cell, up: Served) -> tuple[str, ...]:
    port = str(up.ports.get(cell.name, "-"))
    return (port, cell.protocol, cell.security, " or ".join(map(str, cell.verdicts)), cell.fault)


if __name__ == "__main__":
    raise SystemExit(main())
