"""An application on a new, migrated database, for benchmarks that store something."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask
from flask_migrate import upgrade

from app import create_app
from app.extensions import db
from tests.parts import postgres

ENVIRON = {
    "JWT_SECRET_KEY": "a key for benchmarks only, long enough to sign with",
    "CREDENTIALS_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "ADMIN_PASSWORD": "correct horse battery",
    "ALLOW_PRIVATE_TARGETS": "true",
    "RATE_LIMIT": "off",
    "LOG_LEVEL": "WARNING",
}


def kinds() -> list[str]:
    """The databases that this machine has."""
    return ["sqlite", "postgresql"] if postgres.is_reachable() else ["sqlite"]


@contextmanager
def new_app(kind: str, **environ: str) -> Iterator[Flask]:
    """On an empty database of that kind, which goes with it."""
    with _new_database(kind) as url:
        app = create_app({**ENVIRON, "DATABASE_URL": url, **environ})
        with app.app_context():
            upgrade()
        yield app
        with app.app_context():
            db.engine.dispose()


@contextmanager
def _new_database(kind: str) -> Iterator[str]:
    if kind == "postgresql":
        with postgres.new_database() as url:
            yield url
    else:
        with TemporaryDirectory(prefix="bench-") as folder:
            yield f"sqlite:///{Path(folder) / 'bench.db'}"
