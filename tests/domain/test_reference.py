"""Reference targets, as an operator writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reference import MAX_REFERENCES, Reference, parse_references


def test_references_are_read_one_by_one() -> None:
    assert parse_references("1.1.1.1:53, [2001:DB8::1]:443 ,Example.COM.:25,bücher.example:1") == (
        Reference("1.1.1.1", 53),
        Reference("2001:db8::1", 443),
        Reference("example.com", 25),
        Reference("xn--bcher-kva.example", 1),
    )


def test_what_is_said_twice_counts_once() -> None:
    assert parse_references("a.example:1,A.example:1,,a.example:2,") == (
        Reference("a.example", 1),
        Reference("a.example", 2),
    )


@pytest.mark.parametrize(
    "text",
    [
        "a.example",
        "a.example:",
        ":53",
        "a.example:0",
        "a.example:65536",
        "a.example:-1",
        "a.example:\uff15\uff13",
        "a.example:53/tcp",
        "a.example:53;b.example:53",
        "https://a.example:53",
        "u@a.example:53",
        "2001:db8::1:53",
        "[a.example]:53",
        "[192.0.2.1]:53",
        "[2001:db8::1]",
        "[fe80::1%eth0]:53",
        "1.2.3:53",
        "a_b.example:53",
        "a b.example:53",
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a comma-separated list") as refusal:
        parse_references(f"192.0.2.1:53,{text}")
    assert repr(text) in str(refusal.value)


def test_no_more_than_can_be_asked_at_once() -> None:
    many = [f"a.example:{port}" for port in range(1, MAX_REFERENCES + 1)]
    assert len(parse_references(",".join(many))) == MAX_REFERENCES
    with pytest.raises(ValueError, match="more than"):
        parse_references(",".join([*many, "b.example:1"]))


@given(st.ip_addresses(), st.integers(1, 65535))
def test_every_address_and_port_is_read_as_it_is_written(address: object, port: int) -> None:
    host = str(address)
    written = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert parse_references(written) == (Reference(host, port),)
