"""What a request costs beside a bare Flask view, and what the size of the database adds to it."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from app.api.auth.tokens import access_token
from app.extensions import db
from bench import harness
from bench.api_bare import ANSWERS
from bench.api_fill import CONFIG, analyze, fill, lay_out_by_day
from bench.figure_fill import fill_figures
from bench.harness import Spread
from bench.harness_app import ENVIRON, kinds, new_app
from tests.parts.ports import free_port

NAME = "api"
MONITORS = "/api/imap-pop-monitors"
ASKED = 100
"""Monitors of the organization that is asked about in databases of every size."""

FIGURE_DAYS, OTHER_FIGURE_DAYS = 400, 0
"""Over how many days before today asked monitors, and others, have roll-ups and changes of health."""

ROUNDS, SECONDS = 3, 1
CONNECTIONS = 8
START_SECONDS = 30.0
TARGET_RATIO, TARGET_GROWTH, TARGET_MS = 0.5, 1.5, 100
P95 = 'done = function(_, latency) io.write("p95 us: ", latency:percentile(95.0), "\\n") end\n'


class BenchmarkError(Exception):
    """A server did not start, or did not answer as it should."""


@dataclass(frozen=True)
class Ask:
    """One request, sent again and again."""

    url: str
    token: str = ""
    body: str | None = None

    def once(self) -> str:
        data = None if self.body is None else self.body.encode()
        with urlopen(Request(self.url, data, self.headers), timeout=START_SECONDS) as answer:  # noqa: S310
            return str(answer.read().decode())

    @property
    def headers(self) -> dict[str, str]:
        known = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return known if self.body is None else {**known, "Content-Type": "application/json"}


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    per_second: float
    p95_ms: float


@dataclass(frozen=True)
class Stage:
    """A gunicorn on a database, and a token for each of its two organizations."""

    root: str
    tokens: Sequence[str]

    def ask(self, path: str, *, house: int = 0, body: str | None = None) -> Ask:
        return Ask(self.root + path, self.tokens[house], body)


def send(ask: Ask, seconds: int, connections: int, folder: Path) -> Load:
    """wrk, over kept connections. Raises BenchmarkError when an answer was no success."""
    script = folder / "ask.lua"
    method = "" if ask.body is None else f"wrk.method = 'POST'\nwrk.body = {json.dumps(ask.body)}\n"
    script.write_text(method + P95)
    headers = [part for name, value in ask.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), *headers, ask.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise BenchmarkError(f"{ask.url}: {said}")
    return Load(_number(r"Requests/sec: +([0-9.]+)", said), _number(r"p95 us: ([0-9.]+)", said) / 1000)


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise BenchmarkError(f"wrk did not tell: {text}")
    return float(found[1])


@contextmanager
def serving(module: str, folder: Path, **environ: str) -> Iterator[str]:
    """gunicorn with the settings of gunicorn.conf.py. Gives the URL once it answers."""
    port = str(free_port())
    settings = {"LOG_LEVEL": "INFO", "HOST": "127.0.0.1", "PORT": port, "WEB_CONCURRENCY": "1"}
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", module]
    with (
        (folder / f"{port}.log").open("w") as log,
        subprocess.Popen(
            command, env={**os.environ, **ENVIRON, **settings, **environ}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(root: str, process: subprocess.Popen[bytes]) -> None:
    end = monotonic() + START_SECONDS
    while monotonic() < end and process.poll() is None:
        try:
            urlopen(f"{root}/healthz", timeout=5).close()  # noqa: S310
        except HTTPError:
            # Of the bare one, which has no such path.
            return
        except OSError:
            sleep(0.05)
        else:
            return
    raise BenchmarkError("gunicorn did not start")


@contextmanager
def stage(kind: str, folder: Path, others: int, asked_results: int, other_results: int) -> Iterator[Stage]:
    """A filled database of that kind with `others` monitors beside the asked ones, and a server on it."""
    with new_app(kind) as app:
        sizes = (ASKED, asked_results), (others, other_results)
        with app.app_context():
            houses = fill(db.engine, app.config["CONFIG_STORE"], *sizes)
            for house, days in zip(houses, (FIGURE_DAYS, OTHER_FIGURE_DAYS), strict=True):
                fill_figures(db.engine, house.id, days)
            lay_out_by_day()
            analyze(db.engine)
            tokens = [access_token(house.session) for house in houses]
        with serving("wsgi:app", folder, DATABASE_URL=app.config["SQLALCHEMY_DATABASE_URI"]) as root:
            yield Stage(root, tokens)


def in_turns(
    asks: Mapping[str, Ask], rounds: int, seconds: int, connections: int, folder: Path
) -> dict[str, list[Load]]:
    """Each for some seconds in every round; whoever began a round ends the next one. One round warms up."""
    loads: dict[str, list[Load]] = {name: [] for name in asks}
    order = list(asks)
    for number in range(rounds + 1):
        for name in order:
            load = send(asks[name], seconds if number else 1, connections, folder)
            if number:
                loads[name].append(load)
        order = [*order[1:], order[0]]
    return loads


def beside_bare(one: Stage, options: argparse.Namespace, folder: Path) -> dict[str, dict[str, Spread]]:
    """Requests a second, ours and those of a bare view with the same bytes, and the ratio of the two."""
    item = json.loads(one.ask(f"{MONITORS}?perPage=1").once())["items"][0]
    body = {"customerId": item["customerId"], "name": "New", "hostname": "mail.example", "config": CONFIG}
    ours = {
        "get-one": one.ask(f"{MONITORS}/{item['publicId']}"),
        "list": one.ask(MONITORS),
        "create": one.ask(MONITORS, body=json.dumps(body)),
    }
    answers = folder / "answers.json"
    answers.write_text(json.dumps({name: ask.once() for name, ask in ours.items()}))
    figures = {}
    with serving("bench.api_bare:app", folder, **{ANSWERS: str(answers)}) as root:
        for name, ask in ours.items():
            pair = {"ours": ask, "bare": Ask(f"{root}/{name}", body=ask.body)}
            loads = in_turns(pair, options.rounds, options.seconds, CONNECTIONS, folder)
            speeds = {who: [load.per_second for load in some] for who, some in loads.items()}
            ratios = [ours / bare for ours, bare in zip(speeds["ours"], speeds["bare"], strict=True)]
            figures[name] = {who: Spread.of(some) for who, some in speeds.items()} | {
                "ratio": Spread.of(ratios)
            }
    return figures


def by_size(
    stages: Mapping[int, Stage], options: argparse.Namespace, folder: Path
) -> dict[str, dict[str, Spread]]:
    """p95 in ms over one connection, by path and by how many monitors the database has."""
    paths: dict[str, Callable[[str], str]] = {
        "list": lambda _: MONITORS,
        "search": lambda _: f"{MONITORS}?search=alpha",
        "details": lambda public_id: f"{MONITORS}/{public_id}/details",
        "details, a year": lambda public_id: f"{MONITORS}/{public_id}/details?range=year",
    }
    figures = {}
    for name, path in paths.items():
        asks = {}
        for size, one in stages.items():
            item = json.loads(one.ask(f"{MONITORS}?perPage=1").once())["items"][0]
            asks[str(size)] = one.ask(path(item["publicId"]))
        loads = in_turns(asks, options.rounds, options.seconds, 1, folder)
        figures[name] = {size: Spread.of([load.p95_ms for load in some]) for size, some in loads.items()}
    return figures


def of_everything(one: Stage, others: int, options: argparse.Namespace, folder: Path) -> dict[str, Spread]:
    """p95 in ms of the organization that has all the other monitors."""
    paths = {
        "first page": MONITORS,
        "last page": f"{MONITORS}?page={others // 50}",
        "search, few found": f"{MONITORS}?search=mail12.b",
        "search, all found": f"{MONITORS}?search=mailbox",
        "search, none found": f"{MONITORS}?search=nothing",
        "sorted by name": f"{MONITORS}?sort=-name",
    }
    asks = {name: one.ask(path, house=1) for name, path in paths.items()}
    loads = in_turns(asks, options.rounds, options.seconds, 1, folder)
    return {name: Spread.of([load.p95_ms for load in some]) for name, some in loads.items()}


def measure(kind: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    results = options.days * 24 * 60 // options.minutes
    with ExitStack() as stack:
        stages = {
            ASKED + others: stack.enter_context(stage(kind, folder, others, results, options.other_results))
            for others in options.others
        }
        largest = max(stages)
        return {
            "by_size": by_size(stages, options, folder),
            "of_one": of_everything(stages[largest], largest - ASKED, options, folder),
            # The last, because it makes monitors.
            "beside_bare": beside_bare(stages[min(stages)], options, folder),
        }


def rows(kind: str, found: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for name, spreads in found["beside_bare"].items():
        target = f">= {TARGET_RATIO}" if name == "get-one" else ""
        per_second = f"{spreads['ours'].median:.0f} of {spreads['bare'].median:.0f}/s"
        yield f"{kind}: {name}", per_second, str(spreads["ratio"]), target
    for name, spreads in found["by_size"].items():
        smallest = next(iter(spreads.values()))
        for size, spread in spreads.items():
            growth = f"{spread.median / smallest.median:.2f}"
            yield f"{kind}: {name}, one of {size}", f"p95 {spread} ms", growth, f"<= {TARGET_GROWTH}"
    for name, spread in found["of_one"].items():
        yield f"{kind}: {name}, all in one", f"p95 {spread} ms", "", f"<= {TARGET_MS} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each load")
    parser.add_argument("--others", type=int, nargs="+", default=[0, 9_900, 100_000], help="monitors")
    parser.add_argument("--days", type=int, default=30, help="of history")
    parser.add_argument("--minutes", type=int, default=60, help="between two results of an asked monitor")
    parser.add_argument("--other-results", type=int, default=5, help="of each other monitor")
    options = parser.parse_args()
    used = harness.versions(wrk=harness.first_line("wrk", "-v").split()[1])
    with TemporaryDirectory(prefix="bench-api-") as folder:
        figures = {kind: measure(kind, options, Path(folder)) for kind in kinds()}
    settings = {**vars(options), "rateLimit": "off", "connections": CONNECTIONS}
    path = harness.save(NAME, used, settings, figures)
    print(harness.heading(NAME, used))
    titles = [("", "", "ratio", "target")]
    print(harness.table([*titles, *(row for kind, found in figures.items() for row in rows(kind, found))]))
    print(path)


if __name__ == "__main__":
    main()
