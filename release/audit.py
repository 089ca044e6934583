"""`make audit`: known vulnerabilities of every pinned package, as a report that fails nothing.

It says what was not seen, too.
"""

import json
import subprocess
import sys
from typing import Any

from release.requirements import ROOT

SECONDS = 60
_COMMAND = (
    "--requirement",
    "requirements.txt",
    "--no-deps",
    "--disable-pip",
    "--progress-spinner=off",
    "--format=json",
)


def main() -> None:
    for line in report():
        print(f"audit: {line}")


def report() -> list[str]:
    """pip-audit by itself says that all is well also where the service knew none of the packages."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *_COMMAND],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return [f"not done: no answer within {SECONDS} s"]
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [f"not done: {(done.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1]}"]
    return lines_of(packages)


def lines_of(packages: list[dict[str, Any]]) -> list[str]:
    audited = [package for package in packages if "skip_reason" not in package]
    found = [_line(package, fault) for package in audited for fault in package["vulns"]]
    skipped = len(packages) - len(audited)
    unseen = f"; the service had no answer for the other {skipped}" if skipped else ""
    return [
        *found,
        f"{len(found)} known vulnerabilities in {len(audited)} of {len(packages)} packages{unseen}",
    ]


def _line(package: dict[str, Any], fault: dict[str, Any]) -> str:
    mended = ", ".join(fault["fix_versions"]) or "no version"
    return f"{package['name']} {package['version']}: {fault['id']}, fixed in {mended}"


if __name__ == "__main__":
    main()
