"""Which addresses may be dialled."""

from dataclasses import replace
from ipaddress import ip_network
from typing import NoReturn

import pytest

from app import checkers
from app.checkers import connection
from app.domain.enums import CheckStatus, ErrorCode, Phase
from app.domain.target import TargetGuard
from app.net import resolve
from app.net.failure import CheckError
from app.net.guard import is_permitted
from tests.checkers.faking import target_at
from tests.fakes.imap_server import IMAP
from tests.fakes.server import FakeServer

DEFAULT = TargetGuard()

FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0.0.0.0",  # noqa: S104 - an address to be refused, not one to listen on
    "0.1.2.3",
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "fd00::1",
    "fc00::1",
    "fec0::1",
    "169.254.1.1",
    "169.254.169.254",
    "fe80::1",
    "fe80::1%lo",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0:8.8.8.8",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::808:808",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001::1",
]

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "192.167.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82a::200e",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
    "64:ff9b::808:808",
]


def guard(allow: str | None = None, deny: str | None = None, *, allow_private: bool = False) -> TargetGuard:
    return TargetGuard(
        allow_private=allow_private,
        allow=(ip_network(allow),) if allow else (),
        deny=(ip_network(deny),) if deny else (),
    )


@pytest.mark.parametrize("address", FORBIDDEN)
def test_internal_address_is_forbidden(address: str) -> None:
    assert not is_permitted(address, DEFAULT)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_permitted(address: str) -> None:
    assert is_permitted(address, DEFAULT)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_everything_is_permitted_where_private_targets_are(address: str) -> None:
    assert is_permitted(address, guard(allow_private=True))


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ("64:ff9b::10.1.2.3", "10.0.0.0/8"),
        ("fd00::1", "fd00::/8"),
    ],
)
def test_allowed_network_is_permitted_in_every_form(address: str, allow: str) -> None:
    assert is_permitted(address, guard(allow))
    assert not is_permitted("192.168.1.1", guard(allow))


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"])
def test_denied_network_always_wins(address: str) -> None:
    assert not is_permitted(address, guard("8.8.8.8/32", "8.8.0.0/16", allow_private=True))


@pytest.mark.parametrize("hostname", ["127.0.0.1", "::1", "localhost"])
def test_forbidden_target_is_not_dialled(hostname: str) -> None:
    with FakeServer(IMAP) as server:
        outcome = checkers.run(replace(target_at(server.port), hostname=hostname), 5)
    assert (outcome.code, outcome.phase) == (ErrorCode.TARGET_FORBIDDEN, Phase.DNS)
    assert server.connections == 0
    assert "address" not in outcome.diagnostics
    assert outcome.diagnostics["attempts"] == 1


def test_only_the_permitted_addresses_of_a_name_are_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "lookup", lambda _: ["127.0.0.2", "10.0.0.1", "127.0.0.1"])
    with FakeServer(IMAP) as server:
        target = target_at(server.port, hostname="mixed.example", user=None)
        outcome = checkers.run(target, 5, guard("127.0.0.1/32"))
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.diagnostics["address"] == "127.0.0.1"


@pytest.mark.parametrize("forbidden", ["fd00::%x", "10.0.0.%d"])
def test_forbidden_addresses_do_not_take_the_places_of_permitted_ones(
    monkeypatch: pytest.MonkeyPatch, forbidden: str
) -> None:
    monkeypatch.setattr(resolve, "lookup", lambda _: [*(forbidden % n for n in range(20)), "127.0.0.1"])
    with FakeServer(IMAP) as server:
        target = target_at(server.port, hostname="crowded.example", user=None)
        outcome = checkers.run(target, 5, guard("127.0.0.1/32"))
    assert outcome.diagnostics["address"] == "127.0.0.1"


def test_few_addresses_are_dialled_and_both_families_are_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []

    def dial(addresses: list[str], *_: object) -> NoReturn:
        dialled.extend(addresses)
        raise CheckError(ErrorCode.CONNECTION_FAILED, "noted")

    monkeypatch.setattr(connection, "dial", dial)
    found = [f"2606:4700::{number:x}" for number in range(20)]
    monkeypatch.setattr(resolve, "lookup", lambda _: [*found, "fd00::1", "1.1.1.1", "10.0.0.1", "8.8.8.8"])
    checkers.run(target_at(1, hostname="both.example"), 5)
    assert dialled == [found[0], "1.1.1.1", found[1], "8.8.8.8", *found[2:6]]


def test_name_is_resolved_once_so_that_it_cannot_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    monkeypatch.setattr(resolve, "lookup", lambda _: next(answers))
    with FakeServer(IMAP) as server:
        target = target_at(server.port, hostname="rebinding.example", user=None)
        outcome = checkers.run(target, 5, guard("127.0.0.1/32"))
    assert outcome.status is CheckStatus.SUCCESS
    assert next(answers) == ["10.0.0.1"]
