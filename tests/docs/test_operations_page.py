"""The operator's book has a place for every trouble that Pillarbox tells of by itself."""

import re

import yaml

from app.domain.enums import TroubleKind
from tests.docs.markdown import anchors, headings
from tests.docs.pages import ROOT, Page

OPERATIONS = Page(ROOT / "docs" / "operations.md")
RULES = sorted((ROOT / "deploy" / "prometheus").glob("*.rules.yml"))


def test_every_kind_of_trouble_is_explained() -> None:
    troubles = OPERATIONS.text.partition("\n## Troubles\n")[2].partition("\n## ")[0]
    assert {kind for kind in TroubleKind if f"(`{kind}`" not in troubles} == set()


def test_regular_tasks_and_troubles_are_sections() -> None:
    assert {"Troubles", "Regular tasks"} <= {heading.text for heading in headings(OPERATIONS)}


def test_every_alert_rule_leads_to_a_place_in_a_document() -> None:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    nowhere = [rule["alert"] for rule in rules if "alert" in rule and not _is_explained(rule)]

    assert nowhere == []


def _is_explained(rule: dict[str, dict[str, str]]) -> bool:
    """Whether an annotation names a page and a heading that is there."""
    text = " ".join(rule.get("annotations", {}).values())
    places = re.findall(r"docs/([\w.-]+\.md)#([\w-]+)", text)
    return any(
        (ROOT / "docs" / page).exists() and anchor in anchors(Page(ROOT / "docs" / page))
        for page, anchor in places
    )
