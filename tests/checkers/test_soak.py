"""Many checks in one process leave it as it was; the servers that they meet can be put up by anybody."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.faults.__main__ import main
from bench.faults.measure import Holdings
from bench.faults.serving import ServingError, served
from bench.faults.soak import MAX_GROWTH, Result, report, soak
from bench.faults.table import CELLS

CHECKS = 250
HELD = Holdings(frozenset(), frozenset({"0 -> pipe"}), 50_000_000)
CLEAN = Result(CHECKS, 5.0, HELD, HELD, Counter(timeout=1))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="measures by way of /proc")
def test_process_ends_as_it_began() -> None:
    result = soak(CHECKS, warm_up=200)
    assert sum(result.verdicts.values()) == CHECKS
    assert result.is_clean, report(result, 0, 0)


@pytest.mark.parametrize(
    "after",
    [
        replace(HELD, descriptors=HELD.descriptors | {"7 -> socket:[1]"}),
        replace(HELD, resident=HELD.resident + MAX_GROWTH),
    ],
)
def test_what_stays_behind_is_not_clean(after: Holdings) -> None:
    assert CLEAN.is_clean
    assert report(replace(CLEAN, after=after), 32, 1).endswith("NOT CLEAN")


def test_check_that_ends_otherwise_is_not_clean() -> None:
    said = report(replace(CLEAN, strays=["silence: success at None"]), 32, 1)
    assert said.endswith("not as due: 1\nsilence: success at None\nNOT CLEAN")


def test_every_cell_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["port", "protocol", "mode", "due", "verdict", "fault"]
    assert len(lines) == len(CELLS) + 1


def test_servers_stay_up_until_somebody_ends_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def end() -> None:
        raise KeyboardInterrupt

    trusted = tmp_path / "ca.pem"
    assert main(["--serve", "--only", "self signed | imap", "--ca-file", str(trusted)], wait=end) == 0
    out = capsys.readouterr().out
    assert "certificate_untrusted at tls" in out
    assert "2 faulty servers on 127.0.0.1; Ctrl-C ends them." in out
    assert trusted.read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    cell = CELLS["nothing wrong | imap | plain"]
    with served([cell]) as up:
        port = up.port_of(cell)
        with pytest.raises(ServingError), served([cell], base_port=port):
            pass
        assert main(["--serve", "--only", cell.name, "--base-port", str(port)]) == 1
    assert capsys.readouterr().err == f"127.0.0.1 port {port}: Address already in use\n"
