"""Secrets inside a monitor's config: what counts as one, how it is masked and kept (contract 3.1)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

MASK = "********"
SECRET_NAME = re.compile(r"pass|secret|token|key", re.IGNORECASE)
NOT_SECRET = frozenset({"tokenUrl"})
TLS_KEYS = ("tls", "startTls", "tlsOptions", "protocol")
"""Changing one of these can send a stored password somewhere else, or in the clear."""

OAUTH_KEYS = ("tokenUrl", "preset", "tenant", "ca")
"""Changing one of these can send the secrets of `oauth2` to somebody else."""


HARMLESS = frozenset(
    {
        "protocol",
        "tls",
        "startTls",
        "authMethod",
        "certificateWarningDays",
        "responseTimeWarningMs",
        "maxMessageAgeMinutes",
        "rejectUnauthorized",
        "servername",
        "minVersion",
        "legacy",
    }
)
"""Keys of a config, and of its `tlsOptions`, whose values anybody may read."""


class MaskError(ValueError):
    """The mask was sent where no secret is stored; `path` says where."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def is_secret(name: str) -> bool:
    return bool(SECRET_NAME.search(name)) and name not in NOT_SECRET


def mask(value: Any, name: str = "") -> Any:
    """A copy in which every secret that is set reads `********`, whatever its type."""
    if is_secret(name) and value is not None:
        return MASK
    if isinstance(value, Mapping):
        return {key: mask(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    return value


def harmless(value: Any, name: str) -> Any:
    """A copy in which everything is masked but what is known to be no secret."""
    if name == "tlsOptions" and isinstance(value, Mapping):
        return {key: harmless(item, key) for key, item in value.items()}
    return value if value is None or name in HARMLESS else MASK


def unmask(sent: Any, stored: Any, path: str = "imapPopConfig", name: str = "") -> Any:
    """A copy of what was sent, with each mask replaced by the secret stored in the same place.

    Raises MaskError where nothing is stored: a mask must never become a password.
    """
    if is_secret(name) and sent == MASK:
        if stored is None:
            raise MaskError(path)
        return stored
    if isinstance(sent, Mapping):
        before = stored if isinstance(stored, Mapping) else {}
        return {key: unmask(item, before.get(key), f"{path}.{key}", key) for key, item in sent.items()}
    if isinstance(sent, list):
        before_items = stored if isinstance(stored, list) else []
        return [_unmask_item(item, before_items[at : at + 1], f"{path}.{at}") for at, item in enumerate(sent)]
    return sent


def _unmask_item(sent: Any, stored: list[Any], path: str) -> Any:
    """An item of a list has no name, so its masks stand for secrets only where all else is as it was."""
    kept = next(kept_secrets(sent, path), None)
    if kept is None:
        return sent
    if not stored or mask(stored[0]) != sent:
        raise MaskError(kept)
    return stored[0]


def kept_secrets(sent: Any, path: str = "imapPopConfig", name: str = "") -> Iterator[str]:
    """Paths at which the mask was sent for a secret: the stored value is to be kept."""
    if is_secret(name) and sent == MASK:
        yield path
    elif isinstance(sent, Mapping):
        for key, item in sent.items():
            yield from kept_secrets(item, f"{path}.{key}", key)
    elif isinstance(sent, list):
        for at, item in enumerate(sent):
            yield from kept_secrets(item, f"{path}.{at}")


def has_secrets(value: Any, name: str = "") -> bool:
    if is_secret(name) and value is not None:
        return True
    if isinstance(value, Mapping):
        return any(has_secrets(item, key) for key, item in value.items())
    return isinstance(value, list) and any(has_secrets(item) for item in value)
