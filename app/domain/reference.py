"""Addresses whose operator is somebody else again: when none of them answers, the trouble is ours."""

import re
from typing import NamedTuple

from app.domain.hostname import HostnameError, normalise_hostname

MAX_REFERENCES = 10
_WRITTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+)):([0-9]{1,5})")


class Reference(NamedTuple):
    """Where to connect to by TCP: an A-label or IP literal, and a port."""

    hostname: str
    port: int


def parse_references(text: str) -> tuple[Reference, ...]:
    """Read `host:port` after `host:port`, separated by commas; an IPv6 address stands in brackets.

    Raises ValueError, which says what is wrong.
    """
    parts = [part.strip() for part in text.split(",")]
    references = tuple(dict.fromkeys(_reference(part) for part in parts if part))
    if len(references) > MAX_REFERENCES:
        raise ValueError(f"has more than {MAX_REFERENCES} of them")
    return references


def _reference(text: str) -> Reference:
    match = _WRITTEN.fullmatch(text)
    hostname = _hostname(match[1], match[2]) if match else None
    if match is None or hostname is None or not 1 <= int(match[3]) <= 65535:
        raise ValueError(f"is not a comma-separated list like 192.0.2.1:53,[2001:db8::1]:443: see {text!r}")
    return Reference(hostname, int(match[3]))


def _hostname(in_brackets: str | None, bare: str | None) -> str | None:
    """None for what is neither a name nor an address, or has brackets that it must not have."""
    try:
        hostname = normalise_hostname(in_brackets or bare or "")
    except HostnameError:
        return None
    return hostname if (":" in hostname) is bool(in_brackets) else None
