"""Looking whether the network is there, at listeners and closed ports of this machine."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from app.domain.reference import MAX_REFERENCES, Reference
from app.net import dial, references
from app.net.references import all_unreachable
from tests.fakes import faults
from tests.worker.waiting import until

SHORT = 0.3


@pytest.fixture
def listening() -> Iterator[Reference]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Reference("127.0.0.1", listener.getsockname()[1])


@pytest.fixture
def refusing() -> Iterator[Reference]:
    with faults.refusing_port() as port:
        yield Reference("127.0.0.1", port)


@pytest.fixture
def silent() -> Iterator[Reference]:
    with faults.unanswering_port() as port:
        yield Reference("127.0.0.1", port)


def test_without_references_nothing_is_unreachable() -> None:
    assert not all_unreachable(())


def test_one_that_answers_is_enough(listening: Reference, refusing: Reference, silent: Reference) -> None:
    assert not all_unreachable([refusing, silent, listening])


def test_one_that_answers_is_known_before_the_others_give_up(listening: Reference, silent: Reference) -> None:
    begun = time.monotonic()
    assert not all_unreachable([silent, listening], seconds=2)
    assert time.monotonic() - begun < 1


def test_a_closed_port_is_no_answer(refusing: Reference) -> None:
    """Whoever stands between us and the reference can refuse a connection too."""
    assert all_unreachable([refusing])


def test_silence_is_waited_for_until_the_deadline_and_no_longer(silent: Reference) -> None:
    begun = time.monotonic()
    assert all_unreachable([silent] * MAX_REFERENCES, seconds=SHORT)
    assert SHORT <= time.monotonic() - begun < SHORT + 1


def test_a_name_is_resolved(listening: Reference) -> None:
    assert not all_unreachable([Reference("localhost", listening.port)])


def test_a_name_that_does_not_exist_is_no_answer() -> None:
    assert all_unreachable([Reference("no-such-name.invalid", 53)], seconds=SHORT)


def test_a_name_whose_lookup_hangs_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        answered.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begun = time.monotonic()
    try:
        assert all_unreachable([Reference("hangs.example", 53)], seconds=SHORT)
        assert time.monotonic() - begun < SHORT + 1
    finally:
        answered.set()


def test_not_being_able_to_try_is_trouble_of_our_own(
    monkeypatch: pytest.MonkeyPatch, listening: Reference
) -> None:
    def fail(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(dial, "GuardedSocket", fail)
    assert all_unreachable([listening])


def test_a_thread_that_cannot_be_started_is_trouble_of_our_own(
    monkeypatch: pytest.MonkeyPatch, listening: Reference
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        assert all_unreachable([listening])
    assert not all_unreachable([listening])


def test_no_thread_stays_behind(listening: Reference, refusing: Reference) -> None:
    all_unreachable([refusing, listening])
    until(lambda: not any(thread.name.startswith("reference") for thread in threading.enumerate()))


def test_the_deadline_is_three_seconds() -> None:
    assert references.SECONDS == 3
