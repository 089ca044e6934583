"""What is read of an open mailbox beyond its number of messages: how new the newest is, and the quota."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from typing import Any

MAX_RESOURCES = 10
CLOCK_ERROR = timedelta(days=1)
"""How far ahead of ours a clock may be, its time zone included. A later date is a lie, no fresh message."""
_INTERNALDATE = re.compile(rb'INTERNALDATE "([0-9 ]?[0-9])-([A-Za-z]{3})-([0-9]{4} [0-9:]{8} [+-][0-9]{4})"')
_RESOURCE = re.compile(rb"([A-Za-z0-9._-]{1,40}) ([0-9]{1,19}) ([0-9]{1,19})")
_LIST = re.compile(rb"\(([^()]*)\)\s*$")


def arrivals_in(answers: Sequence[Any]) -> Iterator[datetime]:
    """The INTERNALDATEs in the answers to a FETCH (RFC 3501, 7.4.2)."""
    for answer in answers:
        for day, month, rest in _INTERNALDATE.findall(answer if isinstance(answer, bytes) else b""):
            if moment := _moment(b" ".join((day.strip(), month, rest)).decode()):
                yield moment


def arrival_in(headers: Sequence[bytes]) -> datetime | None:
    """When a message arrived, by its headers: what the last server on its way noted, else its own date.

    POP3 knows no INTERNALDATE. The topmost Received is the newest (RFC 5321, 4.4).
    """
    message: Message = BytesHeaderParser().parsebytes(b"\r\n".join(headers))
    received = str((message.get_all("Received") or [""])[0])
    return _moment(received.rpartition(";")[2]) or _moment(str(message.get("Date", "")))


def quota_in(lines: Sequence[Any]) -> dict[str, dict[str, int]] | None:
    """Used and limit by resource, as in `* QUOTA "" (STORAGE 10 512)` (RFC 9208); storage counts KiB."""
    found: dict[str, dict[str, int]] = {}
    for line in lines:
        resources = _LIST.search(line) if isinstance(line, bytes) else None
        for name, used, limit in _RESOURCE.findall(resources[1]) if resources else ():
            found.setdefault(name.decode().lower(), {"used": int(used), "limit": int(limit)})
    return dict(list(found.items())[:MAX_RESOURCES]) or None


def _moment(text: str) -> datetime | None:
    """A date as mail has it; None for what is none, or cannot have come yet."""
    try:
        moment = parsedate_to_datetime(text.strip())
        # "-0000" says that the zone is unknown, and comes without one.
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment <= datetime.now(UTC) + CLOCK_ERROR else None
