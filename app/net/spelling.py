"""In which spellings a server may give back a secret: as programs write down what they were sent."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from app.net.folder import encode_folder

SHORTEST_TRACE, SHORTEST_CODE = 6, 8
"""Anything shorter turns up in ordinary words by chance."""
SHORTEST_PART = 3
"""So many characters of a secret that was cut in two are masked; fewer may be anything."""

PART, FEWEST_LETTERS = 24, 16

_JSON, _JSON_UNICODE = json.JSONEncoder().encode, json.JSONEncoder(ensure_ascii=False).encode
_NOT_BARE = bytes(byte for byte in range(128) if not chr(byte).isalnum())
_RUN = re.compile(r"[A-Za-z0-9]+")


class Spelt:
    """A secret in all its forms. Most are worked out only for a text that has what they have in common."""

    def __init__(self, user: str, secret: str) -> None:
        self._user = user
        self._secret = secret

    @cached_property
    def spellings(self) -> set[str]:
        return spellings(self._user, self._secret)

    @cached_property
    def folded(self) -> set[str]:
        return {fold(form) for form in self.spellings}

    @cached_property
    def lowered(self) -> set[str]:
        return {form.lower() for form in self.spellings}

    @cached_property
    def traces(self) -> set[str]:
        return traces(self._secret) | self._parts

    def may_be_in(self, letters: str) -> bool:
        """Whether a text of ASCII, made bare, may have a spelling or a trace. If not, it has none."""
        return any(mark in letters for mark in self._marks) or self._has_part_in(letters)

    @cached_property
    def _marks(self) -> set[str]:
        return marks(self._secret)

    @cached_property
    def _parts(self) -> set[str]:
        return traces_of_parts(self._secret)

    @cached_property
    def _part_size(self) -> int:
        return min(map(len, self._parts), default=0)

    @cached_property
    def _part_starts(self) -> set[str]:
        return {part[: self._part_size] for part in self._parts}

    def _has_part_in(self, letters: str) -> bool:
        # There are hundreds of parts: all of them at one place are looked up faster than one at all places.
        starts, size = self._part_starts, self._part_size
        return bool(starts) and any(letters[at : at + size] in starts for at in range(len(letters)))

    def may_be_cut_in(self, text: str) -> bool:
        """Whether half a spelling may be at an end of a text in lower case. If not, there is none."""
        return any(corner in text for corner in self._corners)

    @cached_property
    def _corners(self) -> set[str]:
        """The first and the last characters of all spellings."""
        secret = self._secret
        # No escaping changes letters and digits, so then the spellings begin and end alike.
        is_plain = _RUN.fullmatch(secret[:SHORTEST_PART] + secret[-SHORTEST_PART:])
        forms = {secret, *_in_base64(self._user, secret)} if is_plain else self.spellings
        lowered = [form.lower() for form in forms]
        return {corner for form in lowered for corner in (form[:SHORTEST_PART], form[-SHORTEST_PART:])}


def fold(text: str) -> str:
    """Case and blanks do not matter: imaplib and poplib change both in what they pass on."""
    return " ".join(text.casefold().split())


def bare(text: str) -> str:
    """Its ASCII letters and digits alone: cutting up, quoting and wrong character sets leave them be."""
    return text.lower().encode("ascii", "ignore").translate(None, _NOT_BARE).decode()


def marks(secret: str) -> set[str]:
    """Of these every spelling and every trace has one, made bare; for parts see `traces_of_parts`.

    No escaping comes between letters and digits. Base64 and hex are themselves but for their ends.
    """
    run = max(_RUN.findall(secret), key=len, default="").lower()
    return {run, run[::-1], *_codes(_bytes(secret))}


def spellings(user: str, password: str) -> set[str]:
    """The password in full, to be masked wherever a text has it."""
    forms = _in_base64(user, password)
    # A server that takes the line apart at its blanks echoes the password without those at its ends.
    for text in {password, password.strip()}:
        forms |= {text, *_escaped(text), *_percent_encoded(text)}
    # A password of blanks alone has nothing left when it is trimmed, and nothing is found everywhere.
    return {trimmed for form in forms for trimmed in (form, form.strip()) if form.strip()}


def traces(password: str) -> set[str]:
    """What is left of the password in a text made bare, where it was taken apart, turned round or encoded.

    Where it begins in such a text, and how much of the text belongs to it, cannot be told.
    """
    left = {bare(text) for text in (password, password[::-1])}
    return {text for text in left if len(text) >= SHORTEST_TRACE} | {
        code for code in _codes(_bytes(password)) if len(code) >= SHORTEST_CODE
    }


def traces_of_parts(secret: str) -> set[str]:
    """What is left of a long secret, a token say, in a text that has no more than a good deal of it.

    Servers cut long lines short when they quote them.
    """
    if len(secret) < 2 * PART:
        return set()
    starts = [*range(0, len(secret) - PART, PART), len(secret) - PART]
    parts = [secret[start : start + PART] for start in starts]
    # A phrase falls into ordinary words, which a server may say of its own accord.
    whole = [part for part in parts if " " not in part and len(bare(part)) >= FEWEST_LETTERS]
    return {bare(form) for part in whole for form in (part, *_base64_cores(_bytes(part)))}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _in_base64(user: str, password: str) -> set[str]:
    """The password alone, and in both messages of SASL PLAIN."""
    raw = _bytes(password)
    sasl = (raw, *(b"%b\0%b\0%b" % (name, _bytes(user), raw) for name in (b"", _bytes(user))))
    encoded = {base64.b64encode(message).decode() for message in sasl}
    return {*encoded, *(text.rstrip("=") for text in encoded)}


def _codes(raw: bytes) -> set[str]:
    return {bare(code) for code in (*_base64_cores(raw), *_base64_cores(base64.b64encode(raw)), raw.hex())}


def _escaped(text: str) -> Iterator[str]:
    """As IMAP, JSON, Python, HTML and mail write what is special to them or not ASCII."""
    raw = _bytes(text)
    yield text.replace("\\", "\\\\").replace('"', '\\"')
    for shown in {_JSON(text), _JSON_UNICODE(text), repr(text), ascii(text)}:
        yield shown[1:-1]
        yield _JSON(shown[1:-1])[1:-1]
    yield repr(raw)[2:-1]
    yield html.escape(text)
    yield html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
    yield text.encode("utf-7", "replace").decode()
    yield raw.decode("latin-1")
    yield unicodedata.normalize("NFD", text)
    yield encode_folder(text.encode("utf-16", "replace").decode("utf-16"))


def _percent_encoded(text: str) -> Iterator[str]:
    """As a URL's path, one part of it, or a form's field would have it: they differ in blanks and slashes."""
    raw = _bytes(text)
    for once in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield once
        yield quote(once, safe="")
    # Quoted-printable leaves most of ASCII alone.
    yield "".join(chr(byte) if 32 <= byte < 127 and byte != 61 else f"={byte:02X}" for byte in raw)


def _base64_cores(raw: bytes) -> Iterator[str]:
    """What base64 makes of it behind 0, 1 and 2 other bytes, without the ends: its neighbours shape them."""
    for shift in range(3):
        whole = (shift + len(raw)) // 3 * 4
        yield base64.b64encode(b"\0" * shift + raw)[-(-shift * 4 // 3) : whole].decode()
