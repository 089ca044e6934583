"""What a release tells of itself: its version, and what it is made of."""

import subprocess
import sys
from typing import Any

import pytest
from flask import Flask

from app.config import ROOT
from app.version import VERSION
from release import audit, licences
from release.requirements import run_time


def test_the_commands_tell_the_version(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["version"])

    assert (done.exit_code, done.output) == (0, f"Pillarbox {VERSION}\n")


def test_the_scheduler_tells_the_version_and_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.worker", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == (f"Pillarbox {VERSION}\n", "")


def test_the_licences_page_is_current() -> None:
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(), "make licences"


def test_what_is_installed_is_what_is_pinned() -> None:
    pins = run_time()

    assert len(pins) > 50
    assert {name: licences.version(name) for name in pins} == pins


def test_no_licence_asks_for_more_than_operators_can_give() -> None:
    assert licences.refused() == []


def test_a_licence_that_nobody_looked_at_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "licence", lambda name: "AGPL-3.0-only" if name == "Flask" else "MIT")

    assert licences.refused() == ["Flask"]


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2", "3"]}]}],
            ["a 1: CVE-1, fixed in 2, 3", "1 known vulnerabilities in 1 of 1 packages"],
        ),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            ["0 known vulnerabilities in 1 of 2 packages; the service had no answer for the other 1"],
        ),
    ],
)
def test_the_audit_says_what_it_saw_and_what_not(packages: list[dict[str, Any]], said: list[str]) -> None:
    assert audit.lines_of(packages) == said


@pytest.mark.parametrize("written", ["", "{}", "a line\nno network"])
def test_an_audit_that_cannot_be_done_fails_nothing(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    done = subprocess.CompletedProcess([], 1, written, "first\nno network\n")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)

    assert audit.report() == ["not done: no network"]
