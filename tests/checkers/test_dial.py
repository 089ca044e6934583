"""Dialling several addresses."""

import errno
import socket
import time
from collections.abc import Iterator

import pytest

from app.domain.enums import ErrorCode
from app.net import dial
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.sockets import GuardedSocket
from tests.fakes import faults

ELSEWHERE = "127.0.0.2"


@pytest.fixture
def port() -> Iterator[int]:
    """Open at 127.0.0.1 alone: at every other loopback address it is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_next_address_is_tried_when_one_refuses(port: int) -> None:
    sock, address = dial.dial([ELSEWHERE, "127.0.0.1"], port, Limits(5))
    sock.close()
    assert address == "127.0.0.1"


def test_address_family_that_is_missing_here_is_passed_over(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(family: int, kind: int) -> GuardedSocket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return GuardedSocket(family, kind)

    monkeypatch.setattr(dial, "GuardedSocket", make)
    sock, address = dial.dial(["::1", "127.0.0.1"], port, Limits(5))
    sock.close()
    assert address == "127.0.0.1"
    with pytest.raises(CheckError) as caught:
        dial.dial(["::1"], port, Limits(5))
    assert caught.value.code is ErrorCode.CONNECTION_FAILED


def test_lack_of_descriptors_is_no_fault_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(family: int, kind: int) -> GuardedSocket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(dial, "GuardedSocket", make)
    with pytest.raises(OSError, match="Too many open files"):
        dial.dial(["127.0.0.1"], 1, Limits(5))


def test_silent_address_holds_up_the_next_for_a_moment_only() -> None:
    with faults.unanswering_port() as port, socket.create_server((ELSEWHERE, port)):
        started_at = time.monotonic()
        sock, address = dial.dial(["127.0.0.1", ELSEWHERE], port, Limits(5))
        took = time.monotonic() - started_at
        sock.close()
    assert address == ELSEWHERE
    # RFC 8305 recommends 250 ms; a deadline is twenty times as long here.
    assert 0.25 <= took < 1


def test_refusal_says_most_of_several_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    with faults.refusing_port() as port, pytest.raises(CheckError) as caught:
        # An address for multicast cannot be connected to at all.
        dial.dial(["255.255.255.255", "127.0.0.1"], port, Limits(5))
    assert caught.value.code is ErrorCode.CONNECTION_REFUSED
    assert caught.value.is_retryable


def test_unreachable_address_is_a_failed_connection() -> None:
    with pytest.raises(CheckError, match="No connection to port 9: ") as caught:
        dial.dial(["255.255.255.255"], 9, Limits(5))
    assert caught.value.code is ErrorCode.CONNECTION_FAILED
    assert not caught.value.is_retryable
