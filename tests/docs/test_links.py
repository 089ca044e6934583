"""Pages lead to one another, and name only what there is."""

import re
from pathlib import Path

import pytest
from flask import Flask

from app.config import setting_fields
from tests.docs.markdown import CODE, anchors, links
from tests.docs.pages import ROOT, Page, all_pages

PAGES = all_pages()
BY_PATH = {page.path: page for page in PAGES}
README = BY_PATH[ROOT / "README.md"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

# Of the environment, and no settings of the service: of tests, of OpenSSL; a name that stands for any.
NO_SETTINGS = {
    "TEST_DATABASE_URL",
    "REQUIRE_PARTS",
    "HYPOTHESIS_PROFILE",
    "SSL_CERT_FILE",
    "NAME_FILE",
}
NO_METRICS = {"client"}
"""The package of the Python client."""
SETTING_LIKE = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?")


def _is_elsewhere(link: str) -> bool:
    return re.match(r"[a-z]+:", link) is not None


def _target(page: Page, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    return ((page.path.parent / path).resolve() if path else page.path), anchor


@each_page
def test_links_lead_somewhere(page: Page) -> None:
    broken = []
    for link in links(page):
        if _is_elsewhere(link):
            continue
        path, anchor = _target(page, link)
        if not path.exists() or (anchor and path in BY_PATH and anchor not in anchors(BY_PATH[path])):
            broken.append(link)

    assert broken == []


def test_every_page_is_found_from_the_readme() -> None:
    found, new = {README.path}, [README]
    while new:
        page = new.pop()
        paths = {_target(page, link)[0] for link in links(page) if not _is_elsewhere(link)}
        new += [BY_PATH[path] for path in (paths & BY_PATH.keys()) - found]
        found |= paths & BY_PATH.keys()

    assert sorted(BY_PATH.keys() - found) == []


@each_page
def test_settings_that_are_named_exist(page: Page) -> None:
    known = {setting.name.upper() for setting in setting_fields()} | NO_SETTINGS
    named = {match[1] for code in CODE.findall(page.text) if (match := SETTING_LIKE.fullmatch(code))}

    assert {name for name in named if name.removesuffix("_FILE") not in known and name not in known} == set()


@each_page
@pytest.mark.only_on("sqlite")
def test_endpoints_that_are_named_exist(app: Flask, page: Page) -> None:
    served = {re.sub(r"<(?:\w+:)?\w+>", ":", rule.rule) for rule in app.url_map.iter_rules()}
    named = re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)", page.text)

    assert {path for path in named if re.sub(r":\w+", ":", path) not in served} == set()


@each_page
def test_metrics_that_are_named_exist(page: Page) -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    known = set(re.findall(r'"(?:pillarbox_)?([a-z_]+)"', sources))
    named = {
        re.sub(r"_(?:total|bucket|sum|count)$", "", name)
        for code in CODE.findall(page.text)
        for name in re.findall(r"\bpillarbox_([a-z_]+[a-z])\b", code)
    }

    assert named - known - NO_METRICS == set()
