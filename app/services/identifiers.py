"""Ids as callers write them: the public UUID, and for some resources the number."""

import re
from uuid import UUID

MAX_ID = 2**63 - 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,19}")


def parse_uuid(text: str) -> UUID | None:
    """The UUID in its canonical form, in any case; None for any other spelling."""
    return UUID(text) if _UUID.fullmatch(text) else None


def parse_reference(text: str) -> UUID | int | None:
    """A public UUID, a numeric id as a string of digits, or None."""
    if _NUMBER.fullmatch(text) and int(text) <= MAX_ID:
        return int(text)
    return parse_uuid(text)
