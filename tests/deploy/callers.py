"""Callers that ask a web process all the time, and keep account of what they were answered."""

from contextlib import closing
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from types import TracebackType
from typing import Self

from tests.worker.waiting import until

PATH = "/healthz"
PATIENCE_SECONDS = 180.0
PAUSE_SECONDS = 0.05


class Callers:
    """Use it as a context manager. Half of the callers keep their connection as long as they are let."""

    def __init__(self, address: tuple[str, int], count: int = 4) -> None:
        self._address = address
        self.failures: list[str] = []
        self.answers = 0
        self._is_over = Event()
        targets = [self._ask_anew, self._ask_on] * (count // 2)
        self._threads = [Thread(target=target, daemon=True) for target in targets]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.await_more()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def await_more(self, answers: int = 20) -> None:
        """Until that many more requests have been answered, or one was not."""
        goal = self.answers + answers
        until(lambda: self.answers >= goal or self.failures, PATIENCE_SECONDS)

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(*self._address, timeout=PATIENCE_SECONDS)

    def _ask(self, connection: HTTPConnection, kind: str) -> None:
        try:
            connection.request("GET", PATH)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                self.failures.append(f"{kind}: {answer.status}")
        except (OSError, HTTPException) as error:
            self.failures.append(f"{kind}: {error!r}")
            connection.close()
        else:
            self.answers += 1

    def _ask_anew(self) -> None:
        while not self._is_over.wait(PAUSE_SECONDS):
            with closing(self._connection()) as connection:
                self._ask(connection, "on a connection of its own")

    def _ask_on(self) -> None:
        """http.client connects anew where the last answer said that it is the last one."""
        with closing(self._connection()) as connection:
            while not self._is_over.wait(PAUSE_SECONDS):
                self._ask(connection, "on a connection that was kept")
