"""What pytest needs for the access matrix: its stage, and the line that tells its size when all is done."""

from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask

from app.services import auth
from tests.api.matrix_cast import Builder, Scenery
from tests.api.matrix_stage import Stage, read_rows, restore

PROPERTY = "access matrix"

Walked = dict[str, list[tuple[int, str, int]]]
"""Database -> of each request its number in the table, its route, and how many cells it has."""


@pytest.fixture(scope="session")
def scenery(shared_app: Flask) -> Scenery:
    """Built once for each database; a stage puts it up."""
    with shared_app.app_context():
        scenery = Builder(shared_app.config["JWT_SECRET_KEY"]).build()
        scenery.rows = read_rows()
        restore({})
    return scenery


@pytest.fixture
def stage(app: Flask, context: None, scenery: Scenery, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    # Hashing slowly, over and over, would be most of the walk's time.
    monkeypatch.setattr(auth, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    stage = Stage(app, scenery)
    yield stage
    stage.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much of the matrix was walked, on which databases."""
    walked: Walked = {}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == PROPERTY:
                database, request, route, cells = value
                walked.setdefault(database, []).append((request, route, cells))
    for line in summary(walked):
        terminalreporter.write_line(line)


def summary(walked: Walked) -> list[str]:
    """One line, if any of it was walked: a request counts once, whatever databases it was walked on."""
    requests = {number: (route, cells) for each in walked.values() for number, route, cells in each}
    if not requests:
        return []
    routes = len({route for route, _ in requests.values()})
    callers = max(cells for _, cells in requests.values())
    cells = sum(cells for _, cells in requests.values())
    size = f"{len(requests)} requests to {routes} routes x {callers} callers = {cells} cells"
    shares = " and ".join(f"{len(walked[name])} on {name}" for name in sorted(walked))
    return [f"access matrix: {size}; requests walked: {shares}"]
