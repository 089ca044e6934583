"""YAML as people write it by hand, read with care: a small part of 1.2, no key twice, and lines to point at.

`no` and `NO` are texts (Norway), `0123` is one too, and nothing becomes a date.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from app.documents.monitors_file import MAX_MONITORS

MAX_BYTES = MAX_MONITORS * 1600
"""32 MB: an exported monitor takes some 700 bytes."""
MAX_VALUES = MAX_MONITORS * 100
"""An exported monitor has some 40, with keys. Aliases may repeat what a few lines say, up to so many."""
MAX_DEPTH = 32
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"
TOO_MANY = f"has more than {MAX_VALUES:,} values"
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_NUMBERS = {
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    # With a dot, like those that are quoted by whoever writes YAML for older readers.
    "float": re.compile(r"[-+]?[0-9]+\.[0-9]*([eE][-+][0-9]+)?"),
}


class YamlError(ValueError):
    """The text cannot be read; `line` says where, counted from 1, if anywhere."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


class _Loader(_BASE):  # type: ignore[misc] # chosen when it is loaded
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's way


for _kind, _pattern, _first in (
    ("null", re.compile("~|null|Null|NULL|"), ["~", "n", "N", ""]),
    ("bool", re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF")),
    ("int", _NUMBERS["int"], list("-+0123456789")),
    ("float", _NUMBERS["float"], list("-+0123456789")),
    ("merge", re.compile("<<"), ["<"]),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"(?:{_pattern.pattern})\\Z"), _first)


@dataclass
class YamlText:
    """What was read, and where it stood."""

    value: Any
    _root: Any = field(repr=False)

    def line_of(self, path: str) -> int | None:
        """The line of a dotted path, or of what is nearest above it."""
        node, line = self._root, self._root.start_mark.line + 1
        for step in path.split(".") if path else []:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return int(line)


def read(text: str) -> YamlText:
    """Raises YamlError, which quotes nothing of the text."""
    try:
        _require_bounded(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(f"is no YAML: {_told(error)}", mark.line + 1 if mark else None) from None
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError):
        raise YamlError("is no YAML") from None
    if root is None:
        raise YamlError("is empty")
    return YamlText(_Builder().build(root, 0), root)


def _require_bounded(text: str) -> None:
    """Looked at first, one after the other: nodes are put together recursively, in C without any limit."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise YamlError(TOO_DEEP, event.start_mark.line + 1)
        if count > MAX_VALUES:
            raise YamlError(TOO_MANY, event.start_mark.line + 1)


def _told(error: yaml.MarkedYAMLError) -> str:
    """The parser's words without what it quotes, which may be a secret."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "…", error.problem or "it cannot be parsed")


class _Builder:
    def __init__(self) -> None:
        self.left = MAX_VALUES

    def build(self, node: Any, depth: int) -> Any:
        self.left -= 1
        line = node.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise YamlError(TOO_DEEP, line)
        if self.left < 0:
            raise YamlError(TOO_MANY, line)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        return _scalar(node, line)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                for source in reversed(_sources(value_node, line)):
                    merged |= self.build(source, depth + 1)
                continue
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise YamlError("has a key that is no text", line)
            if key in own:
                raise YamlError("has a key twice", line)
            own[key] = self.build(value_node, depth + 1)
        return merged | own


def _sources(node: Any, line: int) -> list[Any]:
    found = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(one, yaml.MappingNode) for one in found):
        raise YamlError("merges (<<) what is no mapping", line)
    return list(found)


def _scalar(node: Any, line: int) -> Any:
    text, kind = node.value, node.tag.removeprefix(_TAG)
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind in _NUMBERS and _NUMBERS[kind].fullmatch(text) and len(text) < MAX_VALUES:
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            raise YamlError("has a number that is too long", line) from None
    raise YamlError("has a tag that is not understood", line)


def _child(node: Any, step: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.SequenceNode):
        is_there = step.isdigit() and int(step) < len(node.value)
        return (node.value[int(step)].start_mark.line + 1, node.value[int(step)]) if is_there else None
    for key, value in _pairs(node, 0):
        if key.value == step:
            return key.start_mark.line + 1, value
    return None


def _pairs(node: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """Keys and values of a mapping, its own first, then those that it merges."""
    if not isinstance(node, yaml.MappingNode) or depth > MAX_DEPTH:
        return
    merges: list[Any] = []
    for key, value in node.value:
        if key.tag == f"{_TAG}merge":
            merges += value.value if isinstance(value, yaml.SequenceNode) else [value]
        else:
            yield key, value
    for merged in merges:
        yield from _pairs(merged, depth + 1)


def write(value: Any) -> str:
    """As people would write it: in the order given, one line for each value, no line broken."""
    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text
