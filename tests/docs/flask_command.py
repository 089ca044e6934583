"""In the place of a clone's `flask`: has flask_server.py run the command. Loads little, or nothing was won.

Called with the path of the server's socket, and the words behind `flask`.
"""

import json
import os
import socket
import sys


def main() -> int:
    path, *words = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [b"\n"], [0, 1, 2])
        # pathlib alone takes as long to load as all else here.
        caller = {"words": words, "folder": os.getcwd(), "environ": dict(os.environ)}  # noqa: PTH109 - see above
        server.sendall(json.dumps(caller).encode())
        server.shutdown(socket.SHUT_WR)
        return server.recv(1)[0]


if __name__ == "__main__":
    sys.exit(main())
