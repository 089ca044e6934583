"""What the scheduler counts, at a port of its own."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection

import pytest
from flask import Flask

from app.config import Settings
from app.metrics.scheduler import SchedulerFigures
from app.worker.errors import StartError
from app.worker.exposition import AT_ONCE, Exposition

pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture
def settings(app: Flask) -> Settings:
    given: Settings = app.config["SETTINGS"]
    return replace(given, metrics_token="scrape")


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    exposition = Exposition(settings, SchedulerFigures("de-nbg"), 0)
    exposition.start()
    yield exposition.port
    exposition.stop()


def ask(port: int, path: str = "/metrics", token: str | None = "Bearer scrape") -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Authorization": token} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_it_tells_what_was_counted(port: int) -> None:
    status, text = ask(port)

    assert status == 200
    assert 'pillarbox_results_lost_total{location="de-nbg"} 0.0' in text
    assert "process_resident_memory_bytes" in text


def test_it_asks_for_the_token_and_knows_one_path(port: int) -> None:
    answers = [ask(port, token=token) for token in (None, "scrape", "Bearer wrong", "Bearer ä")]
    assert answers == [(401, "")] * 4
    assert ask(port, "/healthz") == (404, "")


def test_callers_that_say_nothing_keep_nobody_waiting(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert ask(port)[0] == 200


def test_more_than_eight_at_once_are_sent_away(port: int) -> None:
    with ExitStack() as silent:
        for _ in range(AT_ONCE):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as one_more:
            assert one_more.recv(1) == b""


def test_a_port_that_is_taken_keeps_the_scheduler_from_starting(settings: Settings, port: int) -> None:
    with pytest.raises(StartError, match=rf"METRICS_PORT {port} on HOST 127.0.0.1 cannot be used: Address"):
        Exposition(settings, SchedulerFigures(), port)
