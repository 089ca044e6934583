"""Host names as people type them, normalised once (contract 3.1, `hostname`)."""

import re
from ipaddress import IPv6Address, ip_address

import idna

MAX_LENGTH = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


class HostnameError(ValueError):
    """The text is neither a host name nor an IP literal."""


def normalise_hostname(text: str) -> str:
    """Return the A-label form of a host name (UTS 46), or the canonical form of an IP literal.

    Raises HostnameError for everything else: schemes, paths, ports, user names, spaces. A name
    whose last label is a number could only be a mistyped IPv4 address, so it is refused too.
    """
    if len(text) > MAX_LENGTH:
        raise HostnameError(text)
    literal = _ip_literal(text)
    if literal is not None:
        return literal
    name = _a_label(text)
    labels = name.split(".")
    if len(name) > MAX_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise HostnameError(text)
    if _NUMERIC.fullmatch(labels[-1]):
        # UTS 46 maps full-width digits to ASCII, so an address may only show now.
        literal = _ip_literal(name)
        if literal is None:
            raise HostnameError(text)
        return literal
    return name


def _ip_literal(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id:
        raise HostnameError(text)
    return str(address)


def _a_label(text: str) -> str:
    try:
        mapped = idna.uts46_remap(text, std3_rules=True, transitional=False)
        if mapped.isascii() and "xn--" not in mapped:
            return mapped.removesuffix(".")
        return idna.encode(mapped, uts46=False).decode("ascii").removesuffix(".")
    except (idna.IDNAError, UnicodeError) as error:
        raise HostnameError(text) from error
