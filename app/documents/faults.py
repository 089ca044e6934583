"""What is wrong with a document, as paths with sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

UNKNOWN = "is not a known field"
SHOWN_FAULTS = 3


def flat_faults(faults: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """marshmallow nests faults by field and index; the contract has one level of dotted paths."""
    if isinstance(faults, Mapping):
        for key, inner in faults.items():
            # Faults of the whole object come under "_schema".
            step = "" if key == "_schema" else str(key)
            yield from flat_faults(inner, ".".join(part for part in (path, step) if part))
    else:
        texts = [faults] if isinstance(faults, str) else list(faults)
        yield path, [_ours(text) for text in texts]


def _ours(text: str) -> str:
    """marshmallow's own sentences, in the style of ours."""
    return {"Unknown field.": UNKNOWN, "Invalid input type.": "must be an object"}.get(text, text)


def sentence(paths: Mapping[str, list[str]]) -> str:
    parts = [f"{path} {text}".strip() for path, texts in paths.items() for text in texts]
    more = f" (and {len(parts) - SHOWN_FAULTS} more)" if len(parts) > SHOWN_FAULTS else ""
    return "; ".join(parts[:SHOWN_FAULTS]) + more
