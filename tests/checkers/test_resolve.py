"""Name resolution in a few threads of its own."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from app import checkers
from app.domain.enums import ErrorCode, Phase
from app.net import resolve
from app.net.failure import CheckError
from app.net.limits import Limits
from app.net.resolve import HangingNames, Query, Resolver
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
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowLookup]:
    lookup = SlowLookup()
    monkeypatch.setattr(resolve, "lookup", lookup)
    yield lookup
    lookup.release.set()
    wait_for_threads()


def lookup_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == resolve.THREAD_NAME]


def wait_for_threads() -> None:
    for thread in lookup_threads():
        thread.join(5)
    assert lookup_threads() == []


class Hangs:
    """Teaches a resolver that names hang: their lookup ends when the check that waits has given up."""

    def __init__(self, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resolver = resolver
        self.patch = monkeypatch
        self.queries: dict[str, Query] = {}
        self.all_asked = threading.Event()

    def lookup(self, name: str) -> list[str]:
        self.all_asked.wait(5)
        self.resolver.leave(self.queries[name])
        return []

    def teach(self, names: list[str]) -> None:
        with self.patch.context() as patch:
            patch.setattr(resolve, "HANGING_SECONDS", 0)
            patch.setattr(resolve, "lookup", self.lookup)
            self.queries = {name: self.resolver.join(name) for name in names}
            self.all_asked.set()
            wait_for_threads()


HANGING = [f"hangs{number}.example" for number in range(500)]


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


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ("a:1 a:2 a:3 4.1 4.2", "a:1 4.1 a:2 4.2 a:3"),
        ("4.1 a:1 a:2 a:3", "4.1 a:1 a:2 a:3"),
        ("4.2 4.1", "4.2 4.1"),
        ("a:2 4.2 a:1 4.1", "a:2 4.2 a:1 4.1"),
        ("", ""),
    ],
)
def test_families_take_turns_and_the_first_stays_first(found: str, order: str) -> None:
    assert resolve.interleave(found.split()) == order.split()


def test_one_family_of_a_name_with_many_addresses_does_not_crowd_out_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [f"2001:db8::{number:x}" for number in range(1000)]
    monkeypatch.setattr(resolve, "lookup", lambda _: [*many, "192.0.2.1"])
    found = resolve.resolve("many.example", Limits(5))
    assert found[:3] == [many[0], "192.0.2.1", many[1]]
    assert len(found) == resolve.MAX_ADDRESSES


def test_lookup_under_way_is_shared(slow: SlowLookup) -> None:
    resolver = Resolver()
    first, second = resolver.join("same.example"), resolver.join("same.example")
    slow.release.set()
    assert first is second
    assert first.answer.result(5) == ["192.0.2.1"]
    assert slow.asked == ["same.example"]


def test_finished_lookup_is_not_a_cache(slow: SlowLookup) -> None:
    slow.release.set()
    resolver = Resolver()
    resolver.ask("twice.example", 5)
    resolver.ask("twice.example", 5)
    assert slow.asked == ["twice.example"] * 2


def test_hanging_lookups_pile_up_neither_threads_nor_names(slow: SlowLookup) -> None:
    resolver = Resolver(max_threads=2, max_waiting=3)
    queries = [resolver.join(f"{number}.example") for number in range(2)]
    for _ in range(2):
        assert slow.began.acquire(timeout=5)
    queries += [resolver.join(f"{number}.example") for number in range(2, 5)]
    with pytest.raises(CheckError, match="Too many name lookups") as caught:
        resolver.join("one.too.many.example")
    assert caught.value.code is ErrorCode.INTERNAL_ERROR
    assert len(lookup_threads()) == 2
    slow.release.set()
    assert [query.answer.result(5) for query in queries] == [["192.0.2.1"]] * 5


def test_lookup_nobody_waits_for_any_more_is_skipped(slow: SlowLookup) -> None:
    resolver = Resolver(max_threads=1, max_waiting=2)
    resolver.join("first.example")
    assert slow.began.acquire(timeout=5)
    for number in range(10):
        resolver.leave(resolver.join(f"abandoned{number}.example"))
    resolver.leave(resolver.join("shared.example"))
    shared = [resolver.join("shared.example"), resolver.join("shared.example")]
    resolver.leave(shared[0])
    slow.release.set()
    assert shared[1].answer.result(5) == ["192.0.2.1"]
    assert slow.asked == ["first.example", "shared.example"]


def test_check_whose_lookup_never_began_is_told_that_we_are_busy(slow: SlowLookup) -> None:
    resolver = Resolver(max_threads=1)
    resolver.join("first.example")
    assert slow.began.acquire(timeout=5)
    with pytest.raises(CheckError, match="Too many name lookups") as caught:
        resolver.ask("second.example", 0.01)
    assert caught.value.code is ErrorCode.INTERNAL_ERROR


def test_names_known_to_hang_leave_the_others_alone(
    slow: SlowLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(max_threads=4, max_slow_threads=2)
    Hangs(resolver, monkeypatch).teach(HANGING)
    for name in HANGING:
        resolver.join(name)
    for _ in range(2):
        assert slow.began.acquire(timeout=5)
    monkeypatch.setattr(resolve, "lookup", lambda _: ["192.0.2.2"])
    assert resolver.ask("innocent.example", 5) == ["192.0.2.2"]
    assert len(slow.asked) == 2


def test_name_that_hangs_times_out_even_where_its_lookup_never_begins(
    slow: SlowLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(max_slow_threads=1)
    Hangs(resolver, monkeypatch).teach(HANGING[:2])
    resolver.join(HANGING[0])
    assert slow.began.acquire(timeout=5)
    with pytest.raises(TimeoutError):
        resolver.ask(HANGING[1], 0.01)


def lane_is_slow(resolver: Resolver, name: str) -> bool:
    """Whether the next lookup of the name takes the slow lane; it is not waited for."""
    query = resolver.join(name)
    resolver.leave(query)
    return query.lane is resolver._slow


def test_name_that_answers_in_time_again_is_no_longer_slow(
    slow: SlowLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver()
    Hangs(resolver, monkeypatch).teach(["mended.example"])
    assert "mended.example" in resolver._hanging
    slow.release.set()
    assert resolver.ask("mended.example", 5) == ["192.0.2.1"]
    wait_for_threads()
    assert not lane_is_slow(resolver, "mended.example")


def test_short_lookup_is_not_taken_for_a_hanging_one(
    slow: SlowLookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "HANGING_SECONDS", 60)
    resolver = Resolver()
    query = resolver.join("late.example")
    assert slow.began.acquire(timeout=5)
    resolver.leave(query)
    slow.release.set()
    wait_for_threads()
    assert not lane_is_slow(resolver, "late.example")


def test_hanging_names_are_forgotten_in_time_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    names = HangingNames()
    monkeypatch.setattr(resolve, "MAX_HANGING", 2)
    for name in ("a", "b", "a", "c"):
        names.add(name)
    assert [name in names for name in "abc"] == [True, False, True]
    monkeypatch.setattr(resolve, "SECOND_CHANCE_SECONDS", 0)
    assert "a" not in names


def test_thread_that_cannot_start_fails_the_lookup_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            resolver.join("localhost")
    assert resolver.ask("localhost", 5)


def test_hanging_resolver_does_not_hold_the_process() -> None:
    assert all(thread.daemon for thread in lookup_threads())
