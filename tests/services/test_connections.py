"""A connection that PostgreSQL has ended meanwhile is replaced before anybody uses it."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app import extensions
from app.extensions import db, reading
from tests.worker.waiting import until

BACKEND = text("SELECT pg_backend_pid()")
IS_ALIVE = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
END = text("SELECT pg_terminate_backend(:pid)")


@pytest.fixture
def pooled(context: None, app: Flask) -> Iterator[int]:
    """The server's process for the only connection that lies in the pool."""
    db.engine.dispose()
    with db.engine.connect() as connection:
        pid = connection.scalar(BACKEND)
    yield pid
    db.session.remove()
    db.engine.dispose()


def end(pid: int) -> None:
    other = create_engine(db.engine.url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.execute(END, {"pid": pid})
        until(lambda: connection.scalar(IS_ALIVE, {"pid": pid}) == 0)
    other.dispose()


@pytest.mark.only_on("postgresql")
def test_an_ended_connection_is_noticed_without_asking(pooled: int) -> None:
    end(pooled)
    with reading() as connection:
        assert connection.scalar(BACKEND) != pooled


@pytest.mark.only_on("postgresql")
def test_a_connection_that_lay_long_is_asked_whether_it_lives(
    pooled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "PING_AFTER_SECONDS", 0)
    with reading() as connection:
        assert connection.scalar(BACKEND) == pooled


@pytest.mark.only_on("postgresql")
def test_reading_leaves_later_transactions_as_they_are(pooled: int) -> None:
    with reading() as connection:
        assert connection.scalar(BACKEND) == pooled
    with db.engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE left_behind (id integer)"))
        connection.rollback()
        assert connection.scalar(text("SELECT to_regclass('left_behind')")) is None


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize("leave", [db.session.rollback, db.session.remove])
def test_what_an_ended_connection_left_open_is_nobodys_error(pooled: int, leave: Callable[[], None]) -> None:
    assert db.session.scalar(BACKEND) == pooled
    end(pooled)
    leave()
    assert db.session.scalar(BACKEND) != pooled


@pytest.mark.only_on("postgresql")
def test_a_commit_that_an_ended_connection_swallowed_is_an_error(pooled: int) -> None:
    assert db.session.scalar(BACKEND) == pooled
    end(pooled)
    with pytest.raises(OperationalError):
        db.session.commit()
