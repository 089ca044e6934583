"""What must not be read in an error: the secrets of a destination, and of the operator's own set-up."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from app.domain.channel_types import CHANNEL_TYPES
from app.domain.notification import Destination
from app.domain.sms_url import GATEWAY_SCHEMES
from app.net.text import Cleaner
from app.notifiers.transport import Transport

SHORTEST_PART = 6
"""What is shorter in a URL is no key, but a word like `v1`."""
URL_KEYS = ("url", "server")
NAMES_A_HOST = frozenset({"http", "https", *GATEWAY_SCHEMES})
_WORD = re.compile(r"[a-z]{1,11}")
"""In a path it is a place, such as `hooks` or `status`, and masking it would spoil every sentence."""


def cleaner_for(destination: Destination | None, transport: Transport) -> Cleaner:
    clean = Cleaner()
    if destination is not None:
        clean.learn(*_of_config(destination))
    if transport.smtp_url is not None and transport.smtp_url.password:
        clean.learn(transport.smtp_url.password)
    if transport.sms_url is not None:
        clean.learn(*_of_url(transport.sms_url))
    # A target may quote half of what it was sent.
    clean.is_login_sent = True
    return clean


def _of_config(destination: Destination) -> Iterator[str]:
    kind = CHANNEL_TYPES.get(destination.type)
    names = kind.secret_names if kind else destination.config.keys()
    for name, value in destination.config.items():
        if name in URL_KEYS:
            yield from _of_url(str(value))
        elif name in names:
            yield from _of_value(value)


def _of_value(value: Any) -> Iterator[str]:
    """Whole, and what stands behind its first word, as in `Bearer …` of a header or `123:…` of a bot."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _of_value(item)
    elif isinstance(value, str) and value:
        yield value
        for separator in (" ", ":"):
            rest = value.partition(separator)[2].strip()
            if len(rest) >= SHORTEST_PART:
                yield rest


def _of_url(url: str) -> Iterator[str]:
    """All but the host, and each part of that which could be a key.

    URLs of Apprise have keys in the place of the host too, but for those that lead to a server of one's own.
    """
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    if scheme.lower() not in NAMES_A_HOST:
        yield from _with_parts(rest)
        return
    yield from _with_parts(place.rpartition("@")[0])
    yield from (part for part in _with_parts(path) if not _WORD.fullmatch(part))


def _with_parts(text: str) -> Iterator[str]:
    """As they are written and as they are meant."""
    if len(text) >= SHORTEST_PART:
        yield text
    for part in _parts(text):
        yield from {part, unquote(part)}


def _parts(text: str) -> Iterator[str]:
    for separator in "/?&=:@#":
        text = text.replace(separator, " ")
    yield from (part for part in text.split() if len(part) >= SHORTEST_PART)
