"""What differs between two monitors, for people to read before it is done."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.json_value import is_same
from app.domain.secrets import MASK, is_secret, mask

MAX_SHOWN = 200
"""Characters of a text; certificates have thousands."""


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"imapPopConfig.user": {"before": …, "after": …}}`, objects key by key, and of secrets only that."""
    return {
        path: {"before": _shown(old, path), "after": _shown(new, path)}
        for path, old, new in _differing(before, after, "")
    }


def secrets_sent(before: Any, sent: Any, path: str) -> dict[str, dict[str, Any]]:
    """All secrets that were sent in clear text, as if each were another than the stored one."""
    name = path.rpartition(".")[2]
    if isinstance(sent, Mapping) and not is_secret(name):
        stored = before if isinstance(before, Mapping) else {}
        found = [secrets_sent(stored.get(key), item, f"{path}.{key}") for key, item in sent.items()]
        return {here: change for one in found for here, change in one.items()}
    if mask(sent, name) == sent:
        return {}
    return {path: {"before": _shown(before, path), "after": _shown(sent, path)}}


def _differing(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str
) -> Iterator[tuple[str, Any, Any]]:
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        here = f"{path}{key}"
        is_nested = all(item is None or isinstance(item, Mapping) for item in (old, new))
        if is_nested and (old or new) and not is_secret(key):
            yield from _differing(old or {}, new or {}, f"{here}.")
        elif not is_same(old, new) or (key in before) is not (key in after):
            yield here, old, new


def _shown(value: Any, path: str) -> Any:
    name = path.rpartition(".")[2]
    if is_secret(name):
        return None if value is None else MASK
    if isinstance(value, str) and len(value) > MAX_SHOWN:
        return f"({len(value)} characters)"
    return mask(value)
