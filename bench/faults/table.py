"""The table: every cell, by family and under a name of its own."""

from bench.faults import endings, handshake, lies, refusals, stalls, strangers, unreachable, upgrade
from bench.faults.cell import Cell

FAMILIES = (unreachable, stalls, endings, strangers, handshake, upgrade, refusals, lies)

CELLS: dict[str, Cell] = {}
for _family in FAMILIES:
    for _cell in _family.cells():
        if _cell.name in CELLS:
            raise ValueError(f"two cells are called {_cell.name}")
        CELLS[_cell.name] = _cell
