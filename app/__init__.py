"""Pillarbox watches mailboxes: it logs in over IMAP or POP3 on schedule and says what happened."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask


def create_app(environ: "Mapping[str, str] | None" = None) -> "Flask":
    """Build the application from the environment, or from the mapping given instead of it.

    The import stays in here, so that `app.domain` and `app.checkers` load without Flask.
    """
    from app.factory import build_app  # noqa: PLC0415 - see the docstring

    return build_app(environ)
