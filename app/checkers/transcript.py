"""What was said on the wire, for a person who wants to replay a failed check by hand (contract 3.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.checkers.text import MASK, Cleaner

HEAD_BYTES, TAIL_BYTES = 2048, 512
"""How much is kept of what one side said before the other spoke again: its beginning and its end."""
MAX_LINES = 80
MAX_LINE_LENGTH = 200
CLIENT, SERVER, NOTE = "C: ", "S: ", "-- "

# What may be shown of a line that logs in; the rest of it is a secret, whatever it looks like.
_HARMLESS = re.compile(
    rb'(?:\S+ LOGIN "(?:[^"\\]|\\.)*" ?|\S+ AUTHENTICATE [A-Z0-9-]+ ?|AUTH [A-Z0-9-]+ ?|USER .*|PASS )?',
    re.DOTALL,
)


@dataclass
class _Run:
    """What one side said without a break."""

    mark: str
    is_login: bool = False
    head: bytearray = field(default_factory=bytearray, repr=False)
    tail: bytearray = field(default_factory=bytearray, repr=False)
    left_out: int = 0

    def add(self, data: bytes) -> None:
        room = HEAD_BYTES - len(self.head)
        self.head += data[:room]
        self.tail += data[room:]
        excess = max(len(self.tail) - TAIL_BYTES, 0)
        self.left_out += excess
        del self.tail[:excess]

    def parts(self) -> Iterator[bytes | int]:
        """The text, with the number of bytes where some are missing."""
        if not self.left_out:
            yield bytes(self.head + self.tail)
            return
        yield bytes(self.head)
        yield self.left_out
        yield bytes(self.tail)


class Transcript:
    """Filled by the sockets of one attempt. Raw until it is read, so it has no repr of its contents."""

    def __init__(self) -> None:
        self.is_login = False
        """While this is set, what we send is shown only as far as it is harmless."""
        self._runs: list[_Run] = []

    def sent(self, data: bytes) -> None:
        # A run of its own each time: our lines are never cut in two.
        self._runs.append(_Run(CLIENT, self.is_login))
        self._runs[-1].add(data)

    def received(self, data: bytes) -> None:
        if not self._runs or self._runs[-1].mark != SERVER:
            self._runs.append(_Run(SERVER))
        self._runs[-1].add(data)

    def note(self, text: str) -> None:
        self._runs.append(_Run(NOTE))
        self._runs[-1].add(text.encode())

    def lines(self, clean: Cleaner) -> list[str]:
        """Line by line, each marked with who said it; secrets masked, and no more than a person reads."""
        lines = [line for run in self._runs for line in _lines(run, clean)]
        if len(lines) <= MAX_LINES:
            return lines
        half = MAX_LINES // 2
        return [*lines[:half], f"{NOTE}{len(lines) - 2 * half} lines left out", *lines[-half:]]


def _lines(run: _Run, clean: Cleaner) -> Iterator[str]:
    is_tail = False
    for part in run.parts():
        if isinstance(part, int):
            yield f"{NOTE}{part} bytes left out"
            is_tail = True
            continue
        for at, line in enumerate(part.splitlines(keepends=True)):
            shown = _harmless(line.rstrip(b"\r\n")) if run.is_login else line
            # Where something was left out, or never came, a secret may have been cut in two.
            is_part = (is_tail and at == 0) or not line.endswith(b"\n")
            yield run.mark + clean(shown, MAX_LINE_LENGTH, is_part=is_part)


def _harmless(line: bytes) -> bytes:
    found = _HARMLESS.match(line)
    shown = found[0] if found else b""
    return shown if shown == line else shown + MASK.encode()
