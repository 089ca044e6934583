"""What one check over IMAPS costs in CPU time, beside what other programs need for the same dialogue.

All ask one Dovecot on loopback, in turns: connect, verified TLS, greeting, CAPABILITY, LOGIN, ID, EXAMINE,
GETQUOTAROOT, LOGOUT. What Dovecot itself needs is not counted, it being a process of its own.
"""

import argparse
import http.client
import imaplib
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from flask import Flask
from sqlalchemy import func, select, update

from app import checkers
from app.checkers.imap import IDENTITY
from app.clock import to_ms, utcnow
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import CheckStatus, Protocol, Security
from app.domain.target import CheckTarget, TargetGuard, TlsPolicy
from app.extensions import db
from app.models import CheckResult, MonitorSchedule
from app.services import checks, claims
from app.worker.runner import Runner
from app.worker.slots import Slots
from app.worker.writer import Writer
from bench import harness
from bench.faults.rivals import BLACKBOX, PLUGIN_FOLDER, PLUGIN_PACKAGE, exporter, missing, version
from bench.harness import Contender, Spread
from bench.harness_app import kinds, new_app
from tests.factories import Factory
from tests.parts.dovecot import BINARY, REMEDY, Dovecot

NAME = "check_cost"
ROUNDS, BLOCK = 12, 48
THREADS = 8
SECONDS = 10
"""The deadline of a check; none comes near it."""
STORED_SECONDS = 60.0
LOOPBACK = TargetGuard(allow_private=True)
BASE = "blackbox_exporter"
TARGETS = {"check": 1.0, "check, recorded (sqlite)": 1.3, "check, recorded (postgresql)": 1.3}
"""How much of the exporter's CPU time each may need at most."""


class BenchmarkError(Exception):
    """Somebody did not do what was to be measured."""


def commands() -> list[tuple[str, str]]:
    """What our check says to this Dovecot behind the greeting, and how each answer begins."""
    lines = [
        "CAPABILITY",
        f'LOGIN "{Dovecot.user}" "{Dovecot.password}"',
        f"ID {IDENTITY}",
        'EXAMINE "INBOX"',
        'GETQUOTAROOT "INBOX"',
        "LOGOUT",
    ]
    return [(f"a{number} {line}", f"a{number} OK") for number, line in enumerate(lines)]


class Ours:
    """Our own checks, in this process as in the scheduler's."""

    def __init__(self, server: Dovecot) -> None:
        self.target = CheckTarget(
            hostname=server.host,
            port=server.ports[Protocol.IMAP, Security.TLS],
            security=Security.TLS,
            tls=TlsPolicy(ca=server.ca_pem),
            user=server.user,
            password=server.password,
        )

    def check(self, _number: int) -> None:
        outcome = checkers.run(self.target, SECONDS, LOOPBACK)
        if outcome.status is not CheckStatus.SUCCESS:
            raise BenchmarkError(f"a check ended with {outcome.code}: {outcome.message}")

    def one_by_one(self, numbers: range) -> None:
        for number in numbers:
            self.check(number)


class Recorded:
    """Claimed checks, run by threads and stored by the writer, as the scheduler has it."""

    def __init__(self, app: Flask, server: Dovecot, pool: ThreadPoolExecutor, block: int) -> None:
        self._app, self._pool = app, pool
        self._checked = 0
        self._slots = Slots(block, 1, block)
        self._writer = Writer(app, self._slots)
        config = {
            "protocol": "imap",
            "user": server.user,
            "password": server.password,
            "tls": True,
            "tlsOptions": {"ca": server.ca_pem},
        }
        with app.app_context():
            make = Factory()
            self._location_id = make.location().id
            customer, port = make.customer(), server.ports[Protocol.IMAP, Security.TLS]
            for _ in range(block):
                make.monitor(customer, config, hostname=server.host, port=port)
        self._runner = Runner(
            app,
            self._location_id,
            slots=self._slots,
            writer=self._writer,
            submit=pool.submit,
            run_check=partial(checks.run_claimed, store=app.config["CONFIG_STORE"], guard=LOOPBACK),
        )

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.stop(STORED_SECONDS)

    def claimed(self, count: int) -> list[ClaimedCheck]:
        """So many checks, due and claimed; that is not part of what is measured."""
        with self._app.app_context():
            now = utcnow()
            db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(now)))
            taken = claims.claim(self._location_id, now, count)
            db.session.commit()
        self._slots.take(taken)
        return taken

    def run(self, taken: list[ClaimedCheck]) -> None:
        list(self._pool.map(self._runner.check, taken))
        self._checked += len(taken)
        if not self._slots.wait_until_all_free(STORED_SECONDS):
            raise BenchmarkError("results were not stored")

    def require_all(self) -> None:
        """Raises BenchmarkError unless every check succeeded and is stored."""
        with self._app.app_context():
            succeeded = CheckResult.status == CheckStatus.SUCCESS
            stored = db.session.scalar(select(func.count()).select_from(CheckResult).where(succeeded))
        if stored != self._checked:
            raise BenchmarkError(f"{stored} of {self._checked} checks are stored as successful")


