"""Databases to restore into and to move to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import make_url

from app import create_app
from app.extensions import db
from tests.calling import FreshClient
from tests.conftest import ENVIRON, new_database


@pytest.fixture
def elsewhere(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Builds applications on empty databases of the same kind as the test's."""
    with ExitStack() as ends:

        def make(kind: str | None = None, **environ: str) -> Flask:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            kind = kind or make_url(database_url).get_backend_name()
            url = ends.enter_context(new_database(kind, folder))
            made = create_app({**ENVIRON, "DATABASE_URL": url, **environ})
            made.test_client_class = FreshClient
            ends.callback(close, made)
            return made

        yield make


def close(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def run(app: Flask, *words: object) -> Result:
    """`flask database …` of that application."""
    with app.app_context():
        return app.test_cli_runner().invoke(args=["database", *map(str, words)])
