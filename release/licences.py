"""`make licences`: what the packages that production installs are licensed under, as docs/licences.md."""

from collections.abc import Iterator
from importlib.metadata import metadata, version

from release.requirements import ROOT, run_time

PAGE = ROOT / "docs" / "licences.md"

# Of a package that tells no SPDX expression: the word it uses -> the expression, where that is beyond doubt.
SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
# The metadata of these says too little; this is what their licence files say.
READ = {"python-dateutil": "Apache-2.0 OR BSD-3-Clause", "requests-oauthlib": "ISC"}

PERMISSIVE = frozenset(
    {
        *(
            "Apache-2.0",
            "Apache-2.0 AND BSD-2-Clause",
            "Apache-2.0 OR BSD-2-Clause",
            "Apache-2.0 OR BSD-3-Clause",
        ),
        *("BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT OR Apache-2.0", "MIT-0", "PSF-2.0", "Unlicense"),
    }
)
COPYLEFT = {"LGPL-3.0-only": "library", "MPL-2.0": "file"}
"""Allowed, because they ask for something of the package or the file alone, not of who runs or uses it."""

_HEAD = """# Licences

What production installs (the run-time part of requirements.txt), as the packages' own metadata has it;
written by `make licences`, and tested to be current. A licence that nobody has looked at fails the test.
Permissive ones want their notice kept. Copyleft are:

"""
_COPYLEFT = (
    "- `{name}` ({licence}): whoever passes a changed {part} on does so under the same licence. "
    "Running it, changed or not, asks for nothing.\n"
)


def licence(name: str) -> str:
    """As an SPDX expression, or in the package's own words where nobody has looked yet."""
    told = metadata(name)
    words = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    word = (
        told.get("License-Expression")
        or READ.get(name)
        or " AND ".join(words)
        or told.get("License")
        or "unknown"
    )
    return SPDX.get(word, word)


def refused() -> list[str]:
    """Packages under a licence that is on neither list."""
    return [name for name in run_time() if licence(name) not in PERMISSIVE | COPYLEFT.keys()]


def page() -> str:
    licences = {name: licence(name) for name in run_time()}
    copyleft = [
        _COPYLEFT.format(name=name, licence=found, part=COPYLEFT[found])
        for name, found in licences.items()
        if found in COPYLEFT
    ]
    return "".join([_HEAD, *copyleft, "\n| package | version | licence |\n|---|---|---|\n", *_rows(licences)])


def _rows(licences: dict[str, str]) -> Iterator[str]:
    for name, found in licences.items():
        yield f"| {name} | {version(name)} | {found} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
