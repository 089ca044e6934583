"""A reference target on a loopback port that can be cut off and come back."""

import socket
from types import TracebackType
from typing import Self

from app.domain.reference import Reference

HOST = "127.0.0.1"


class ReferenceTarget:
    """Use it as a context manager. It refuses connections until it is opened, and when it is cut off."""

    def __enter__(self) -> Self:
        self._socket = self._bound(0)
        self.port: int = self._socket.getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def reference(self) -> Reference:
        return Reference(HOST, self.port)

    @property
    def setting(self) -> str:
        """As it is written in REFERENCE_TARGETS."""
        return f"{HOST}:{self.port}"

    def open(self) -> None:
        self._socket.listen()

    def cut_off(self) -> None:
        """The port stays ours, so that nobody else opens it meanwhile."""
        self._socket.close()
        self._socket = self._bound(self.port)

    @staticmethod
    def _bound(port: int) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        return bound
