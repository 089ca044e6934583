"""`make fault-report`: the same faults, shown to Pillarbox and to two monitors that Debian ships."""

import argparse
import platform
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from app import checkers
from app.domain.enums import CheckStatus, ErrorCode, Security
from bench.faults.cell import Cell
from bench.faults.mailbox import LOOPBACK, target_of
from bench.faults.rivals import (
    BLACKBOX,
    LIMIT_SECONDS,
    PLUGIN_PACKAGE,
    PLUGINS,
    SECRET,
    Blackbox,
    Plugins,
    Said,
    blackbox,
    missing,
    version,
)
from bench.faults.serving import Served, servable, served_apart
from bench.faults.table import CELLS
from tests.fakes.server import HOST

TARGET = Path(__file__).parents[2] / "docs" / "fault-report.md"
TOLERANCE_SECONDS = 0.5
AT_ONCE = 8
PREFERRED = (Security.TLS, Security.STARTTLS, Security.PLAIN)
"""One mode for each fault and protocol: the matrix has them all, a reader need not."""
MONITORS = ("Pillarbox", BLACKBOX, PLUGINS)

NOT_COMPARABLE = {
    "PREAUTH",
    "LOGINDISABLED before TLS",
    "LOGINDISABLED always",
    "AUTHENTICATE prompts in words",
    "AUTHENTICATE prompts in words all the same",
    "AUTH PLAIN instead of USER",
}
"""They ask for an answer to what was said, and a dialogue told in advance has none."""

INTRODUCTION = """\
# The same faults, three monitors

Written by `make fault-report`; do not edit. {count} faulty mail servers of the matrix (`bench/faults`),
each asked by Pillarbox, by `{blackbox}` {blackbox_version} and by `{plugins}` {plugins_version}, on one
machine over loopback, with a limit of {limit} s each. Python {python}, {openssl}.

Each is told to do all that it can: greet, ask for capabilities, log in, open the mailbox, over TLS that
trusts one authority where there is TLS. `{blackbox}` runs its `tcp` prober with `query_response` and,
where needed, `starttls`. `check_imap` and `check_pop` send the dialogue at once (`-s`), expect every
answer (`-A -e`) and look at the certificate's end (`-S -D 14,1`); they verify no certificate and know no
STARTTLS. The servers follow a script that is blind to what came before, so the plugins are given the
words of the good answers to look for.

Bold is what is wrong: fine where there is a fault, trouble where there is none. The servers can be put
up for any other monitor: `python -m bench.faults --serve`.
"""


@dataclass(frozen=True)
class Row:
    """One server, and what each said of it; None was not asked."""

    cell: Cell
    said: tuple[Said | None, ...]

    @property
    def is_usable(self) -> bool | None:
        """Whether there is nothing to complain of; None where a warning is due, and either will do."""
        status = self.cell.verdicts[0].status
        return None if status is CheckStatus.WARNING else status is CheckStatus.SUCCESS

    def is_missed_by(self, said: Said) -> bool:
        return said.is_fine and self.is_usable is False

    def is_alarmed_by(self, said: Said) -> bool:
        return not said.is_fine and self.is_usable is True


def chosen(cells: Iterable[Cell]) -> list[Cell]:
    """One for each fault and protocol, in the order of the table; none that needs options of our own."""
    best: dict[tuple[str, str], Cell] = {}
    for cell in servable(cells):
        if cell.target or cell.fault in NOT_COMPARABLE:
            continue
        key = (cell.fault, cell.protocol)
        if key not in best or PREFERRED.index(cell.security) < PREFERRED.index(best[key].security):
            best[key] = cell
    return list(best.values())


def ask_all(cells: list[Cell]) -> list[Row]:
    with tempfile.TemporaryDirectory() as name, served_apart() as up:
        folder = Path(name)
        trusted = folder / "ca.pem"
        trusted.write_text(up.authority)
        with blackbox(folder, trusted) as exporter, ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda cell: _ask(cell, up, exporter, Plugins()), cells))


def _ask(cell: Cell, up: Served, exporter: Blackbox, plugins: Plugins) -> Row:
    port = up.port_of(cell)
    return Row(cell, (_ask_ours(cell, port, up), exporter.ask(cell, port), plugins.ask(cell, port)))


