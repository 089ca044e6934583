"""Tables as CSV (RFC 4180) in UTF-8, sent while they are being read.

No transaction is open while a caller takes its time, because the session is given back after each batch. What
fails before the first byte is answered like any failure. Later the status has been sent: then the last line
says that the rest is missing, and the connection is cut off, which HTTP/1.1 shows as an answer that is not
complete.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from io import StringIO
from time import monotonic
from typing import Any

from flask import Response, stream_with_context

from app.api.context import current_actor
from app.clock import to_iso
from app.errors import UnavailableError
from app.extensions import db
from app.log import get_logger
from app.turns import Turns

log = get_logger(__name__)

MEDIA_TYPE = "text/csv"
CONTENT_TYPE = f"{MEDIA_TYPE}; charset=utf-8; header=present"
TEXT = {"type": "string"}
"""The schema of the OpenAPI document: a CSV file as a whole is a text."""
EXPORTS_AT_ONCE = 4
"""In one web process, which has 8 threads: whoever is slow to take exports holds up nobody but exporters.

No two of them are the same caller's.
"""
EXPORT_SECONDS = 300
"""What is not taken by then is cut off: a piece every few seconds would keep its thread for hours."""
EXPORT_RETRY_SECONDS = 5
TOO_MANY_EXPORTS = "Too many exports at once"
INCOMPLETE = "INCOMPLETE: the rest of this export could not be read"

_FORMULA_STARTS = frozenset("=+-@＝＋－＠")  # noqa: RUF001 - some spreadsheets take these for the others
_BREAKS = frozenset("\t\r\n")

Row = Sequence[Any]
export_turns = Turns(
    EXPORTS_AT_ONCE, partial(UnavailableError, TOO_MANY_EXPORTS, retry_after=EXPORT_RETRY_SECONDS)
)
"""By the caller. Whatever else exports takes its turn here too."""


class CutShortError(Exception):
    """An answer that had begun cannot be finished. Tells the web server to cut the connection off."""


def csv_response(filename: str, header: Sequence[str], batches: Iterator[Iterable[Row]]) -> Response:
    """The header and all rows of the batches, to be saved as `filename`, which is plain ASCII.

    Cells are texts, numbers, truth values, instants or None. Raises what reading the first batch raises, and
    UnavailableError while EXPORTS_AT_ONCE others are under way, or one of the same caller.
    """
    actor = current_actor()
    # Closing it gives the turn back, once.
    slot = ExitStack()
    slot.enter_context(export_turns.turn((actor.kind, actor.id)))
    try:
        first = [header, *next(batches, ())]
        db.session.remove()
        pieces = _pieces(filename, first, batches, slot)
        response = Response(stream_with_context(pieces), content_type=CONTENT_TYPE)
    except BaseException:
        slot.close()
        raise
    # Also when nobody takes any of it: the answer to a HEAD.
    response.call_on_close(slot.close)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _pieces(
    filename: str, first: Iterable[Row], batches: Iterator[Iterable[Row]], slot: ExitStack
) -> Iterator[bytes]:
    # Given back before the caller can see the end, who may ask for the next one at once.
    with slot:
        deadline = monotonic() + EXPORT_SECONDS
        yield _lines(first)
        try:
            for batch in batches:
                piece = _lines(batch)
                db.session.remove()
                _require_time(deadline)
                yield piece
        except Exception as error:
            # Whatever it is, it must not look like the end.
            log.error("export_cut_short", file=filename, exc_info=error)  # noqa: TRY400
            yield _lines([[INCOMPLETE]])
            raise CutShortError(filename) from None


def _require_time(deadline: float) -> None:
    if monotonic() >= deadline:
        raise TimeoutError


def _lines(rows: Iterable[Row]) -> bytes:
    text = StringIO()
    # Written out, because Python's default differs from RFC 4180 in nothing but by luck.
    csv.writer(text, delimiter=",", quotechar='"', doublequote=True, lineterminator="\r\n").writerows(
        [_cell(value) for value in row] for row in rows
    )
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return to_iso(value)
    return inert(value) if isinstance(value, str) else value


def inert(text: str) -> str:
    """The text, marked as one for spreadsheets that would take it for a formula.

    What servers say and people choose ends up in the spreadsheets of others (OWASP, CSV injection).
    """
    is_risky = text.lstrip()[:1] in _FORMULA_STARTS or text[:1] in _BREAKS
    return f"'{text}" if is_risky else text
