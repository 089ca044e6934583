"""Every shell block of the documents is run, page by page, or says in one of three ways why it cannot be."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.pages import ANY_MARK, MARK, SHELL, Page, all_pages
from tests.docs.world import World
from tests.parts import require

PAGES = all_pages()
OTHER_NAMES = {"bash", "console", "shell", "shell-session", "zsh", "terminal", "sh-session"}
FLASK = re.compile(r"\bflask --app wsgi")
USE = re.compile(r"127\.0\.0\.1:8000|\bflask --app wsgi|\bbin/pillarbox")
"""Who asks the service, or has a command look into its database."""

# Pages that change what others rely on, or what the service may do, and so have one for themselves.
ALONE = {"docs/backup.md", "docs/deployment.md", "docs/quick-start.md"}

# Programs beside Pillarbox that blocks of a page call: the program, and where it comes from.
PROGRAMS: dict[str, dict[str, str]] = {}


def _shares(page: Page) -> bool:
    return _uses_it(page) and page.name not in ALONE


def _uses_it(page: Page) -> bool:
    return USE.search(page.commands) is not None


def _starts_it_itself(page: Page) -> bool:
    return re.search(r"\bmake run\b", page.commands) is not None


def _named(pages: list[Page]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


RUN = [page for page in PAGES if page.commands]


@pytest.fixture(scope="module")
def new_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    with ExitStack() as ends:

        def make(has_server: bool = False, **environ: str) -> World:
            world = World(tmp_path_factory.mktemp("clone"), environ, has_server)
            ends.callback(world.stop)
            return world

        yield make


@pytest.fixture(scope="module")
def shared_world(new_world: Callable[..., World]) -> World:
    """One service for all pages that only use it: the first of them is README.md, which starts it.

    They log in more often than anybody does by hand.
    """
    return new_world(has_server=True, RATE_LIMIT="off")


@_named([page for page in RUN if _shares(page)])
def test_blocks_of_a_page_that_uses_the_service(page: Page, shared_world: World) -> None:
    if not _starts_it_itself(page):
        shared_world.start()
    _read(page, shared_world)


@_named([page for page in RUN if not _shares(page)])
def test_blocks_of_a_page_by_itself(page: Page, new_world: Callable[..., World]) -> None:
    world = new_world(has_server=len(FLASK.findall(page.commands)) > 1)
    if _uses_it(page) and not _starts_it_itself(page):
        world.start()
    try:
        _read(page, world)
    finally:
        world.stop()


def _read(page: Page, world: World) -> None:
    for program, package in {"curl": "curl", "make": "make", **PROGRAMS.get(page.name, {})}.items():
        require(shutil.which(program) is not None, "Documents", f"{program} (apt-get install {package})")
    if story := world.read(page):
        pytest.fail(story, pytrace=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_have_one_name_and_one_of_three_excuses(page: Page) -> None:
    shells = [block for block in page.blocks if block.is_shell]
    lines = page.text.splitlines()

    assert [block.place for block in page.blocks if block.language.lower() in OTHER_NAMES] == []
    assert [block.place for block in page.blocks if not block.language] == []
    assert [block.place for block in shells if block.is_indented] == []
    excuses = [number for number, line in enumerate(lines, 1) if ANY_MARK.match(line)]
    excused = [block.line - 1 for block in shells if block.is_excused]
    assert excuses == excused, f"an excuse is exactly {MARK.pattern}, right above a block of {SHELL}"


EXAMPLE = """\
<!-- not run: needs root -->
```sh
exit 3
```

```sh
answer=42
```
text
```sh
test "$answer" = 42
{failing}
```
"""


def _example(folder: Path, failing: str) -> Page:
    page = Page(folder / "docs" / "example.md")
    page.path.parent.mkdir()
    page.path.write_text(EXAMPLE.format(failing=failing))
    return page


def test_what_fails_is_told_with_its_place_and_output(
    tmp_path: Path, new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The excused block is not run, variables carry over, and a failing command ends the page."""
    monkeypatch.setattr("tests.docs.pages.ROOT", tmp_path)
    monkeypatch.setattr("tests.docs.world._copy_sources", Path.mkdir)
    world = new_world()
    page = _example(tmp_path, "echo before; ls no-such-file; echo behind")

    story = world.read(page)

    assert story.startswith("docs/example.md:10: exit code 2")
    said = story.partition("It said:")[2]
    assert "before" in said
    assert "no-such-file" in said
    assert "behind" not in said
