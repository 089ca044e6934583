"""The API guide in English and in German: both say the same, and what they say is what the service does."""

import json
import re
from typing import Any
from uuid import UUID

import pytest

from app.models import Organization
from tests.calling import CUSTOMERS, MONITORS, WINDOWS, Caller
from tests.docs.markdown import CODE, headings, names, tables
from tests.docs.pages import ROOT, Page
from tests.factories import Factory

ENGLISH, GERMAN = Page(ROOT / "docs" / "api.md"), Page(ROOT / "docs" / "api.de.md")
BOTH = pytest.mark.parametrize("page", [ENGLISH, GERMAN], ids=["en", "de"])
# Schemas whose properties a table lists, but for what the pages say of all of them at once.
TABLES = {
    "MonitorCreate": set[str](),
    "ImapPopConfig": set[str](),
    "TlsOptions": set[str](),
    "OAuth": set[str](),
    "CustomerCreate": {"organizationId"},
    "UserCreate": {"organizationId"},
    "MaintenanceWindowCreate": {"organizationId"},
}
CUSTOMER = "11111111-1111-4111-8111-111111111111"
A_MONITOR, AN_ERROR, A_RESULT = 0, 1, 2


def _json_blocks(page: Page) -> list[Any]:
    return [json.loads(block.text) for block in page.blocks if block.language == "json"]


def _sent_to(page: Page, path: str) -> dict[str, Any]:
    """The first body that a block of the page sends to the path."""
    (block, *_) = (block for block in page.blocks if re.search(rf"8000{path}[ \"]", block.text))
    return json.loads(re.findall(r"-d '([^']*)'", block.text)[0])  # type: ignore[no-any-return]


def test_both_have_the_same_sections() -> None:
    assert [each.level for each in headings(ENGLISH)] == [each.level for each in headings(GERMAN)]


def test_both_have_the_same_tables() -> None:
    english, german = ([[row[0] for row in table] for table in tables(page)] for page in (ENGLISH, GERMAN))

    assert english == german


def test_both_have_the_same_error_titles_and_statuses() -> None:
    for pattern in (r"\b[2345]\d\d\b", r"`[A-Z][A-Za-z/ ()]+`"):
        english, german = (set(re.findall(pattern, page.text)) for page in (ENGLISH, GERMAN))
        assert english == german


def test_both_have_the_same_blocks() -> None:
    english, german = (
        [re.sub(r"(?m)^#.*|\w+@example\.com", "", block.text) for block in page.blocks]
        for page in (ENGLISH, GERMAN)
    )

    assert english == german


@BOTH
@pytest.mark.parametrize("schema", TABLES)
@pytest.mark.only_on("sqlite")
def test_a_table_has_the_fields_of_the_schema(app: Any, page: Page, schema: str) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    fields = set(document["components"]["schemas"][schema]["properties"]) - TABLES[schema]

    assert fields in [set(names(table)) for table in tables(page)]


@BOTH
@pytest.mark.only_on("sqlite")
def test_the_errors_of_creating_are_the_documented_ones(app: Any, page: Page) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    (table,) = [table for table in tables(page) if table[0][1:2] == ["`Invalid hostname`"]]
    documented = set(document["paths"][MONITORS]["post"]["responses"])

    assert {row[0] for row in table} <= documented
    everywhere = {row[0] for table in tables(page) for row in table if re.fullmatch(r"[45]\d\d", row[0])}
    assert documented - {"201", "default"} <= everywhere


@BOTH
@pytest.mark.only_on("sqlite")
def test_what_is_sent_is_taken_and_what_is_answered_is_shown(
    page: Page, admin: Caller, make: Factory, house: Organization
) -> None:
    make.customer(house, public_id=UUID(CUSTOMER))
    shown = _json_blocks(page)
    body = _sent_to(page, MONITORS)

    answer = admin.post(MONITORS, body)
    refused = admin.post(MONITORS, {**body, "port": "993", "colour": 1})

    assert answer.status_code == 201
    assert list(answer.get_json()) == list(shown[A_MONITOR])
    assert {key: answer.get_json()[key] for key in body.keys() - {"customerId"}} == {
        key: shown[A_MONITOR][key] for key in body.keys() - {"customerId"}
    }
    assert refused.get_json() == shown[AN_ERROR]
    for path in (CUSTOMERS, WINDOWS):
        assert admin.post(path, _sent_to(page, path)).status_code == 201


@BOTH
@pytest.mark.only_on("sqlite")
def test_a_result_has_the_keys_that_are_shown(page: Page, app: Any) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    assert (
        _json_blocks(page)[A_RESULT].keys()
        == document["components"]["schemas"]["CheckResult"]["properties"].keys()
    )


@BOTH
@pytest.mark.only_on("sqlite")
def test_quoted_titles_are_titles_of_the_code(page: Page) -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    titles = [
        code for code in CODE.findall(page.text) if re.fullmatch(r"[A-Z][a-zA-Z/]+ [A-Za-z/() ]+", code)
    ]
    titles = [title for title in titles if not title.startswith(("GET ", "POST ", "PATCH ", "DELETE "))]

    assert len(titles) > 5
    assert [title for title in titles if f'"{title}"' not in sources] == []
