"""What the benchmarks share. How fast anything is, no test says."""

import json
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import harness
from bench.harness import Contender, Spread

BUSY = "import time\nwhile time.process_time() < 0.05: pass\nprint(time.process_time(), flush=True)\ninput()"


def test_cpu_time_of_another_process_is_what_it_says_itself() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        told = float(process.stdout.readline())
        assert harness.cpu_seconds(process.pid) >= told
        process.communicate("\n")


def test_cpu_time_of_this_process_is_pythons_own() -> None:
    before = time.process_time()
    assert before <= harness.cpu_seconds(os.getpid()) <= time.process_time()


def test_contenders_take_turns_and_warm_up_once() -> None:
    calls: list[str] = []
    clock = iter(range(100))
    contenders = [
        Contender(name, lambda numbers, name=name: calls.append(f"{name}{len(numbers)}"), lambda: next(clock))
        for name in ("a", "b")
    ]
    spent = harness.alternate(contenders, rounds=2, block=4)
    assert calls == ["a4", "b4", "b4", "a4", "a4", "b4"]
    assert spent.keys() == {"a", "b"}
    assert all(len(values) == 2 for values in spent.values())


def test_ratios_are_taken_round_by_round() -> None:
    shares = harness.ratios({"a": [1.0, 4.0], "b": [2.0, 4.0]}, "a")
    assert (shares["a"], shares["b"]) == (Spread(1.0, 1.0, 1.0), Spread(1.5, 1.0, 2.0))


def test_percentiles_are_values_that_occurred() -> None:
    assert [harness.share(range(200), percent) for percent in (0, 50, 99, 100)] == [0, 100, 198, 199]


def test_table_is_aligned() -> None:
    assert harness.table([("what", "ms"), ("check", "10.5")]) == "what     ms\ncheck  10.5"


def test_results_tell_the_machine_but_not_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    path = harness.save("some", harness.versions(other="1"), {"rounds": 2}, {"check": Spread(1.0, 0.5, 2.0)})
    text = path.read_text()
    saved = json.loads(text)
    assert saved["figures"] == {"check": {"median": 1.0, "low": 0.5, "high": 2.0}}
    assert saved["machine"]["cores"] == os.cpu_count()
    assert saved["versions"]["python"] == platform.python_version()
    assert f'"{socket.gethostname()}"' not in text
