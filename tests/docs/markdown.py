"""What a page is made of, as far as tests compare it: headings, tables, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.pages import FENCE, Page

HEADING = re.compile(r"(#{1,6}) (.*)")
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Heading:
    level: int
    text: str

    @property
    def anchor(self) -> str:
        """As GitHub makes it."""
        bare = re.sub(r"[^\w\- ]", "", CODE.sub(r"\1", self.text).lower())
        return bare.strip().replace(" ", "-")


def prose(page: Page) -> list[str]:
    """The lines outside of fenced blocks."""
    fence, lines = "", []
    for line in page.text.splitlines():
        found = FENCE.fullmatch(line)
        if found and not fence:
            fence = found["fence"]
        elif found and line.strip() == fence:
            fence = ""
        elif not fence:
            lines.append(line)
    return lines


def headings(page: Page) -> list[Heading]:
    found = map(HEADING.fullmatch, prose(page))
    return [Heading(len(match[1]), match[2]) for match in found if match]


def anchors(page: Page) -> set[str]:
    return {heading.anchor for heading in headings(page)} | set(re.findall(r'<a id="([^"]+)">', page.text))


def links(page: Page) -> list[str]:
    return LINK.findall(CODE.sub("", "\n".join(prose(page))))


def tables(page: Page) -> list[list[list[str]]]:
    """Every table as rows of cells, without its header."""
    return list(_tables(prose(page)))


def _tables(lines: list[str]) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
        elif rows:
            yield rows[2:]
            rows = []


def names(table: list[list[str]]) -> list[str]:
    """What stands as code in the first column."""
    return [name for row in table for name in CODE.findall(row[0])]
