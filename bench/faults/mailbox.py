"""The mailbox that all cells are asked for."""

from dataclasses import replace

from app.domain.target import CheckTarget, TargetGuard, TlsPolicy
from bench.faults.cell import Cell

LOOPBACK = TargetGuard(allow_private=True)
USER = "monitor@example.com"
PASSWORD = 's3cret-w"r\\d'
"""With what has to be quoted in IMAP, so that it has more than one spelling."""


def target_of(cell: Cell, hostname: str, port: int, authority: str) -> CheckTarget:
    """How the cell's server is asked; the authority (PEM) is the one that signs honest certificates."""
    values = {"hostname": hostname, "user": USER, "password": PASSWORD, "tls": TlsPolicy(), **cell.target}
    target = CheckTarget(protocol=cell.protocol, port=port, security=cell.security, **values)
    return replace(target, tls=replace(target.tls, ca=authority))
