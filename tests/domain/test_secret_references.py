"""Secrets by reference: followed, kept, and suggested for an export."""

from typing import Any

import pytest

from app.domain.secret_references import Reference, Suggestions, resolve
from app.domain.secrets import MASK

KNOWN = {"A": "hush", "EMPTY": ""}
PUBLIC_ID = "66666666-6666-4666-8666-666666666666"


def look_up(reference: Reference) -> str | None:
    return KNOWN.get(reference.name)


def test_references_are_followed_wherever_a_secret_may_stand() -> None:
    config = {
        "user": "ada",
        "password": {"env": "A"},
        "oauth2": {"clientSecret": {"file": "A", "else": "keep"}, "tokenUrl": "https://a.example"},
        "list": [{"apiKey": {"env": "A"}}],
        "note": {"env": "A"},
    }

    found = resolve(config, look_up)

    assert found.config == config | {
        "password": "hush",
        "oauth2": {"clientSecret": "hush", "tokenUrl": "https://a.example"},
        "list": [{"apiKey": "hush"}],
    }
    assert (found.faults, found.kept) == ({}, {})
    assert "hush" not in repr(found)


def test_what_leads_nowhere_is_a_fault_unless_the_stored_secret_may_stay() -> None:
    found = resolve({"password": {"env": "B", "else": "keep"}, "token": {"file": "B"}}, look_up)

    assert found.config["password"] == MASK
    assert found.kept == {"imapPopConfig.password": "the environment has no variable B"}
    assert found.faults == {"imapPopConfig.token": ["leads nowhere: there is no file B"]}


@pytest.mark.parametrize(
    "value",
    [
        {"env": "A", "file": "A"},
        {"env": "A", "else": "drop"},
        {"env": "A", "more": 1},
        {"env": 5},
        {"env": ""},
        {"env": "no name"},
        {"file": "a\0b"},
    ],
)
def test_malformed_references_are_faults(value: dict[str, Any]) -> None:
    assert list(resolve({"password": value}, look_up).faults) == ["imapPopConfig.password"]


def test_an_object_that_is_no_reference_is_left_alone() -> None:
    config = {"tokens": {"a": 1}, "key": None}

    assert resolve(config, look_up).config == config


def test_suggested_names_are_always_the_same_and_each_once() -> None:
    config = {
        "user": "ada",
        "password": "hush",
        "apiKey": "hush",
        "api_key": "hush",
        "keyCount": 5,
        "tokens": ["hush"],
        "oauth2": {"clientSecret": "hush", "tokenUrl": "https://a.example"},
        "secret": None,
    }

    suggested = Suggestions().referring(config, "Büro (Süd)", PUBLIC_ID)

    assert suggested == Suggestions().referring(config, "Büro (Süd)", PUBLIC_ID)
    assert "hush" not in str(suggested)
    assert suggested["password"] == {"env": "MAILBOX_BURO_SUD_66666666_PASSWORD", "else": "keep"}
    assert suggested["apiKey"]["env"] + "_2" == suggested["api_key"]["env"]
    assert suggested["oauth2"]["clientSecret"]["env"] == "MAILBOX_BURO_SUD_66666666_OAUTH2_CLIENT_SECRET"
    assert (suggested["keyCount"], suggested["tokens"], suggested["secret"]) == (MASK, MASK, None)
