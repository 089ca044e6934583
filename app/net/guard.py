"""Which addresses may be dialled. Judged after resolution, on the very address that is dialled next."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.domain.target import TargetGuard

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT, and one cloud's metadata service (RFC 6598)
        "168.63.129.16/32",  # metadata service of another cloud, on a public address
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2001::/23",  # protocol assignments, Teredo among them (RFC 2928)
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""What the tables of Python 3.11's ipaddress leave out, or only know in later versions."""

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
"""The well-known prefix (RFC 6052): the last 32 bits are the IPv4 address that is reached."""


def is_permitted(address: str, guard: TargetGuard) -> bool:
    """Judge a numeric address, and the IPv4 address inside it where it carries one.

    A denied network always wins; otherwise an address must be public, or allowed by the guard.
    """
    outer = ip_address(address.partition("%")[0])
    inner = embedded_ipv4(outer)
    forms = (outer,) if inner is None else (outer, inner)
    if any(_within(form, guard.deny) for form in forms):
        return False
    if guard.allow_private or any(_within(form, guard.allow) for form in forms):
        return True
    return is_public(outer if inner is None else inner)


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def is_public(address: Address) -> bool:
    """Reachable over the internet by anybody: neither special-purpose (RFC 6890) nor multicast."""
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not _within(address, NOT_PUBLIC)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
