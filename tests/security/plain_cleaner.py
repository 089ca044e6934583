"""What `Cleaner` does to one text, done the plain way: every form of every secret is looked for each time."""

import re
from collections.abc import Sequence

from app.net.spelling import bare, fold, spellings, traces, traces_of_parts

MASK = "********"
SHORTEST_PART = 3


def masked(text: str, user: str, secrets: Sequence[str], *, is_part: bool) -> str:
    """The text with its secrets masked, neither cut nor made printable."""
    forms = {form for secret in secrets for form in spellings(user, secret)}
    marks = {trace for secret in secrets for trace in (*traces(secret), *traces_of_parts(secret))}
    if _has_any(forms, text):
        pattern = "|".join(map(_pattern, sorted(forms, key=len, reverse=True)))
        text = re.sub(pattern, MASK, text, flags=re.IGNORECASE)
    if _has_any(forms, text) or any(mark in bare(text) for mark in marks):
        text = MASK
    return _without_ends(text, forms) if is_part else text


def _has_any(forms: set[str], text: str) -> bool:
    return any(fold(form) in fold(text) for form in forms)


def _pattern(form: str) -> str:
    return re.sub(r"(\\ )+", r"\\s+", re.escape(form))


def _without_ends(text: str, forms: set[str]) -> str:
    lowered = text.strip("\ufffd").lower()
    left = max((_overlap(form.lower(), lowered) for form in forms), default=0)
    right = max((_overlap(lowered, form.lower()) for form in forms), default=0)
    if left:
        text = MASK + text.lstrip("\ufffd")[left:]
    return text.rstrip("\ufffd")[:-right] + MASK if right else text


def _overlap(before: str, behind: str) -> int:
    sizes = range(min(len(before), len(behind)), SHORTEST_PART - 1, -1)
    return next((size for size in sizes if before.endswith(behind[:size])), 0)
