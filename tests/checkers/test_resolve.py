"""Name resolution in a few threads of its own."""

import socket
import threading
from collections.abc import Callable

import pytest

from app import checkers
from app.checkers import resolve
from app.checkers.failure import CheckError
from app.checkers.limits import Limits
from app.checkers.resolve import Resolver
from app.domain.enums import ErrorCode, Phase
from tests.checkers.faking import LOOPBACK, target_at


class SlowLookup:
    """Stands in for getaddrinfo: answers when it is released, and notes which names were asked for."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[str] = []
        self.began = threading.Semaphore(0)

    def __call__(self, name: str) -> list[str]:
        self.asked.append(name)
        self.began.release()
        self.release.wait(10)
        return ["192.0.2.1"]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowLookup:
    lookup = SlowLookup()
    monkeypatch.setattr(resolve, "lookup", lookup)
    return lookup


def failing(error: Exception) -> Callable[[str], list[str]]:
    def lookup(_: str) -> list[str]:
        raise error

    return lookup


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "Temporary failure"),
        (UnicodeError("label too long"), "it is no valid host name"),
        (ValueError("embedded null byte"), "it is no valid host name"),
    ],
)
def test_failed_lookup_is_a_dns_failure(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(resolve, "lookup", failing(error))
    outcome = checkers.run(target_at(1, hostname="lost.example"), 5, LOOPBACK)
    assert (outcome.code, outcome.phase) == (ErrorCode.DNS_FAILURE, Phase.DNS)
    assert outcome.message == f"The name lost.example was not found: {reason}."
    assert outcome.diagnostics["attempts"] == 1


def test_name_without_address_is_a_dns_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "lookup", lambda _: [])
    outcome = checkers.run(target_at(1, hostname="empty.example"), 5, LOOPBACK)
    assert outcome.message == "The name empty.example has no address."


def test_crash_of_a_lookup_ends_the_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "lookup", failing(RuntimeError("boom")))
    outcome = checkers.run(target_at(1, hostname="crash.example"), 5, LOOPBACK)
    assert outcome.code is ErrorCode.INTERNAL_ERROR


def test_real_lookup_knows_the_hosts_file() -> None:
    assert "127.0.0.1" in resolve.lookup("localhost")
    assert "127.0.0.1" in resolve.resolve("localhost", Limits(5))


@pytest.mark.parametrize("literal", ["192.0.2.7", "2001:db8::7"])
def test_address_literal_needs_no_lookup(monkeypatch: pytest.MonkeyPatch, literal: str) -> None:
    monkeypatch.setattr(resolve, "lookup", failing(AssertionError()))
    assert resolve.resolve(literal, Limits(5)) == [literal]


def test_no_more_addresses_are_tried_than_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "lookup", lambda _: [f"192.0.2.{n}" for n in range(100)])
    assert len(resolve.resolve("many.example", Limits(5))) == resolve.MAX_ADDRESSES


def test_lookup_under_way_is_shared(slow: SlowLookup) -> None:
    resolver = Resolver()
    first, second = resolver.start("same.example"), resolver.start("same.example")
    slow.release.set()
    assert first is second
    assert first.result(5) == ["192.0.2.1"]
    assert slow.asked == ["same.example"]


def test_finished_lookup_is_not_a_cache(slow: SlowLookup) -> None:
    slow.release.set()
    resolver = Resolver()
    resolver.start("twice.example").result(5)
    resolver.start("twice.example").result(5)
    assert slow.asked == ["twice.example"] * 2


def test_hanging_lookups_pile_up_neither_threads_nor_names(slow: SlowLookup) -> None:
    resolver = Resolver(max_threads=2, max_waiting=3)
    before = threading.active_count()
    futures = [resolver.start(f"{number}.example") for number in range(2)]
    for _ in range(2):
        assert slow.began.acquire(timeout=5)
    futures += [resolver.start(f"{number}.example") for number in range(2, 5)]
    with pytest.raises(CheckError, match="Too many name lookups"):
        resolver.start("one.too.many.example")
    assert threading.active_count() - before == 2
    slow.release.set()
    assert [future.result(5) for future in futures] == [["192.0.2.1"]] * 5


def test_thread_that_cannot_start_fails_the_lookup_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            resolver.start("localhost")
    assert resolver.start("localhost").result(5)


def test_hanging_resolver_does_not_hold_the_process() -> None:
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == resolve.THREAD_NAME)
