"""Secrets by reference, as files name them that are kept with other people's: `{env: NAME}`, `{file: PATH}`.

A reference may stand in the place of every value that `app.domain.secrets` takes for a secret. With
`else: keep` the stored secret stays where the reference leads nowhere.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from app.domain.secrets import MASK, is_secret, mask

ENV, FILE, ELSE, KEEP = "env", "file", "else", "keep"
NAME_PATTERN = "[A-Za-z_][A-Za-z0-9_]*"
MALFORMED = "must be a text, {env: NAME} or {file: PATH}, with `else: keep` if the stored one may stay"
MAX_PATH = 4096
SHOWN_NAME = 40


@dataclass(frozen=True)
class Reference:
    kind: str
    """ENV or FILE."""
    name: str
    is_optional: bool


class SecretError(ValueError):
    """What is wrong with a reference, or with where it leads; the text has no secret."""


LookUp = Callable[[Reference], str | None]
"""The secret, or None where there is none. Raises SecretError."""


@dataclass
class Resolved:
    """A config with secrets in the place of references, and what was wrong, by path."""

    config: dict[str, Any] = field(repr=False)
    faults: dict[str, list[str]]
    kept: dict[str, str]
    """Where the stored secret stays because the reference leads nowhere, and why."""


def resolve(config: Mapping[str, Any], look_up: LookUp, path: str = "imapPopConfig") -> Resolved:
    """Follow all references. What is kept reads as the mask, as in a body of the API."""
    resolved = Resolved({}, {}, {})
    resolved.config = _resolved(config, look_up, path, "", resolved)
    return resolved


def _resolved(value: Any, look_up: LookUp, path: str, name: str, found: Resolved) -> Any:
    if is_secret(name) and isinstance(value, Mapping) and not {ENV, FILE}.isdisjoint(value):
        try:
            return _secret(_read(value), look_up, path, found)
        except SecretError as error:
            found.faults[path] = [str(error)]
            return MASK
    if isinstance(value, Mapping):
        return {
            key: _resolved(item, look_up, f"{path}.{key}", str(key), found) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_resolved(item, look_up, f"{path}.{at}", "", found) for at, item in enumerate(value)]
    return value


def _secret(reference: Reference, look_up: LookUp, path: str, found: Resolved) -> str:
    secret = look_up(reference)
    if secret is not None:
        return secret
    nowhere = {ENV: "the environment has no variable", FILE: "there is no file"}[reference.kind]
    if not reference.is_optional:
        raise SecretError(f"leads nowhere: {nowhere} {reference.name}")
    found.kept[path] = f"{nowhere} {reference.name}"
    return MASK


def _read(value: Mapping[str, Any]) -> Reference:
    kinds = [kind for kind in (ENV, FILE) if kind in value]
    name = value[kinds[0]]
    is_known = len(kinds) == 1 and set(value) <= {kinds[0], ELSE} and value.get(ELSE, KEEP) == KEEP
    if not is_known or not isinstance(name, str) or not 0 < len(name) <= MAX_PATH or "\0" in name:
        raise SecretError(MALFORMED)
    if kinds[0] == ENV and not re.fullmatch(NAME_PATTERN, name):
        raise SecretError("names no variable: letters, digits and underscores, no digit first")
    return Reference(kinds[0], name, is_optional=ELSE in value)


class Suggestions:
    """Names of environment variables for the secrets of many monitors: always the same, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def referring(self, config: Mapping[str, Any], monitor_name: str, public_id: Any) -> dict[str, Any]:
        """A copy of the config with a reference for each secret.

        What is no text cannot come from a variable, nor what stands in a list be put together again from
        one: those read as the mask.
        """
        stem = f"MAILBOX_{_slug(monitor_name)[:SHOWN_NAME].strip('_')}_{str(public_id)[:8].upper()}"
        return {key: self._referring(value, key, f"{stem}_{_slug(key)}") for key, value in config.items()}

    def _referring(self, value: Any, name: str, variable: str) -> Any:
        if is_secret(name) and isinstance(value, str) and value:
            return {ENV: self._unique(variable), ELSE: KEEP}
        if isinstance(value, Mapping) and not is_secret(name):
            return {
                key: self._referring(item, key, f"{variable}_{_slug(key)}") for key, item in value.items()
            }
        return mask(value, name)

    def _unique(self, variable: str) -> str:
        name = next(name for name in _numbered(variable) if name not in self._taken)
        self._taken.add(name)
        return name


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _slug(text: str) -> str:
    """As names of variables are written: `clientSecret` becomes CLIENT_SECRET."""
    ascii_ = normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", ascii_)
    return re.sub("[^A-Z0-9]+", "_", words.upper()).strip("_")
