"""An export by the real web process that cannot be read to its end, to a caller who is in no hurry."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from app import create_app
from app.api.csv_file import INCOMPLETE
from app.domain.enums import Role
from app.extensions import db
from app.services import check_history
from tests.calling import caller_of, monitor_path
from tests.conftest import ENVIRON, new_database
from tests.factories import Factory
from tests.parts.browser import Web

BATCHES, MESSAGE = 8, 8_000
"""32 MB: more than any socket holds, so that the server waits for us amid them."""
TABLE = "check_results"
START = datetime(2026, 11, 1, tzinfo=UTC)
RESULTS = """
INSERT INTO check_results
 (public_id, monitor_id, location_id, checked_at, status, error_message, timing_ms, diagnostics)
SELECT gen_random_uuid(), :monitor, :location, :start + make_interval(secs => n), 'error',
 repeat('x', :length), 1, '{}'
FROM generate_series(0, :last) AS n
"""


@dataclass(frozen=True)
class Stage:
    """A web process, and somebody who asks it for an export."""

    root: str
    path: str
    token: str
    log: Path

    def ask(self, version: str) -> socket.socket:
        """Sends for the export with this version of HTTP."""
        address = urlsplit(self.root)
        sock = socket.create_connection((str(address.hostname), address.port or 0), timeout=20)
        head = f"GET {self.path} HTTP/{version}\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        sock.sendall(head.encode())
        return sock


# One kind of database: what the socket sees is the same, and 32 MB take their time.
@pytest.fixture(scope="module", params=["postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("exports")
    with ExitStack() as stack:
        url = stack.enter_context(new_database(request.param, folder))
        root = stack.enter_context(Web(folder, **ENVIRON, DATABASE_URL=url).running())
        app = create_app({**ENVIRON, "DATABASE_URL": url})
        with app.app_context():
            make = Factory()
            location, monitor = make.location(), make.monitor()
            _add_results(monitor.id, location.id)
            reader = make.user(make.organization(), Role.GLOBAL_SUPPORTER)
            token = caller_of(app, make.session(reader)).token or ""
            yield Stage(root, monitor_path(monitor, "/check-history.csv"), token, folder / "log")
            db.session.remove()
            db.engine.dispose()


def _add_results(monitor_id: int, location_id: int) -> None:
    """Made where they are to be: to send 32 MB there would take most of the module's time."""
    given = {"monitor": monitor_id, "location": location_id, "length": MESSAGE, "start": START}
    db.session.execute(text(RESULTS), {**given, "last": BATCHES * check_history.BATCH - 1})
    db.session.commit()


@contextmanager
def results_away() -> Iterator[None]:
    """Taken at once: whoever held a transaction open on them would be in the way."""
    _rename(TABLE, "gone")
    yield
    _rename("gone", TABLE)


def _rename(name: str, other: str) -> None:
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL lock_timeout = '2s'"))
    db.session.execute(text(f"ALTER TABLE {name} RENAME TO {other}"))
    db.session.commit()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_it_does_not_pass_for_a_whole_one(stage: Stage, version: str) -> None:
    with stage.ask(version) as sock:
        response = HTTPResponse(sock)
        response.begin()
        told = response.read(1)
        with results_away():
            if version == "1.1":
                with pytest.raises(IncompleteRead) as cut:
                    response.read()
                told += cut.value.partial
            else:
                # Which has no other end than that of the connection.
                told += response.read()

    assert response.status == 200
    assert told.endswith(f"\r\n{INCOMPLETE}\r\n".encode())
    assert told.count(b"\r\n") < BATCHES * check_history.BATCH
    assert "export_cut_short" in stage.log.read_text()


def test_whoever_has_time_gets_all_of_it(stage: Stage) -> None:
    with stage.ask("1.1") as sock:
        response = HTTPResponse(sock)
        response.begin()

        assert response.read().count(b"\r\n") == 1 + BATCHES * check_history.BATCH
