"""A browser, the web process it looks at, and the page of the API in it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.docs import DocsPage
from tests.conftest import ENVIRON
from tests.parts.browser import Complaints, Web, browser, watched_page

__all__ = ["browser"]


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a newly made installation answers."""
    with Web(tmp_path_factory.mktemp("web"), **ENVIRON).running() as address:
        yield address


@pytest.fixture(scope="package")
def opened(browser: Browser, address: str) -> Iterator[tuple[DocsPage, Complaints]]:
    """The page, which takes seconds to open, and all that it complained of."""
    with watched_page(browser, address) as (page, complaints):
        docs = DocsPage(page, address)
        docs.open()
        yield docs, complaints


@pytest.fixture
def docs(opened: tuple[DocsPage, Complaints]) -> Iterator[DocsPage]:
    """The opened page. Whatever a test does there, nothing foreign is asked for and nothing goes wrong."""
    docs, complaints = opened
    yield docs
    docs.tidy()
    heard = Complaints(complaints.foreign[:], complaints.errors[:])
    complaints.foreign.clear()  # or the tests that follow would fail for it
    complaints.errors.clear()
    assert heard == Complaints()
