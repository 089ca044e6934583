"""The two API pages that the service answers to, and the JSON that stands in them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

SEEDS = Path(__file__).parents[1] / "seeds"
LANGUAGES = ("en", "de")
# Where the page's objects begin, in their order: the body, curl's body, the answer.
BODY, CURL_BODY, ANSWER = 0, 1, 2


@cache
def _objects(language: str) -> tuple[str, ...]:
    """Every JSON object of a page, as text. Everything between them is prose without braces."""
    text = (SEEDS / f"{language}.txt").read_text(encoding="utf-8")
    decoder = json.JSONDecoder()
    found, at = [], text.find("{")
    while at != -1:
        value, end = decoder.raw_decode(text, at)
        found.append(json.dumps(value))
        at = text.find("{", end)
    return tuple(found)


def seed_object(language: str, which: int) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(_objects(language)[which])
    return value
