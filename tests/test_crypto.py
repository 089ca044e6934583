"""Encryption of stored secrets."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto import DecryptionError, Vault

OLD, NEW = b"o" * 32, b"n" * 32
VAULT = Vault([NEW, OLD])


@given(text=st.text(), row=st.text(st.characters(codec="utf-8")))
def test_what_is_encrypted_comes_back(text: str, row: str) -> None:
    if text.isprintable():
        assert VAULT.decrypt(VAULT.encrypt(text, row), row) == text


def test_the_same_text_is_never_the_same_twice() -> None:
    assert VAULT.encrypt("secret", "row") != VAULT.encrypt("secret", "row")


def test_another_row_does_not_decrypt() -> None:
    with pytest.raises(DecryptionError):
        VAULT.decrypt(VAULT.encrypt("secret", "row 1"), "row 2")


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    stored = Vault([OLD]).encrypt("secret", "row")

    assert VAULT.decrypt(stored, "row") == "secret"
    assert VAULT.encrypt("secret", "row").split(":")[1] == VAULT.key_id == Vault([NEW]).key_id
    assert stored.split(":")[1] == Vault([OLD]).key_id


def test_a_key_we_do_not_have_is_named_by_its_id() -> None:
    with pytest.raises(DecryptionError, match=Vault([OLD]).key_id):
        Vault([NEW]).decrypt(Vault([OLD]).encrypt("secret", "row"), "row")


@pytest.mark.parametrize(
    "form",
    [
        "",
        "secret",
        "v1:x",
        "v2:{key_id}:{sealed}",
        "v1:{key_id}:",
        "v1:{key_id}:{short}",
        "v1:{key_id}:{sealed}A",
        "v1:{key_id}:{sealed}!",
        "v1:{key_id}:{sealed}ä",
        "v1:{key_id}:{other}",
        "v1:{key_id}:AAAA{sealed}",
    ],
)
def test_a_value_that_was_changed_does_not_decrypt(form: str) -> None:
    _, key_id, sealed = VAULT.encrypt("a secret of some length", "row").split(":")
    other = base64.b64encode(b"x" * 40).decode()
    spoilt = form.format(key_id=key_id, sealed=sealed, short=sealed[:8], other=other)

    with pytest.raises(DecryptionError) as refusal:
        VAULT.decrypt(spoilt, "row")
    assert "a secret" not in str(refusal.value)


def test_a_repr_holds_no_key() -> None:
    assert repr(VAULT) == "<Vault of 2 keys>"
