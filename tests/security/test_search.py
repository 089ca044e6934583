"""The search for secrets finds what is there, or the tests that rely on it would prove nothing."""

from base64 import b64encode

import pytest

from tests.security.canaries import ALL, ASCII, FOREIGN
from tests.security.search import Secret, leaks, leaks_by_place, pieces, spellings

HIDDEN = Secret("hidden", "Grüße\"und\\Küsse%41' am {0}")
"""No piece of it is long enough to be found by itself, so that each spelling is found by its own form."""


@pytest.mark.parametrize("secret", [*ALL, HIDDEN], ids=lambda secret: secret.name)
def test_each_spelling_of_each_secret_is_found(secret: Secret) -> None:
    for form, spelt in spellings(secret.text).items():
        told = b"before " + spelt + b" behind"

        assert any(f"({form})" in leak for leak in leaks(told, [secret])), form
        assert leaks(told.upper(), [secret])


@pytest.mark.parametrize("secret", ALL, ids=lambda secret: secret.name)
def test_each_piece_is_found(secret: Secret) -> None:
    assert pieces(secret.text), "nothing would find this one cut in two"
    for piece in pieces(secret.text).values():
        assert leaks(b"-" + piece + b"-", [secret])


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("behind", ["", "y", "yz"])
def test_base64_is_found_wherever_the_secret_begins(before: str, behind: str) -> None:
    spelt = {
        shift
        for shift in range(3)
        if any(f"base64, {shift} bytes" in leak for leak in leaks(_base64(before, behind), [HIDDEN]))
    }
    assert len(before) % 3 in spelt


def test_nothing_is_found_where_nothing_is() -> None:
    assert leaks("The server refused the login: ********", ALL) == []
    assert leaks(b"", ALL) == []
    assert leaks_by_place({"here": "nothing", "there": ASCII.text}, ALL).keys() == {"there"}


def test_what_may_be_shown_is_no_leak() -> None:
    token = Secret("token", "wsm_abcde0123456789", shown=9)

    assert leaks("wsm_abcde", [token]) == []
    assert leaks("0123456789", [token])


def test_no_repr_of_a_secret_tells_it() -> None:
    assert leaks(repr([ASCII, FOREIGN]), ALL) == []


def _base64(before: str, behind: str) -> bytes:
    return b64encode(f"{before}{HIDDEN.text}{behind}".encode())
