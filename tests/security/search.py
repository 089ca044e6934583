"""Looks for secrets in whatever was told: as they are, and as programs spell what they pass on."""

import base64
import html
import json
import quopri
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from app.net.folder import encode_folder

PIECE = re.compile(rb"[A-Za-z0-9]{8,}")
SHORTEST = 8
"""Anything shorter may be found by chance."""


@dataclass(frozen=True)
class Secret:
    """What must not be told, and the name by which a test speaks of it.

    `shown` is how the secret may begin in the open, as an API token's hint does.
    """

    name: str
    text: str = field(repr=False)
    shown: int = 0

    @property
    def hidden(self) -> str:
        return self.text[self.shown :]


def spellings(text: str) -> dict[str, bytes]:
    """The text in every form in which it may come out, by the form's name."""
    raw = text.encode()
    cores = dict(enumerate(base64_cores(raw)))
    forms = {
        "plain": raw,
        "latin-1": text.encode("latin-1", "ignore"),
        "utf-16": text.encode("utf-16-le"),
        "utf-7": text.encode("utf-7"),
        "modified utf-7": encode_folder(text).encode(),
        "decomposed": unicodedata.normalize("NFD", text).encode(),
        "read as latin-1": raw.decode("latin-1").encode(),
        "url": quote(text, safe="").encode(),
        "url path": quote(text).encode(),
        "form": quote_plus(text).encode(),
        "url, twice": quote(quote(text, safe=""), safe="").encode(),
        "json": json.dumps(text)[1:-1].encode(),
        "json, unicode": json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        "json, twice": json.dumps(json.dumps(text))[3:-3].encode(),
        "repr": repr(text)[1:-1].encode(),
        "ascii": ascii(text)[1:-1].encode(),
        "repr of bytes": repr(raw)[2:-1].encode(),
        "quoted string": text.replace("\\", "\\\\").replace('"', '\\"').encode(),
        "sql": text.replace("'", "''").encode(),
        "html": html.escape(text).encode(),
        "html, ascii": html.escape(text).encode("ascii", "xmlcharrefreplace"),
        "quoted-printable": quopri.encodestring(raw).replace(b"=\n", b""),
        "hex": raw.hex().encode(),
        "reversed": text[::-1].encode(),
        "base64, twice": base64.b64encode(base64.b64encode(raw)).rstrip(b"="),
        **{f"base64, {shift} bytes in": core for shift, core in cores.items()},
        **{
            f"url-safe base64, {shift} bytes in": urlsafe(core)
            for shift, core in enumerate(base64_cores(raw))
        },
    }
    return {name: form for name, form in forms.items() if len(form) >= SHORTEST}


def base64_cores(raw: bytes) -> Iterator[bytes]:
    """What base64 makes of it at each alignment, without the ends, which depend on what stands beside it."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        whole = (shift + len(raw)) // 3 * 4
        yield encoded[-(-shift * 4 // 3) : whole]


def urlsafe(encoded: bytes) -> bytes:
    return encoded.translate(bytes.maketrans(b"+/", b"-_"))


def pieces(text: str) -> dict[str, bytes]:
    """Parts long enough to be unmistakable: whatever cuts a secret up or escapes it leaves some of them."""
    return {f"the piece {piece[:2]!r}…": piece for piece in PIECE.findall(text.encode())}


def leaks(told: str | bytes, secrets: Iterable[Secret]) -> list[str]:
    """Which secrets are in it, and in which form; empty when all is well. Case does not matter."""
    haystack = (told.encode("utf-8", "surrogatepass") if isinstance(told, str) else told).lower()
    return [
        f"{secret.name} ({form}): …{_around(haystack, needle.lower())!r}"
        for secret in secrets
        for form, needle in {**pieces(secret.hidden), **spellings(secret.hidden)}.items()
        if needle.lower() in haystack
    ]


def leaks_by_place(told: Mapping[str, str | bytes], secrets: Iterable[Secret]) -> dict[str, list[str]]:
    """The places that tell a secret, each with its leaks."""
    wanted = list(secrets)
    found = {place: leaks(text, wanted) for place, text in told.items()}
    return {place: leaked for place, leaked in found.items() if leaked}


def _around(haystack: bytes, needle: bytes) -> bytes:
    at = haystack.index(needle)
    return haystack[max(at - 60, 0) : at + len(needle) + 20]
