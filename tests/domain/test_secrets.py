"""What counts as a secret, how it is masked and how it is kept."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.secrets import MASK, MaskError, has_secrets, is_secret, kept_secrets, mask, unmask

NAMES = st.sampled_from(["user", "password", "apiKey", "nested", "list", "Token", "mySECRETs", "tokenUrl"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5).filter(lambda text: text != MASK),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
CONFIGS = st.dictionaries(NAMES, VALUES, max_size=5)


@pytest.mark.parametrize(
    "name", ["password", "PASS", "passphrase", "clientSecret", "refreshToken", "apikey", "Key"]
)
def test_a_name_that_speaks_of_a_secret_is_one(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["user", "tls", "mailbox", "tokenUrl", ""])
def test_other_names_are_not(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"password": "x"}, {"password": MASK}),
        ({"password": ""}, {"password": MASK}),
        ({"password": 0}, {"password": MASK}),
        ({"password": False}, {"password": MASK}),
        ({"password": None}, {"password": None}),
        ({"keys": ["a", "b"]}, {"keys": MASK}),
        ({"secrets": {"a": 1}}, {"secrets": MASK}),
        ({"a": [{"b": {"token": "x", "c": 1}}]}, {"a": [{"b": {"token": MASK, "c": 1}}]}),
        ({"tokenUrl": "https://a.example"}, {"tokenUrl": "https://a.example"}),
        ("password", "password"),
    ],
)
def test_a_mask_hides_what_is_set(value: Any, shown: Any) -> None:
    assert mask(value) == shown


@given(CONFIGS)
def test_a_masked_config_sent_back_is_the_stored_one(config: dict[str, Any]) -> None:
    assert unmask(mask(config), config) == config


@given(CONFIGS)
def test_masking_hides_every_secret_and_shows_all_else(config: dict[str, Any]) -> None:
    shown = mask(config)

    assert shown.keys() == config.keys()
    assert mask(shown) == shown
    assert has_secrets(config) == (shown != config) == any(True for _ in kept_secrets(shown))


@given(CONFIGS, CONFIGS)
def test_what_was_sent_without_a_mask_is_what_is_kept(sent: dict[str, Any], stored: dict[str, Any]) -> None:
    assert unmask(sent, stored) == sent
    assert list(kept_secrets(sent)) == []


@pytest.mark.parametrize(
    ("sent", "stored", "path"),
    [
        ({"password": MASK}, {}, "imapPopConfig.password"),
        ({"password": MASK}, {"password": None}, "imapPopConfig.password"),
        ({"a": {"token": MASK}}, {"a": "x"}, "imapPopConfig.a.token"),
        ({"a": {"token": MASK}}, {"token": "x"}, "imapPopConfig.a.token"),
        ({"a": [{"key": MASK}]}, {"a": []}, "imapPopConfig.a.0.key"),
        ({"a": [{"key": MASK}]}, {"a": {"key": "x"}}, "imapPopConfig.a.0.key"),
        ({"a": [1, {"key": MASK}]}, {"a": [{"key": "x"}]}, "imapPopConfig.a.1.key"),
    ],
)
def test_a_mask_where_nothing_is_stored_is_an_error(sent: Any, stored: Any, path: str) -> None:
    with pytest.raises(MaskError) as error:
        unmask(sent, stored)
    assert error.value.path == path


def test_a_mask_that_is_no_secret_is_a_text() -> None:
    assert unmask({"note": MASK, "list": [MASK]}, {}) == {"note": MASK, "list": [MASK]}


@pytest.mark.parametrize(
    ("sent", "paths"),
    [
        ({"password": MASK, "user": MASK}, ["c.password"]),
        ({"a": [{"token": MASK}, 1], "b": {"key": MASK}}, ["c.a.0.token", "c.b.key"]),
        ({"password": "new"}, []),
    ],
)
def test_kept_secrets_are_those_sent_as_masks(sent: Any, paths: list[str]) -> None:
    assert list(kept_secrets(sent, "c")) == paths
