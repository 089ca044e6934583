"""What docs/alerts.md says and shows is so."""

import json
import re
from dataclasses import replace
from typing import Any

from app import notifiers
from app.config import ROOT
from app.domain.channel_config import APPRISE_SCHEMES
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import Language
from app.notifiers import webhook
from app.notifiers.messages import compose
from app.notifiers.words import LEXICONS
from app.services.delivery import BACK_OFF
from tests.notifiers.stage import NOTICE, RECOVERY, send
from tests.parts.http_receiver import HttpReceiver

PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_every_kind_of_channel_is_listed() -> None:
    section = PAGE.partition("## Kinds of channels")[2].partition("\n## ")[0]
    listed = [
        name for row in re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE) for name in row.split(", ")
    ]

    assert sorted(name.strip("`") for name in listed) == sorted(CHANNEL_TYPES)
    assert set(re.findall(r"`([^`]+)`", section.partition("Apprise describes it")[2])) >= APPRISE_SCHEMES


def test_the_sample_verifies_a_real_delivery() -> None:
    sample: dict[str, Any] = {}
    (code,) = blocks("python")
    exec(code, sample)  # noqa: S102 - our own page

    with HttpReceiver() as receiver:
        send("webhook", {"url": receiver.url, "secret": "wörd"})
    (request,) = receiver.requests

    assert sample["is_ours"](request.body, request.headers["x-webhook-signature"], "wörd")
    assert not sample["is_ours"](request.body + b" ", request.headers["x-webhook-signature"], "wörd")
    assert not sample["is_ours"](request.body, request.headers["x-webhook-signature"], "word")


def test_the_request_that_is_shown_is_the_one_that_is_sent() -> None:
    with HttpReceiver() as receiver:
        send("webhook", {"url": f"{receiver.url}/in", "secret": "x"})
    (request,) = receiver.requests
    (shown,) = blocks("http")

    assert json.loads(blocks("json")[0]) == request.json
    for line in shown.splitlines()[1:]:
        name, _, value = line.partition(": ")
        assert name == "X-Webhook-Signature" or request.headers[name.lower()] == value


def test_the_messages_that_are_shown_are_those_that_are_sent() -> None:
    english, german = blocks("text")
    message = compose(NOTICE)
    recovery = compose(replace(RECOVERY, language=Language.GERMAN))

    letter, _, _ = message.text.partition("\n\n-- \n")
    assert english == f"{message.subject}\n\n{letter}\n"
    assert german == f"{recovery.subject}\n\n{recovery.text.splitlines()[0]}\n"
    assert f"`{message.short}`" in PAGE


def test_the_heads_of_subjects_are_listed() -> None:
    for language in Language:
        for head in LEXICONS[language].heads.values():
            assert f"`{head}`" in PAGE or head == "TEST"


def test_the_figures_are_those_of_the_code() -> None:
    waits = [_told(wait.total_seconds()) for wait in BACK_OFF]

    assert f"after {', '.join(waits[:-1])} and {waits[-1]}," in FLAT
    assert f"{len(BACK_OFF) + 1}th is the last" in FLAT
    assert f"has {notifiers.SECONDS:g} s in all" in FLAT
    assert f"`timeoutSeconds` ({webhook.SECONDS:g})" in FLAT


def _told(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
