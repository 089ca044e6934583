"""Whatever crashes with a secret in its hands, the log names the place and not the secret."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app import checkers
from app.checkers.attempt import Attempt
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import Protocol
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.log import CONSOLE, formatter
from app.models import CheckResult
from app.services import auth, checks, monitors
from app.worker.outage import Outage
from app.worker.process import Process
from tests.calling import MONITORS, Caller, assert_failure
from tests.factories import Factory
from tests.security.canaries import ALL, ASCII, FOREIGN, GUESSED_LOGIN
from tests.security.search import leaks
from tests.worker.waiting import until

CONFIG = {"protocol": "imap", "user": "a", "password": ASCII.text}


class TwoSecretsError(Exception):
    """Says what it was given, and has another error behind it that does the same."""


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that is logged from here on, as it is written."""
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(formatter(CONSOLE))
    return lambda: caplog.text


def crash_saying(*_: Any, **kept: Any) -> Any:
    """Has secrets in its local variables, in its words, and in those of the error behind it."""
    body = {**kept, "secret": FOREIGN.text}
    try:
        int(FOREIGN.text)
    except ValueError as error:
        raise TwoSecretsError(ASCII.text, body) from error


@pytest.mark.parametrize("use_case", ["create", "target_of"])
def test_view(admin: Caller, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str], use_case: str) -> None:
    monkeypatch.setattr(monitors, use_case, crash_saying)
    path = MONITORS if use_case == "create" else f"{MONITORS}/test"
    body = {"name": "x", "hostname": "a.example", "customerId": 1, "config": CONFIG}

    answer = admin.post(path, body)

    assert_failure(answer, 500)
    assert leaks(answer.get_data() + log().encode(), ALL) == []
    for word in ("request_crashed", "in crash_saying", "ValueError", "TwoSecretsError", "direct cause"):
        assert word in log()


def test_login(
    nobody: Caller, make: Factory, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    monkeypatch.setattr(auth, "log_in", crash_saying)
    answer = nobody.post("/api/auth/login", {"email": GUESSED_LOGIN.text, "password": GUESSED_LOGIN.text})

    assert_failure(answer, 500)
    assert leaks(answer.get_data() + log().encode(), ALL) == []


def test_statement(
    admin: Caller, make: Factory, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    """SQLAlchemy hides the values it was given, and PostgreSQL names them all the same."""

    def insert_twice(*_: Any, **__: Any) -> None:
        for _ in range(2):
            make.location(code=ASCII.text[:32])

    monkeypatch.setattr(monitors, "create", insert_twice)
    new = {"name": "x", "hostname": "a.example", "customerId": 1, "config": CONFIG}

    assert_failure(admin.post(MONITORS, new), 500)
    assert leaks(log(), ALL) == []
    assert IntegrityError.__name__ in log()


def test_checker(
    monkeypatch: pytest.MonkeyPatch, log: Callable[[], str], scheduler: Any, watched: None
) -> None:
    def crash(attempt: Attempt) -> None:
        crash_saying(password=attempt.target.password)

    monkeypatch.setitem(checkers.CHECKERS, Protocol.IMAP, crash)
    scheduler()
    until(has_result)

    assert leaks(log() + repr(results()), ALL) == []
    assert "TwoSecretsError" in str(results()[0].error_message)


def test_check_of_the_scheduler(log: Callable[[], str], scheduler: Any, watched: None) -> None:
    scheduler(crash_saying)
    until(has_result)

    assert leaks(log() + repr(results()), ALL) == []
    assert "check_crashed" in log()


def test_writer(
    monkeypatch: pytest.MonkeyPatch, log: Callable[[], str], scheduler: Any, watched: None
) -> None:
    kept = checks._result

    def crash_once(record: Any, step: Any) -> Any:
        if "could not be stored" in str(record.outcome.message):
            return kept(record, step)
        return crash_saying(of=record)

    monkeypatch.setattr(checks, "_result", crash_once)
    scheduler(lambda _: checks.internal_error(ASCII.text))
    until(has_result)

    assert leaks(log() + repr(results()), ALL) == []
    assert "result_not_storable" in log()


def test_claim(log: Callable[[], str]) -> None:
    try:
        crash_saying()
    except TwoSecretsError as error:
        Outage("claim").begin(error)

    assert leaks(log(), ALL) == []
    assert "in crash_saying" in log()


@pytest.fixture
def watched(make: Factory) -> None:
    make.monitor(config=CONFIG)


@pytest.fixture
def scheduler(make_app: Callable[..., Flask]) -> Any:
    """Starts a scheduler in this process, with checks of our own if need be."""
    started: list[Process] = []

    def start(run_check: Callable[[ClaimedCheck], CheckOutcome] | None = None) -> None:
        started.append(Process(make_app(), run_check))
        started[-1].start()

    yield start
    for process in started:
        process.stop()


def results() -> list[CheckResult]:
    db.session.rollback()
    return list(db.session.query(CheckResult))


def has_result() -> bool:
    return bool(results())
