"""Runs the `flask` commands of a clone: one process imports its application, and each command is a fork.

To import it is most of what a command costs. All else is as if a shell had started it: command line,
environment, folder, what is open, exit status.
"""

import json
import os
import runpy
import signal
import socket
import sys

import flask.cli
import flask_migrate

import app.factory
import app.models

__all__ = ["app", "flask", "flask_migrate"]
STREAMS = 3


def main() -> None:
    descriptor, program = sys.argv[1:]
    listener = socket.socket(fileno=int(descriptor))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that nobody has to wait for those below
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _serve(connection, program)
            return
        connection.close()


def _serve(connection: socket.socket, program: str) -> None:
    """Run the program in one more process, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := os.fork():
        _, ended = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(ended)
        connection.sendall(bytes([code if code >= 0 else 128 - code]))
        return
    with connection:
        _become_like_the_caller(connection)
    runpy.run_path(program, run_name="__main__")


def _become_like_the_caller(connection: socket.socket) -> None:
    _, descriptors, _, _ = socket.recv_fds(connection, 1, STREAMS)
    with connection.makefile("rb") as told:
        caller = json.load(told)
    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.chdir(caller["folder"])
    os.environ.clear()
    os.environ.update(caller["environ"])
    sys.argv[1:] = caller["words"]


if __name__ == "__main__":
    main()
