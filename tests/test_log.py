"""A line of the log: for people and for programs, ours and the libraries' alike."""

import ast
import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from gunicorn.config import Config

from app.config import ROOT
from app.gunicorn_log import in_format
from app.log import CONSOLE, JSON, about, formatter, get_logger

NAME = "tests.of.the.log"
AN_ID = UUID("11111111-1111-4111-8111-111111111111")
STANDARD = {"timestamp", "level", "logger", "pid", "event"}

Written = Callable[[], list[str]]


class Kind(StrEnum):
    SOME = "some"


@pytest.fixture
def log_format() -> str:
    return JSON


@pytest.fixture
def written(log_format: str) -> Iterator[Written]:
    """The lines that one logger has written in this format."""
    stream, logger = io.StringIO(), logging.getLogger(NAME)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(log_format))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: stream.getvalue().splitlines()
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def objects(written: Written) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in written()]


def crash() -> None:
    """One error behind another, both with words."""
    try:
        int("the inner secret")
    except ValueError as error:
        raise RuntimeError("the outer\nsecret") from error


class TestJson:
    def test_data_takes_no_place_of_the_line_itself(
        self, objects: Callable[[], list[dict[str, Any]]]
    ) -> None:
        get_logger(NAME).info("told", level="fake", pid=1)
        (line,) = objects()
        assert (line["level"], line["pid"]) == ("info", os.getpid())

    def test_data_keeps_its_types(self, objects: Callable[[], list[dict[str, Any]]]) -> None:
        at = datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
        get_logger(NAME).info(
            "told", number=1, share=0.5, ok=True, nobody=None, at=at, kind=Kind.SOME, token=AN_ID
        )

        (line,) = objects()
        assert {key: line[key] for key in line if key not in STANDARD} == {
            "number": 1,
            "share": 0.5,
            "ok": True,
            "nobody": None,
            "at": "2026-02-03T04:05:06.789Z",
            "kind": "some",
            "token": str(AN_ID),
        }

    def test_every_line_says_when_who_and_how_bad(self, objects: Callable[[], list[dict[str, Any]]]) -> None:
        get_logger(NAME).warning("told")
        logging.getLogger(NAME).error("told by %s", "another")

        ours, theirs = objects()
        assert ours.keys() == theirs.keys() == STANDARD
        assert (ours["level"], ours["logger"], ours["event"]) == ("warning", NAME, "told")
        assert (theirs["level"], theirs["event"]) == ("error", "told by another")
        assert datetime.fromisoformat(ours["timestamp"]).utcoffset() is not None
        assert len(ours["timestamp"]) == len("2026-02-03T04:05:06.789Z")

    def test_an_error_is_told_without_its_words(self, objects: Callable[[], list[dict[str, Any]]]) -> None:
        try:
            crash()
        except RuntimeError as error:
            get_logger(NAME).error("crashed", exc_info=error)
            get_logger(NAME).exception("crashed")
            logging.getLogger(NAME).exception("crashed")

        for line in objects():
            assert line.keys() == STANDARD | {"exception"}
            assert "in crash" in line["exception"]
            assert "ValueError" in line["exception"]
            # The line of the source is shown, what was said there is not.
            assert line["exception"].endswith("RuntimeError")
        assert len(objects()) == 3

    def test_what_is_below_the_level_is_not_written(self, written: Written) -> None:
        get_logger(NAME).debug("told")

        assert written() == []


@pytest.mark.parametrize("log_format", [CONSOLE])
class TestConsole:
    def test_a_line_has_its_data_behind_the_event(self, written: Written) -> None:
        get_logger(NAME).info("told", number=1, text="a\nb")

        (line,) = written()
        assert f" INFO {os.getpid()} {NAME} told number=1 text=a\\x0ab" in line

    def test_a_traceback_keeps_its_lines_and_loses_the_words(self, written: Written) -> None:
        try:
            crash()
        except RuntimeError as error:
            get_logger(NAME).error("crashed", exc_info=error)

        first, *trace = written()
        assert first.endswith(" crashed")
        assert trace[-1] == "RuntimeError"


def test_other_handlers_see_the_text_and_the_error(caplog: pytest.LogCaptureFixture) -> None:
    get_logger(NAME).warning("told", number=1, exc_info=RuntimeError("secret"))

    assert caplog.messages == ["told number=1"]
    assert caplog.records[0].exc_info
    assert "secret" not in caplog.text


class TestAbout:
    def test_ids_are_on_every_line_meanwhile(self, objects: Callable[[], list[dict[str, Any]]]) -> None:
        with about(monitor=7, check=AN_ID):
            get_logger(NAME).info("told")
            logging.getLogger(NAME).info("told by another")
            get_logger(NAME).info("told", monitor=8)
        get_logger(NAME).info("told")

        first, other, own, after = objects()
        assert (first["monitor"], first["check"]) == (7, str(AN_ID))
        assert (other["monitor"], other["check"]) == (7, str(AN_ID))
        assert own["monitor"] == 8
        assert after.keys() == STANDARD

    def test_a_thread_finds_nothing_of_its_earlier_work(
        self, objects: Callable[[], list[dict[str, Any]]]
    ) -> None:
        def work(key: str) -> None:
            with about(**{key: 1}):
                get_logger(NAME).info("told")
                raise RuntimeError

        with ThreadPoolExecutor(1) as pool:
            for key in ("monitor", "alert"):
                with pytest.raises(RuntimeError):
                    pool.submit(work, key).result()

        assert [line.keys() - STANDARD for line in objects()] == [{"monitor"}, {"alert"}]


def test_gunicorn_writes_in_the_format_too(capfd: pytest.CaptureFixture[str]) -> None:
    config = Config()
    config.set("accesslog", "-")
    logger = in_format(JSON)(config)
    try:
        logger.warning("told by %s", "gunicorn")
        logger.access_log.info("asked")
    finally:
        for log in (logger.error_log, logger.access_log):
            log.handlers.clear()

    told = capfd.readouterr()
    assert json.loads(told.err)["event"] == "told by gunicorn"
    assert json.loads(told.out)["logger"] == "gunicorn.access"


class Call(NamedTuple):
    event: str
    levels: frozenset[str]
    keys: frozenset[str | None]


def calls() -> Iterator[Call]:
    """Every line that the code may write."""
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method)):
                    *level, event = node.args
                    assert isinstance(event, ast.Constant), f"{path}:{node.lineno}: an event that has no name"
                    names = re.findall(r"logging\.([A-Z]+)", ast.unparse(level[0])) if level else [method]
                    levels = frozenset(name.lower().replace("exception", "error") for name in names)
                    yield Call(event.value, levels, frozenset(key.arg for key in node.keywords))


def test_the_logs_page_lists_every_event_with_its_level() -> None:
    text = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \| \S.*\|$", text.partition("## Events")[2], re.MULTILINE)
    written: dict[str, frozenset[str]] = {}
    for call in calls():
        written[call.event] = written.get(call.event, frozenset()) | call.levels

    assert {event: frozenset(levels.split(", ")) for event, levels in rows} == written
    assert [event for event, _ in rows] == sorted(written)


def test_no_data_takes_the_place_of_what_every_line_has() -> None:
    assert [call for call in calls() if call.keys & (STANDARD | {"exception", None})] == []


def test_events_are_constant_names() -> None:
    assert [call.event for call in calls() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", call.event)] == []
