"""What pytest needs for the fault matrix: the line that tells its size when all is done."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

PROPERTY = "fault matrix"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    cells = {
        outcome: [
            value
            for report in terminalreporter.stats.get(outcome, [])
            for name, value in report.user_properties
            if name == PROPERTY
        ]
        for outcome in ("passed", "failed")
    }
    for line in summary(cells["passed"], cells["failed"]):
        terminalreporter.write_line(line)


def summary(passed: list[list[str]], failed: list[list[str]]) -> list[str]:
    """One line, or none where the matrix was not asked for."""
    cells = [*passed, *failed]
    if not cells:
        return []
    faults = len({fault for fault, *_ in cells})
    parts = "; ".join(_counted(column) for column in zip(*(rest for _, *rest in cells), strict=True))
    verdict = f"{len(failed)} failed" if failed else "all as expected"
    return [f"fault matrix: {len(cells)} cells of {faults} faults ({parts}), {verdict}"]


def _counted(values: Iterable[str]) -> str:
    return ", ".join(f"{value} {count}" for value, count in sorted(Counter(values).items()))
