"""Pillarbox watches mailboxes: it logs in over IMAP or POP3 on schedule and says what happened."""

import gc
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask


def create_app(environ: "Mapping[str, str] | None" = None) -> "Flask":
    """Build the application from the environment, or from the mapping given instead of it."""
    return _load()(environ)


@cache
def _load() -> "Callable[[Mapping[str, str] | None], Flask]":
    """The import stays in here, so that `app.domain` and `app.checkers` load without Flask.

    What it loads is there to stay: to look for garbage among it took a fifth of the time of a start.
    """
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        from app.factory import build_app  # noqa: PLC0415 - see the docstring
    finally:
        if is_collecting:
            gc.enable()
    gc.freeze()
    return build_app
