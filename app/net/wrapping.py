"""Finds secrets that a server wrapped: the half at the end of one line, and the rest in the next ones."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from app.net.spelling import SHORTEST_TRACE, Spelt, bare

# What comes before a server's words: those of two lines belong together, and it between them does not.
_OPENING = re.compile(
    r"^(?:\*|[A-Z]+[0-9]+) (?:(?:OK|NO|BAD|BYE|PREAUTH) )?(?:\[[^\]]*\] )?"
    r"|^(?:\+OK|-ERR|\+) (?:\[[^\]]*\] )?"
)


def bodies(lines: Sequence[str]) -> Sequence[str]:
    """The lines without what the protocol puts before the server's words. A line alone is left as it is."""
    if len(lines) < 2:
        return lines
    return [_OPENING.sub("", line) if " " in line else line for line in lines]


def wrapped_lines(secrets: Iterable[Spelt], lines: Sequence[str]) -> set[int]:
    """The places of the lines that a secret runs through, in any of its forms, but for those it is all in."""
    touched: set[int] = set()
    if len(lines) < 2:
        return touched
    forms = {_squeezed(form) for spelt in secrets for form in spelt.folded}
    forms = {form for form in forms if len(form) >= SHORTEST_TRACE}
    traces = {trace for spelt in secrets for trace in spelt.traces}
    for view in (lines, bodies(lines)):
        touched.update(*_runs_through(forms, [_squeezed(line.casefold()) for line in view]))
        touched.update(*_runs_through(traces, [bare(line) for line in view]))
    return touched


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _runs_through(needles: Iterable[str], pieces: Sequence[str]) -> Iterator[range]:
    whole = "".join(pieces)
    ends = list(accumulate(map(len, pieces)))
    for needle in needles:
        at = whole.find(needle)
        while at >= 0:
            first, last = bisect_right(ends, at), bisect_right(ends, at + len(needle) - 1)
            if first < last:
                yield range(first, last + 1)
            # Where it is found over and over, the next place that matters begins or ends in another line.
            at = whole.find(needle, min(ends[first], ends[last] - len(needle) + 1))
