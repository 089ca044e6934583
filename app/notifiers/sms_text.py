"""How much fits into one SMS (3GPP TS 23.038): 160 characters of its own alphabet, or 70 of any."""

import unicodedata
from collections.abc import Iterable

PLAIN, ANY = 160, 70
ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€")
"""These count twice."""
LIKE = str.maketrans(
    {
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u2026": "...",
        "\u00a0": " ",
    }
)
"""Dashes, quotation marks, dots and a blank, as they are typed."""


def fitted(forms: Iterable[str]) -> str:
    """The first of the forms that fits into one SMS; where none does, the last one, cut."""
    last = ""
    for form in forms:
        last = spelled(form)
        if fits(last):
            return last
    while not fits(last + "..."):
        last = last[:-1]
    return last + "..."


def spelled(text: str) -> str:
    """With letters of the SMS alphabet, as far as that leaves it legible."""
    return "".join(map(_spelled_letter, unicodedata.normalize("NFC", text).translate(LIKE)))


def fits(text: str) -> bool:
    if _is_plain(text):
        return len(text) + sum(letter in EXTENDED for letter in text) <= PLAIN
    # In UTF-16 units, of which some take two.
    return len(text.encode("utf-16-le")) // 2 <= ANY


def _is_plain(text: str) -> bool:
    return all(letter in ALPHABET or letter in EXTENDED for letter in text)


def _spelled_letter(letter: str) -> str:
    if _is_plain(letter):
        return letter
    base = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return base if base and _is_plain(base) else letter
