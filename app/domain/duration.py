"""How long something took, in words for people."""

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def duration_text(milliseconds: int) -> str:
    """Whole seconds, from the greatest unit that there is one of: `2m 30s`, `1d 0h 3m 4s`, `0s`."""
    left = milliseconds // 1000
    parts: list[str] = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts)
