"""Secrets that nothing else looks like go through everything, and then everything is searched for them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.log import CONSOLE, JSON
from tests.conftest import DATABASES, new_database
from tests.security.canaries import ALL
from tests.security.search import leaks_by_place
from tests.security.story import Story, checked_by_hand, told

PLACES = {
    "database": 2,
    "log of the scheduler": 1,
    "log of the web process": 1,
    "answers to nobody": 1,
    "answers to readonly": 1,
    "answers to global_supporter": 1,
    "answers to program": 1,
    "answers to admin": 1,
    "exports to": 3,
    "/openapi.json": 1,
}
"""Where secrets are looked for: how a place's name begins, and of how many such places at least."""
ON_ONE = {"answers with MASK_SECRETS"}
"""Places on SQLite alone: what is masked is decided in Python, and the rows are the same."""
LOG_FORMATS = dict(zip(DATABASES, (CONSOLE, JSON), strict=True))
"""One on each, so that both are searched in one go."""


@pytest.fixture(
    scope="module",
    params=DATABASES,
)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder, kind = tmp_path_factory.mktemp("canary"), request.param
    with (
        new_database(kind, folder) as url,
        told(url, folder, LOG_FORMATS[kind], is_masked_too=kind == "sqlite") as story,
    ):
        yield story


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_told(story: Story, place: str) -> None:
    assert leaks_by_place(story.text(place), story.secrets) == {}


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("place", ON_ONE)
def test_no_secret_is_told_in_an_answer_with_masks(story: Story, place: str) -> None:
    assert story.text(place)
    assert leaks_by_place(story.text(place), story.secrets) == {}


def test_no_secret_is_told_by_a_check_by_hand(tmp_path: Path) -> None:
    story = checked_by_hand(tmp_path)
    told = story.text("flask check")
    assert b"wrong ****" in told["flask check"]
    assert leaks_by_place(told, story.secrets) == {}


def test_there_was_something_to_tell(story: Story) -> None:
    """An empty log tells nothing either."""
    assert {name for name in story.told if not name.startswith((*PLACES, *ON_ONE))} == set()
    for place, number in PLACES.items():
        assert len(story.text(place)) >= number, place
    written = b"".join(story.text("log").values())
    for event in (
        *(b"scheduler_started", b"config_undecryptable", b"login_refused", b"PATCH"),
        *(b"channel_undecryptable", b"alert_sent"),
    ):
        assert event in written
    assert b"v1:" in b"".join(story.text("database").values())
    read = story.text("answers to readonly")["answers to readonly"]
    assert read.count(b"wrong ****") >= 5
    for exported in story.text("exports to").values():
        assert b"wrong ****" in exported
        assert b",TOTAL," in exported
    assert b"oauth_failed" in read
    assert re.search(rb'"evidence":\{[^}]*"diagnostics":', read)
    assert len(story.secrets) > len(ALL)


@pytest.mark.only_on("postgresql")
def test_every_line_is_an_object_that_tells_what_it_is_about(story: Story) -> None:
    """gunicorn's lines too."""
    lines = [json.loads(line) for text in story.text("log").values() for line in text.splitlines()]

    def those(**data: Any) -> list[dict[str, Any]]:
        return [line for line in lines if data.items() <= line.items()]

    assert all(line.keys() >= {"timestamp", "level", "logger", "pid", "event"} for line in lines)
    assert len({line["pid"] for line in those(logger="gunicorn.error")}) == 2
    requests, sent = those(event="request", status=200), those(event="alert_sent", ok=False)
    assert any(line["caller"].startswith("user:") and line["request_id"] for line in requests)
    assert all(isinstance(line["alert"], int) and isinstance(line["monitor"], int) for line in sent)
    assert all("request_id" in line for line in those(event="config_undecryptable"))
