"""What was said on the wire, for a person who wants to replay a failed check by hand (contract 3.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from app.net.text import MASK, Cleaner

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
        said = _fewer([line for run in self._runs for line in _lines(run)])
        # Together, so that what a server wrapped is found, also where we spoke in between.
        answers = [line for line in said if line.mark == SERVER]
        parts = {at for at, line in enumerate(answers) if line.is_part}
        told = iter(clean.lines([line.text for line in answers], MAX_LINE_LENGTH, parts))
        return [line.mark + (next(told) if line.mark == SERVER else line.alone(clean)) for line in said]


@dataclass(frozen=True)
class _Line:
    mark: str
    text: bytes = field(repr=False)
    is_part: bool = False
    """Where something was left out, or never came, a secret may have been cut in two."""

    def alone(self, clean: Cleaner) -> str:
        return clean(self.text, MAX_LINE_LENGTH, is_part=self.is_part)


def _fewer(lines: list[_Line]) -> list[_Line]:
    """Its beginning and its end. Chosen before they are cleaned: that is what costs time."""
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    first, last = lines[:half], lines[-half:]
    first[-1], last[0] = replace(first[-1], is_part=True), replace(last[0], is_part=True)
    return [*first, _Line(NOTE, f"{len(lines) - 2 * half} lines left out".encode()), *last]


def _lines(run: _Run) -> Iterator[_Line]:
    is_tail = False
    for part in run.parts():
        if isinstance(part, int):
            yield _Line(NOTE, f"{part} bytes left out".encode())
            is_tail = True
            continue
        for at, line in enumerate(part.splitlines(keepends=True)):
            # Without its end, which would hide that half a secret stands before it.
            text = line.rstrip(b"\r\n")
            shown = _harmless(text) if run.is_login else text
            yield _Line(run.mark, shown, (is_tail and at == 0) or not line.endswith(b"\n"))


def _harmless(line: bytes) -> bytes:
    found = _HARMLESS.match(line)
    shown = found[0] if found else b""
    return shown if shown == line else shown + MASK.encode()
