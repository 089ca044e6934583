"""JSON values as they are written, where Python would take `true` for `1`."""

import json
from typing import Any


def is_same(one: Any, other: Any) -> bool:
    """Whether two values read the same in JSON, whatever the order of their keys."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
