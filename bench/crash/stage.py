"""What a run takes place on: a database of its own, mail servers, the processes, and their callers."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from time import time
from typing import Any, Self

from flask_migrate import upgrade
from sqlalchemy import Engine, create_engine, text

from app import create_app
from app.extensions import db
from bench.crash import invariants, lapse
from bench.crash.callers import Caller, Ledger, Place
from bench.crash.invariants import Downtime
from bench.crash.processes import Scheduler, StuckError, Web
from bench.harness_app import ENVIRON
from tests.fakes import faults
from tests.fakes.imap_server import IMAP
from tests.fakes.pop3_server import POP3
from tests.fakes.server import Dialect, FakeServer, Script
from tests.worker.waiting import until

THREADS = 24
SETTLE_SECONDS = 60.0
ADMIN = {"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}

UNCHECKED = """
    SELECT count(*) FROM monitors WHERE status <> 'disabled'
    AND id NOT IN (SELECT monitor_id FROM check_results WHERE id > :newest)"""


class Stage:
    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.environ = {**ENVIRON, "DATABASE_URL": url, "CHECK_THREADS": str(THREADS)}
        self.engine: Engine = create_engine(url, pool_pre_ping=True)
        self.downtime = Downtime()
        self.clock_off = 0
        """By how many seconds the schedulers' clock is off."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        app = create_app(self.environ)
        with app.app_context():
            upgrade()
            app.test_cli_runner().invoke(args=["init"], catch_exceptions=False)
            db.engine.dispose()
        lapse.install(self.engine)
        self._stack.callback(self.engine.dispose)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def now(self) -> float:
        return time() + self.clock_off

    def value(self, query: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def results(self) -> int:
        return int(self.value("SELECT count(*) FROM check_results"))

    def newest(self) -> int:
        """The highest id of a result: unlike the number of results it never falls."""
        return int(self.value("SELECT max(id) FROM check_results") or 0)

    def begun(self) -> int:
        return int(self.value("SELECT sum(checks_begun) FROM locations") or 0)

    def scheduler(self, number: int, kind: type[Scheduler] = Scheduler, **environ: str) -> Scheduler:
        """A running one."""
        scheduler = kind(number, {**self.environ, **environ}, self.folder)
        self._stack.callback(scheduler.finish)
        scheduler.start()
        return scheduler

    def web(self, workers: int = 1) -> Web:
        web = Web(self.environ, self.folder, workers)
        self._stack.callback(web.finish)
        web.start()
        return web

    def server(self, dialect: Dialect = IMAP, script: Script | None = None) -> FakeServer:
        return self._stack.enter_context(FakeServer(dialect, script=script))

    def places(self) -> list[Place]:
        """Servers that work, mostly, one that says nothing, and a port where nobody is."""
        refused = self._stack.enter_context(faults.refusing_port())
        good = [("imap", self.server().port)] * 3 + [("pop3", self.server(POP3).port)] * 3
        silent = self.server(script={"greeting": faults.silence}).port
        return [*good, ("imap", silent), ("pop3", refused)]

    def caller(
        self, number: int, web: Web, places: list[Place], *, seed: int, timeout_seconds: int = 1
    ) -> Caller:
        caller = Caller(
            f"c{number}",
            web.address,
            ADMIN,
            customer=int(self.value("SELECT id FROM customers")),
            places=places,
            seed=seed,
            timeout_seconds=timeout_seconds,
        )
        self._stack.callback(caller.stop)
        return caller

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        try:
            until(condition, SETTLE_SECONDS)
        except AssertionError:
            raise StuckError(f"not within {SETTLE_SECONDS:.0f} s: {what}") from None

    def wait_for_all(self, newest: int) -> None:
        """Until every monitor that is to be checked has a result with a higher id."""
        self.wait(
            f"a check of every monitor, with the clock off by {self.clock_off} s",
            lambda: self.value(UNCHECKED, newest=newest) == 0,
        )

    def settle(self) -> list[str]:
        """What is still not as it should be after a long while: nothing, that is to say."""
        found: list[str] = []

        def is_settled() -> bool:
            found[:] = invariants.unsettled(self.engine, self.now())
            return not found

        with suppress(AssertionError):
            until(is_settled, SETTLE_SECONDS)
        return found

    def faults(self, ledgers: list[Ledger], slack: float) -> list[str]:
        """All that does not hold, also once things had time to settle."""
        found = [*self.settle(), *invariants.wrong(self.engine, self.now())]
        for ledger in ledgers:
            found += invariants.broken_promises(self.engine, ledger)
            found += invariants.gaps(self.engine, ledger, self.downtime, slack)
        return found
