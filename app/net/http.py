"""One HTTP request to a server that is not ours, on the guarded connection: no redirect, proxy or cookie."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse

from app.domain.enums import ErrorCode
from app.domain.http_url import USUAL_PORTS, HttpUrl
from app.domain.target import TargetGuard, TlsPolicy
from app.net.addresses import permitted_addresses
from app.net.dial import dial
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.sockets import Connection
from app.net.tls import shake_hands


class Exchange(HTTPConnection):
    """HTTP on a connection that is already there; a lost one is not made again behind our back."""

    auto_open = 0

    def __init__(self, connection: Connection, hostname: str, port: int, scheme: str = "https") -> None:
        super().__init__(hostname, port)
        # Which port goes without saying in the header Host.
        self.default_port = USUAL_PORTS[scheme]
        # For HTTP the end of the connection may be the end of the answer.
        connection.may_end = True
        self.sock = connection


@contextmanager
def asking(
    url: HttpUrl,
    method: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    guard: TargetGuard,
    limits: Limits,
    tls: TlsPolicy,
) -> Iterator[HTTPResponse]:
    """Ask, and yield the head of the answer; its body is read, as far as it is wanted, within the block.

    Raises CheckError, also within the block. The address that is judged is the one that is dialled.
    """
    addresses = permitted_addresses(url.hostname, guard, limits)
    sock, _ = dial(addresses, url.port, limits)
    connection: Connection = sock
    try:
        if url.scheme == "https":
            connection = shake_hands(sock, tls, url.hostname)
        exchange = Exchange(connection, url.hostname, url.port, url.scheme)
        exchange.request(method, url.path, body, dict(headers))
        with exchange.getresponse() as response:
            yield response
    except (HTTPException, ValueError):
        raise CheckError(ErrorCode.PROTOCOL_ERROR, "The server did not answer in proper HTTP.") from None
    finally:
        with suppress(OSError):
            connection.hang_up()
