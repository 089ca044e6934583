"""The pages of the documents: README.md and docs/*.md, and the shell blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REASONS = ("root", "systemd", "a public name")
MARK = re.compile(rf"<!-- not run: needs (?:{'|'.join(REASONS)}) -->")
ANY_MARK = re.compile(r"\s*<!--\s*not run")
FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>.*)")
SHELL = "sh"
STATUS = re.compile(r"#.*")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str
    line: int
    """Of the opening fence, counted from 1."""

    language: str
    is_indented: bool
    above: str
    """The line right above the opening fence."""

    lines: tuple[str, ...]

    @property
    def is_shell(self) -> bool:
        return self.language == SHELL

    @property
    def is_excused(self) -> bool:
        return MARK.fullmatch(self.above) is not None

    @property
    def is_run(self) -> bool:
        return self.is_shell and not self.is_excused

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @cached_property
    def announced_statuses(self) -> list[str]:
        """Statuses from 400 up that a comment in the block names: a call may be answered with these."""
        comments = " ".join(STATUS.findall(self.text))
        return re.findall(r"\b[45]\d\d\b", comments)


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return list(_blocks(self.name, self.text.splitlines()))

    @property
    def commands(self) -> str:
        """All that is run of the page."""
        return "\n".join(block.text for block in self.blocks if block.is_run)


def all_pages() -> list[Page]:
    return [Page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    begun: re.Match[str] | None = None
    start = 0
    for number, line in enumerate(lines):
        found = FENCE.fullmatch(line)
        if begun is None and found:
            begun, start = found, number
        elif begun and found and found["fence"].startswith(begun["fence"]) and not found["language"].strip():
            yield Block(
                page=page,
                line=start + 1,
                language=begun["language"].strip(),
                is_indented=bool(begun["indent"]),
                above=lines[start - 1] if start else "",
                lines=tuple(lines[start + 1 : number]),
            )
            begun = None
    assert begun is None, f"{page}:{start + 1}: a block without an end"
