"""Ids as callers write them, and patterns for searches."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.identifiers import MAX_ID, parse_reference, parse_uuid
from app.services.pages import contains

ID = UUID("abcdef00-1111-4111-8111-111111111111")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (str(ID), ID),
        (str(ID).upper(), ID),
        ("0", 0),
        ("007", 7),
        (str(MAX_ID), MAX_ID),
        (str(MAX_ID + 1), None),
        ("1" * 20, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        (" 1", None),
        ("1\n", None),
        ("\u0661", None),
        (ID.hex, None),
        (f"{{{ID}}}", None),
        (f"urn:uuid:{ID}", None),
        (f"{ID}\n", None),
    ],
)
def test_a_reference_is_a_uuid_or_a_number_or_nothing(text: str, reference: UUID | int | None) -> None:
    assert parse_reference(text) == reference


@given(st.uuids())
def test_every_uuid_is_read_in_any_case(value: UUID) -> None:
    assert parse_uuid(str(value)) == parse_uuid(str(value).upper()) == value


@given(st.text())
def test_any_text_is_read_or_not_and_never_an_error(text: str) -> None:
    assert parse_reference(text) is None or text.isascii()


@pytest.mark.parametrize(
    ("text", "pattern"), [("a", "%a%"), ("100%", "%100\\%%"), ("a_b", "%a\\_b%"), ("\\", "%\\\\%")]
)
def test_a_search_takes_wildcards_literally(text: str, pattern: str) -> None:
    assert contains(text) == pattern
