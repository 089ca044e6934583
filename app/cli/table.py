"""Rows as lines that people read: every column as wide as its widest entry."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

GAP = "  "


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """The header and a line for each row; None is shown as a dash."""
    lines = [list(header), *(["-" if cell is None else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    for line in lines:
        yield GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
