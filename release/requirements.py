"""The pins of requirements.txt, run time and development apart."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEVELOPMENT = "# --- Development"
_PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


def run_time() -> dict[str, str]:
    """Name -> version, of what production installs."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").partition(DEVELOPMENT)[0]
    return dict(sorted(_pins(text), key=lambda pin: pin[0].lower()))


def _pins(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if found := _PIN.match(line):
            yield found[1], found[2]
