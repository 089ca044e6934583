"""In which spellings a server may give back a secret: as programs write down what they were sent."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from app.checkers.folder import encode_folder

SHORTEST_TRACE, SHORTEST_CODE = 6, 8
"""Anything shorter turns up in ordinary words by chance."""

PART, FEWEST_LETTERS = 24, 16

_NOT_BARE = re.compile(r"[^a-z0-9]+")


def bare(text: str) -> str:
    """Its ASCII letters and digits alone: cutting up, quoting and wrong character sets leave them be."""
    return _NOT_BARE.sub("", text.lower())


def spellings(user: str, password: str) -> set[str]:
    """The password in full, to be masked wherever a text has it."""
    raw = _bytes(password)
    sasl = (raw, *(b"%b\0%b\0%b" % (name, _bytes(user), raw) for name in (b"", _bytes(user))))
    encoded = {base64.b64encode(message).decode() for message in sasl}
    forms = {*encoded, *(text.rstrip("=") for text in encoded)}
    # A server that takes the line apart at its blanks echoes the password without those at its ends.
    for text in {password, password.strip()}:
        forms |= {text, *_escaped(text), *_percent_encoded(text)}
    # A password of blanks alone has nothing left when it is trimmed, and nothing is found everywhere.
    return {trimmed for form in forms for trimmed in (form, form.strip()) if form.strip()}


def traces(password: str) -> set[str]:
    """What is left of the password in a text made bare, where it was taken apart, turned round or encoded.

    Where it begins in such a text, and how much of the text belongs to it, cannot be told.
    """
    raw = _bytes(password)
    left = {bare(text) for text in (password, password[::-1])}
    codes = {bare(code) for code in (*_base64_cores(raw), *_base64_cores(base64.b64encode(raw)), raw.hex())}
    return {text for text in left if len(text) >= SHORTEST_TRACE} | {
        code for code in codes if len(code) >= SHORTEST_CODE
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


def _escaped(text: str) -> Iterator[str]:
    """As IMAP, JSON, Python, HTML and mail write what is special to them or not ASCII."""
    raw = _bytes(text)
    yield text.replace("\\", "\\\\").replace('"', '\\"')
    for shown in (json.dumps(text), json.dumps(text, ensure_ascii=False), repr(text), ascii(text)):
        yield shown[1:-1]
        yield json.dumps(shown[1:-1])[1:-1]
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
