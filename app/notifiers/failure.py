"""The one exception of the notifiers, and what a foreign server's words are worth in it."""

import json
import re
from typing import Any

MAX_WORDS = 300
TELLING_KEYS = ("description", "message", "error_description", "detail", "title", "reason", "error", "errors")
"""Where services that answer in JSON say what is wrong; the first of them that has a text counts."""
AGAIN = frozenset({408, 425, 429})
"""Client errors that pass: too slow, too early, too many (RFC 9110, 8470, 6585)."""
_BLANKS = re.compile(r"\s+")


class UndeliveredError(Exception):
    """A message was not taken. The text is a sentence that is still to be cleaned of secrets.

    `is_final`: another attempt would not help.
    """

    def __init__(self, message: str, *, is_final: bool = False, status_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.is_final = is_final
        self.status_code = status_code


def refused(status: int, body: bytes = b"") -> UndeliveredError:
    """What an answer other than 2xx comes to."""
    if 300 <= status < 400:
        return UndeliveredError(
            f"The target answered with a redirect (status {status}), and none is followed.",
            status_code=status,
        )
    is_final = 400 <= status < 500 and status not in AGAIN
    return UndeliveredError(
        with_words(f"The target answered with status {status}", body), is_final=is_final, status_code=status
    )


def with_words(sentence: str, body: bytes) -> str:
    words = words_of(body)
    return f"{sentence}: {words}" if words else f"{sentence}."


def words_of(body: bytes) -> str:
    """The reason in an answer, or none: pages of HTML have none that is worth keeping."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return ""
    try:
        told = _told(json.loads(text))
    except (ValueError, RecursionError):
        told = text
    return _BLANKS.sub(" ", told)[:MAX_WORDS].strip()


def _told(answer: Any) -> str:
    if isinstance(answer, list) and answer:
        return _told(answer[0])
    if isinstance(answer, dict):
        return next(filter(None, (_told(answer.get(key)) for key in TELLING_KEYS)), "")
    return answer if isinstance(answer, str) else ""
