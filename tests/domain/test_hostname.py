"""Host names as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.hostname import MAX_LENGTH, HostnameError, normalise_hostname

LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("mail.example.com", "mail.example.com"),
        ("MAIL.Example.Com", "mail.example.com"),
        ("mail.example.com.", "mail.example.com"),
        ("localhost", "localhost"),
        ("a-b.example", "a-b.example"),
        ("1and1.example", "1and1.example"),
        ("1.2.3.example", "1.2.3.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("192.0.2.1", "192.0.2.1"),
        ("\uff11\uff19\uff12.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        (LONGEST, LONGEST),
    ],
)
def test_a_name_is_normalised(typed: str, name: str) -> None:
    assert normalise_hostname(typed) == name
    assert normalise_hostname(name) == name


@pytest.mark.parametrize(
    "typed",
    ["", ".", "..", " ", " a.example", "a b", "a\tb", "a\n", "a\x00b", "https://a.example", "a.example/imap",
     "a:993", "user@a.example", "[::1]", "fe80::1%eth0", "-a.example", "a-.example", "a..b", ".a.example",
     "a_b.example", "*.example", "a" * 64, LONGEST + "b", "x" * 1000, "1.2.3", "256.0.0.1", "0x7f000001",
     "127.1", "2130706433", "a.1", "0x.0x", "xn--a", "xn--", "\ud800", "a\u200db.example", "\u00ad",
     "a\uff0fb", "ä" * 250],
)  # fmt: skip
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(HostnameError):
        normalise_hostname(typed)


@given(st.text(max_size=30) | st.text(".-0x1aäß:%[]@/\u3002\uff0e\u200d", max_size=20))
def test_any_text_is_normalised_for_good_or_refused(text: str) -> None:
    try:
        name = normalise_hostname(text)
    except HostnameError:
        return
    assert name.isascii()
    assert 0 < len(name) <= MAX_LENGTH
    assert normalise_hostname(name) == name


@given(st.ip_addresses())
def test_every_address_is_a_name(address: object) -> None:
    assert normalise_hostname(str(address)) == str(address)
