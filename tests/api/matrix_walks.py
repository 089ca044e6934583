"""The access matrix: which request is sent on which kind of database, as those of a route take turns."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.matrix import Row
from tests.api.matrix_rows import ROWS
from tests.conftest import DATABASES


def route_of(row: Row) -> str:
    """Its route without an application: what paths name, whatever they name it."""
    return f"{row.method} {re.sub(r'{[^}]+}', '{}', row.path.partition('?')[0])}"


def walks(on_both: Callable[[Row], bool]) -> Iterator[tuple[Row, list[str]]]:
    """Each request, and its databases: one, but for those that are alone of their route and `on_both`."""
    of_route, nth = Counter(map(route_of, ROWS)), Counter[str]()
    for turn, route in enumerate(of_route):
        nth[route] = turn
    for row in ROWS:
        nth[route_of(row)] += 1
        is_alone = of_route[route_of(row)] == 1
        yield row, DATABASES if is_alone and on_both(row) else [DATABASES[nth[route_of(row)] % 2]]


def param(row: Row, databases: list[str]) -> Any:
    return pytest.param(row, marks=[pytest.mark.only_on(databases[0])] if len(databases) == 1 else ())
