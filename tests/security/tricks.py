"""What somebody who must not learn a stored password sends, to have it delivered to a server of theirs."""

from collections.abc import Iterator
from typing import Any

from tests.parts.certificates import authority
from tests.security.canaries import ASCII

MASK = "********"
MARK = "Xq7Kanarienvogel"
"""Begins every secret of CONFIG, whatever key it is under."""

CONFIG: dict[str, Any] = {
    "protocol": "imap",
    "user": "monitor@example.com",
    "password": ASCII.text,
    "tls": False,
    "tlsOptions": {"rejectUnauthorized": True, "keyFile": f"{MARK} of a key"},
    "backupPassword": f"{MARK} of a backup",
    "accounts": [{"token": f"{MARK} of a list", "plain": "x"}, "more"],
    "deep": {"er": [[{"secret": f"{MARK} of the deep"}]]},
    "secrets": {"password": f"{MARK} of a map", "list": [f"{MARK} of a list in a map"]},
}
MASKED: dict[str, Any] = {
    **CONFIG,
    "password": MASK,
    "tlsOptions": {"rejectUnauthorized": True, "keyFile": MASK},
    "backupPassword": MASK,
    "accounts": [{"token": MASK, "plain": "x"}, "more"],
    "deep": {"er": [[{"secret": MASK}]]},
    "secrets": MASK,
}
TLS_CHANGES: list[dict[str, Any]] = [
    {"tls": True},
    {"startTls": True},
    {"tlsOptions": {"rejectUnauthorized": False, "keyFile": MASK}},
    {"tlsOptions": {"rejectUnauthorized": True, "keyFile": MASK, "servername": "localhost"}},
    {"tlsOptions": {"rejectUnauthorized": True, "keyFile": MASK, "minVersion": "TLSv1.2"}},
    {"tlsOptions": {"rejectUnauthorized": True, "keyFile": MASK, "ca": authority().pem}},
    {"tlsOptions": None},
    {"tlsOptions": {}},
    {"protocol": "pop3"},
]


def places(port: int) -> list[dict[str, Any]]:
    """Ways to name another server than the monitor's own."""
    return [
        {"port": port},
        {"hostname": "localhost", "port": port},
        {"hostname": "LOCALHOST", "port": port},
        {"hostname": "127.0.0.2", "port": port},
        {"hostname": "::1", "port": port},
    ]


def configs() -> list[dict[str, Any] | None]:
    """Ways to say that what is stored is to be kept, in part or as a whole."""
    kept = [name for name in MASKED if name not in {"protocol", "tls"}]
    return [
        None,
        {},
        MASKED,
        {"user": "a", "password": MASK},
        {"user": "a", "password": MASK, "note": "x"},
        {"user": "a", "password": "mine", "backupPassword": MASK},
        {"user": "a", "password": [MASK]},
        {"user": "a", "password": {"password": MASK}},
        {"user": MASK, "password": MASK},
        {"user": "a", "Password": MASK, "password": "mine"},
        {"user": "a", "password": "mine", "secrets": {"password": MASK}},
        {"user": "a", "password": "mine", "accounts": [{"token": MASK, "plain": "x"}]},
        {"user": "a", "password": "mine", "accounts": [{"token": MASK, "plain": "y"}]},
        {"user": "a", "password": "mine", "accounts": ["more", {"token": MASK, "plain": "x"}]},
        {"user": "a", "password": "mine", "deep": {"er": [[{"secret": MASK}]]}},
        {"mailbox": MASK, "user": "a", "password": MASK},
        *({name: MASKED[name]} for name in kept),
        *({**MASKED, **change} for change in TLS_CHANGES),
    ]


def tricks(port: int) -> Iterator[dict[str, Any]]:
    """Bodies of a PATCH, each of which would move a stored secret if it were let through."""
    for place in places(port):
        yield place
        yield {**place, "customerId": None}
        yield {**place, "config": MASKED, "imapPopConfig": {**MASKED, "note": "x"}}
        yield {**place, "config": {}, "imapPopConfig": MASKED}
        yield {**place, "config": None, "imapPopConfig": {**MASKED, "user": "a"}}
    for name in ("config", "imapPopConfig"):
        for config in configs():
            yield {"port": port, name: config}
            yield {"hostname": "localhost", "port": port, name: config}
        for change in TLS_CHANGES:
            yield {name: {**MASKED, **change}}
            yield {name: {key: value for key, value in MASKED.items() if key not in change} | {"note": "x"}}
