"""Many plain IMAP servers in one process that needs little CPU: each answers late, or falls silent when told.

Started with a port, a delay in seconds and how many servers there are; they listen at `address(0)` and so on.
It says "ready", and then takes from its standard input, line by line, the addresses that are to be silent
from now on, as a JSON list. A silent server takes connections and says nothing, on those it has neither.
"""

import asyncio
import json
import resource
import sys
from asyncio import Transport
from typing import cast

GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
    b"EXAMINE": b"* FLAGS (\\Seen)\r\n* 12 EXISTS\r\n* 0 RECENT\r\n",
    b"LOGOUT": b"* BYE see you\r\n",
}
"""What comes before the OK."""
BACKLOG = 1024
PER_NET = 250
silent: set[str] = set()


def address(number: int) -> str:
    """Of the server with that number: none that anything else is likely to use."""
    return f"127.77.{number // PER_NET}.{number % PER_NET + 1}"


class Server(asyncio.Protocol):
    """One connection."""

    def __init__(self, host: str, delay: float) -> None:
        self._host, self._delay = host, delay
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("Transport", transport)
        self._answer(GREETING)

    def data_received(self, data: bytes) -> None:
        """A command is one short line, which loopback does not take apart."""
        tag, command, *_ = data.split(maxsplit=2)
        self._answer(ANSWERS.get(command, b"") + tag + b" OK done\r\n", is_last=command == b"LOGOUT")

    def _answer(self, text: bytes, *, is_last: bool = False) -> None:
        self._loop.call_later(self._delay, self._send, text, is_last)

    def _send(self, text: bytes, is_last: bool) -> None:
        if self._host not in silent:
            self._transport.write(text)
            if is_last:
                self._transport.close()


def listen_to_orders() -> None:
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    silent.clear()
    silent.update(json.loads(line))
    print("done", flush=True)


async def serve(port: int, delay: float, count: int) -> None:
    loop = asyncio.get_running_loop()
    for number in range(count):
        host = address(number)
        await loop.create_server(lambda host=host: Server(host, delay), host, port, backlog=BACKLOG)
    loop.add_reader(sys.stdin, listen_to_orders)
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
