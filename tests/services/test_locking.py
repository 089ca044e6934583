"""How long a writer waits for others, and for how long that lasts."""

import pytest
from sqlalchemy import text

from app.extensions import SQLITE_BUSY_SECONDS, db
from app.services.locking import impatient

QUESTIONS = {"sqlite": "PRAGMA busy_timeout", "postgresql": "SHOW lock_timeout"}


def patience() -> object:
    return db.session.scalar(text(QUESTIONS[db.engine.dialect.name]))


@pytest.mark.only_on("sqlite")
def test_sqlite_is_patient_again_at_the_end_of_the_block(context: None) -> None:
    with impatient():
        assert patience() == 200
    assert patience() == SQLITE_BUSY_SECONDS * 1000

    with pytest.raises(RuntimeError), impatient():
        raise RuntimeError
    assert patience() == SQLITE_BUSY_SECONDS * 1000


@pytest.mark.only_on("postgresql")
def test_postgresql_is_patient_again_with_the_next_transaction(context: None) -> None:
    before = patience()
    with impatient():
        assert patience() == "200ms"
    db.session.rollback()

    assert patience() == before
