"""The report on other monitors: what is chosen, counted and written. None of them is asked."""

from pathlib import Path

import pytest

from bench.faults import report
from bench.faults.report import Row, chosen, write
from bench.faults.rivals import BLACKBOX, LIMIT_SECONDS, PLUGIN_PACKAGE, PLUGINS, Said, _reason, _tidy
from bench.faults.table import CELLS

VERSIONS = {BLACKBOX: "0.23", PLUGINS: "2.3"}
FAULTY = CELLS["silence, login | imap | tls"]
HEALTHY = CELLS["nothing wrong | imap | tls"]
FINE = Said(is_fine=True, words="OK", seconds=0.01)
TROUBLE = Said(is_fine=False, words="CRITICAL", seconds=LIMIT_SECONDS + 0.6, told_secret=True)


def sums_of(*rows: Row) -> dict[str, list[str]]:
    lines = [line.strip("| ").split(" | ") for line in report._sums(list(rows))[2:]]
    return {name.strip("*"): counts for name, *counts in lines}


def test_one_cell_for_each_fault_and_protocol() -> None:
    cells = chosen(CELLS.values())
    keys = [(cell.fault, cell.protocol) for cell in cells]
    assert len(keys) == len(set(keys)) > 300
    assert FAULTY in cells
    assert CELLS["silence, starttls | imap | starttls"] in cells
    assert not any(cell.target for cell in cells)


def test_no_monitor_is_asked_what_it_cannot_answer() -> None:
    assert {cell.fault for cell in CELLS.values()} >= report.NOT_COMPARABLE
    assert report.NOT_COMPARABLE.isdisjoint(cell.fault for cell in chosen(CELLS.values()))


def test_missed_fault_and_false_alarm_are_counted_and_bold() -> None:
    rows = [Row(FAULTY, (TROUBLE, FINE, None)), Row(HEALTHY, (FINE, TROUBLE, FINE))]
    sums = sums_of(*rows)
    assert sums["asked"] == ["2", "2", "1"]
    assert sums["said that all is fine, and missed the fault"] == ["0", "1", "0"]
    assert sums["said trouble, where there is none"] == ["0", "1", "0"]
    assert sums["used up the time limit, though the server had answered or gone"] == ["0", "1", "0"]
    assert sums["went beyond the limit by more than 0.5 s"] == ["1", "1", "0"]
    assert sums["printed the password"] == ["1", "1", "0"]
    text = write(rows, VERSIONS)
    assert "| silence, login | imap | tls | CRITICAL (2600 ms) | **OK** (10 ms) | cannot be asked |" in text
    assert "| nothing wrong | imap | tls | OK (10 ms) | **CRITICAL** (2600 ms) | OK (10 ms) |" in text
    assert text.index("## Healthy") < text.index("## Stalls")


def test_words_are_the_same_in_every_run() -> None:
    assert _tidy("read tcp4 127.0.0.1:1->127.0.0.1:2: i/o | timeout") == "read : i/o / timeout"
    assert _tidy("after 2026-11-20T06:04:38Z, pass s3cret\n") == "after …, pass [password]"
    log = 'level=error msg="Error dialing" err="no \\"way\\""\nlevel=error msg="Probe failed" duration=1\n'
    assert _reason(log) == 'Error dialing: no \\"way\\"'
    assert _reason("") == "no reason given"


def test_missing_packages_are_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(report, "missing", lambda: [BLACKBOX, PLUGIN_PACKAGE])
    assert report.main(["--to", str(tmp_path / "report.md")]) == 1
    assert capsys.readouterr().err == (
        "fault-report needs the Debian packages prometheus-blackbox-exporter monitoring-plugins-basic: "
        "apt-get install them\n"
    )
    assert not (tmp_path / "report.md").exists()