def _ask_ours(cell: Cell, port: int, up: Served) -> Said:
    target = target_of(cell, HOST, port, up.authority)
    started_at = time.monotonic()
    outcome = checkers.run(target, LIMIT_SECONDS, LOOPBACK)
    at = f" at {outcome.phase}" if outcome.phase else ""
    words = f"`{outcome.code}`{at}" if outcome.code else str(outcome.status)
    is_fine = outcome.status is not CheckStatus.ERROR
    return Said(is_fine, words, time.monotonic() - started_at, SECRET in repr(outcome))


def write(rows: list[Row], versions: dict[str, str]) -> str:
    head = INTRODUCTION.format(
        count=len(rows),
        blackbox=BLACKBOX,
        blackbox_version=versions[BLACKBOX],
        plugins=PLUGINS,
        plugins_version=versions[PLUGINS],
        limit=LIMIT_SECONDS,
        python=platform.python_version(),
        openssl=" ".join(ssl.OPENSSL_VERSION.split()[:2]),
    )
    parts = [head, "## In sum\n", *_sums(rows)]
    for family, members in groupby(
        sorted(rows, key=lambda row: _order(row.cell)), lambda row: row.cell.family
    ):
        parts += [f"\n## {family.capitalize() if family.islower() else family}\n", *_table(list(members))]
    return "\n".join(parts) + "\n"


def _order(cell: Cell) -> int:
    families = list(dict.fromkeys(other.family for other in CELLS.values()))
    return families.index(cell.family)


def _sums(rows: list[Row]) -> list[str]:
    columns = [
        [(row, row.said[at]) for row in rows if row.said[at] is not None] for at in range(len(MONITORS))
    ]
    counts: dict[str, Callable[[Row, Said], bool]] = {
        "asked": lambda *_: True,
        "**said that all is fine, and missed the fault**": lambda row, said: row.is_missed_by(said),
        "said trouble, where there is none": lambda row, said: row.is_alarmed_by(said),
        "used up the time limit, though the server had answered or gone": _waited_in_vain,
        f"went beyond the limit by more than {TOLERANCE_SECONDS} s": lambda _, said: _is_late(said),
        "printed the password": lambda _, said: said.told_secret,
    }
    lines = [_line("", *MONITORS), _line("---", *["---:"] * len(MONITORS))]
    for name, is_so in counts.items():
        lines.append(_line(name, *(str(sum(is_so(row, said) for row, said in column)) for column in columns)))
    return lines


def _waited_in_vain(row: Row, said: Said) -> bool:
    codes = {verdict.code for verdict in row.cell.verdicts}
    return ErrorCode.TIMEOUT not in codes and said.seconds >= LIMIT_SECONDS


def _is_late(said: Said) -> bool:
    return said.seconds > LIMIT_SECONDS + TOLERANCE_SECONDS


def _table(rows: list[Row]) -> list[str]:
    head = [_line("fault", "protocol", "mode", *MONITORS), _line(*["---"] * (3 + len(MONITORS)))]
    return [
        *head,
        *(_line(_quoted(row.cell.fault), row.cell.protocol, row.cell.security, *_cells(row)) for row in rows),
    ]


def _cells(row: Row) -> list[str]:
    return ["cannot be asked" if said is None else _shown(row, said) for said in row.said]


def _shown(row: Row, said: Said) -> str:
    is_wrong = row.is_missed_by(said) or row.is_alarmed_by(said)
    words = f"**{said.words}**" if is_wrong else said.words
    return f"{words} ({said.seconds * 1000:.0f} ms)"


def _quoted(fault: str) -> str:
    return fault.replace("|", "/").replace("*", "\\*")


def _line(*columns: str) -> str:
    return f"| {' | '.join(columns)} |"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults.report", description=__doc__)
    parser.add_argument("--to", type=Path, default=TARGET, help="the file to write")
    options = parser.parse_args(arguments)
    if packages := missing():
        print(
            f"fault-report needs the Debian packages {' '.join(packages)}: apt-get install them",
            file=sys.stderr,
        )
        return 1
    rows = ask_all(chosen(CELLS.values()))
    versions = {BLACKBOX: version(BLACKBOX), PLUGINS: version(PLUGIN_PACKAGE)}
    options.to.write_text(write(rows, versions), encoding="utf-8")
    print("\n".join(_sums(rows)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
