"""What callers see while the database is away, and bodies that do not come through."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.domain.enums import Role
from tests.calling import MONITORS, Caller, FreshClient, assert_failure
from tests.conftest import ENVIRON
from tests.factories import Factory

LIMIT = 64 * 1024


class BrokenStream(io.BytesIO):
    """A body that ends in an error of the web server's own, as a bad chunk does."""

    def read(self, *_: Any) -> bytes:
        raise RuntimeError("bad chunk")

    readinto = read


def send_chunked(caller: Caller, body: io.BytesIO) -> Any:
    """As a web server passes on a body without Content-Length."""
    environ = {"wsgi.input_terminated": True, "CONTENT_TYPE": "application/json"}
    return caller.send(
        "POST",
        MONITORS,
        input_stream=body,
        environ_overrides=environ,
        headers={"Transfer-Encoding": "chunked"},
    )


def test_a_chunked_body_beyond_the_limit_is_413(admin: Caller) -> None:
    body = b'{"name": "x"}' + b" " * LIMIT
    assert_failure(send_chunked(admin, io.BytesIO(body)), 413, "Request Entity Too Large")


def test_a_chunked_body_of_just_the_limit_is_read(admin: Caller) -> None:
    body = b'{"name": "x"}'.ljust(LIMIT)
    assert_failure(send_chunked(admin, io.BytesIO(body)), 400, "Invalid hostname")


def test_a_body_that_breaks_off_is_400(admin: Caller) -> None:
    assert_failure(send_chunked(admin, BrokenStream()), 400, "Invalid request body")


@pytest.fixture
def away(caller: Callable[[Role], Caller], tmp_path: Path) -> Caller:
    """Somebody whose database cannot be opened: there is a folder in its place."""
    (tmp_path / "away.db").mkdir()
    app = create_app({**ENVIRON, "DATABASE_URL": f"sqlite:///{tmp_path}/away.db"})
    app.test_client_class = FreshClient
    return caller(Role.ADMIN).on(app)


def test_a_database_that_is_away_is_503_in_one_line(away: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answer = away.get(MONITORS)

    assert_failure(answer, 503, "Service Unavailable")
    assert answer.headers["Retry-After"] == "5"
    errors = [record for record in caplog.records if record.levelno > logging.INFO]
    assert [record.exc_info for record in errors] == [None]
    assert "database_away" in caplog.text


def test_an_error_of_the_database_quotes_no_values(make: Factory) -> None:
    user = make.user()
    email, password_hash = user.email, user.password_hash

    with pytest.raises(IntegrityError, match="parameters hidden") as error:
        make.user(make.organization(), email=email)

    assert password_hash not in str(error.value)


def test_what_the_processes_count_is_told_without_a_database(away: Caller) -> None:
    answer = away.get("/metrics")
    lines = answer.get_data(as_text=True).splitlines()
    assert answer.status_code == 200
    assert "pillarbox_database_up 0.0" in lines
    assert [line for line in lines if line.startswith("pillarbox_monitors{")] == []
    assert [line for line in lines if line.startswith("pillarbox_database_errors_total{")] != []