class Exporter:
    """blackbox_exporter, asked over one kept connection, which is how Prometheus asks it."""

    def __init__(self, port: int, target: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self.target = target

    def probe(self, module: str, numbers: range) -> None:
        for _ in numbers:
            self._connection.request("GET", f"/probe?module={module}&target={self.target}")
            if b"\nprobe_success 1" not in self._connection.getresponse().read():
                raise BenchmarkError(f"{BASE} failed at {module}")


def all_at_once(pool: ThreadPoolExecutor, crowd: Sequence[Exporter], numbers: range) -> None:
    list(pool.map(lambda asked, at: asked.probe("imap", numbers[at :: len(crowd)]), crowd, range(len(crowd))))


def modules(ca_file: Path) -> dict[str, Any]:
    """The whole dialogue, and a bare TCP connection for what probing over HTTP costs in itself."""
    steps: list[dict[str, Any]] = [{"expect": r"^\* OK"}]
    for command, answer in commands():
        # It ends lines with LF alone.
        steps += [{"send": f"{command}\r"}, {"expect": f"^{answer}"}]
    imap = {"query_response": steps, "tls": True, "tls_config": {"ca_file": str(ca_file)}}
    return {
        "imap": {"prober": "tcp", "timeout": f"{SECONDS}s", "tcp": imap},
        "connect": {"prober": "tcp", "timeout": f"{SECONDS}s"},
    }


def plugin(server: Dovecot, numbers: range) -> None:
    """check_simap sends all commands at once. It looks at the certificate's dates, and verifies nothing."""
    port = str(server.ports[Protocol.IMAP, Security.TLS])
    dialogue = "".join(f"{command}\\r\\n" for command, _ in commands())
    expected = [part for answer in ("* OK", *(end for _, end in commands())) for part in ("-e", answer)]
    program = [str(PLUGIN_FOLDER / "check_simap"), "-H", server.host, "-p", port, "-t", str(SECONDS)]
    for _ in numbers:
        done = subprocess.run(
            [*program, "-E", "-s", dialogue, *expected, "-A", "-D", "14,1"], capture_output=True, check=False
        )
        if done.returncode:
            raise BenchmarkError(f"check_simap said {done.stdout.decode(errors='replace')}")


def bare_imaplib(server: Dovecot, context: ssl.SSLContext, numbers: range) -> None:
    """Nothing but imaplib with one context: no deadline, no limits, nothing looked at or kept."""
    for _ in numbers:
        with imaplib.IMAP4_SSL(
            server.host, server.ports[Protocol.IMAP, Security.TLS], ssl_context=context
        ) as session:
            session.login(server.user, server.password)
            session.xatom("ID", IDENTITY)
            session.select(readonly=True)
            session.getquotaroot("INBOX")


def handshake(server: Dovecot, context: ssl.SSLContext, numbers: range) -> None:
    """The floor: connect, verified TLS, and away."""
    address = server.host, server.ports[Protocol.IMAP, Security.TLS]
    for _ in numbers:
        with context.wrap_socket(socket.create_connection(address), server_hostname=server.host):
            pass


def contenders(stack: ExitStack, server: Dovecot, block: int) -> Iterator[Contender]:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
    (folder / "ca.pem").write_text(server.ca_pem)
    port = server.ports[Protocol.IMAP, Security.TLS]
    pid, http_port = stack.enter_context(exporter(folder, modules(folder / "ca.pem")))
    asked, used = Exporter(http_port, f"{server.host}:{port}"), partial(harness.cpu_seconds, pid)
    yield Contender(BASE, partial(asked.probe, "imap"), used)
    ours, pool = Ours(server), stack.enter_context(ThreadPoolExecutor(THREADS))
    yield Contender("check", ours.one_by_one)
    yield Contender(f"check, {THREADS} at once", lambda numbers: list(pool.map(ours.check, numbers)))
    crowd = [Exporter(http_port, asked.target) for _ in range(THREADS)]
    yield Contender(f"{BASE}, {THREADS} at once", partial(all_at_once, pool, crowd), used)
    for kind in kinds():
        app = stack.enter_context(new_app(kind))
        recorded = stack.enter_context(Recorded(app, server, pool, block))
        stack.callback(recorded.require_all)
        yield Contender(f"check, recorded ({kind})", recorded.run, prepare=recorded.claimed)
    context = ssl.create_default_context(cadata=server.ca_pem)
    yield Contender("bare imaplib, one context", partial(bare_imaplib, server, context))
    yield Contender("bare TLS handshake", partial(handshake, server, context))
    yield Contender("exporter, TCP connect alone", partial(asked.probe, "connect"), used)
    yield Contender("check_simap", partial(plugin, server), harness.children_cpu_seconds)


def report(spent: dict[str, list[float]], options: argparse.Namespace) -> str:
    """The table to print; the figures are saved as JSON."""
    times = {name: Spread.of([1000 * seconds for seconds in values]) for name, values in spent.items()}
    shares = harness.ratios(spent, BASE)
    figures = {
        name: {"cpuMs": times[name], "ratio": shares[name], "target": TARGETS.get(name)} for name in spent
    }
    used = harness.versions(
        dovecot=harness.first_line(str(BINARY), "--version"),
        **{BLACKBOX: version(BLACKBOX), PLUGIN_PACKAGE: version(PLUGIN_PACKAGE)},
    )
    settings = {"rounds": options.rounds, "block": options.block, "threads": THREADS, "base": BASE}
    harness.save(NAME, used, settings, figures)
    rows = [("CPU per check", "ms", f"x {BASE}", "target")]
    rows += [(name, str(times[name]), str(shares[name]), _target(name)) for name in spent]
    return f"{harness.heading(NAME, used)}\n{harness.table(rows)}"


def _target(name: str) -> str:
    return f"{TARGETS[name]:.1f}" if name in TARGETS else ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.check_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--block", type=int, default=BLOCK, help="checks by each contender in a round")
    options = parser.parse_args(arguments)
    absent = [*missing(), *([] if BINARY else [REMEDY])]
    if absent:
        print(f"{NAME} needs {', '.join(absent)}")
        return 2
    with ExitStack() as stack:
        server = stack.enter_context(Dovecot())
        spent = harness.alternate(
            list(contenders(stack, server, options.block)), options.rounds, options.block
        )
    print(report(spent, options))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
