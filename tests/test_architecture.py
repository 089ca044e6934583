"""Guards of how the code is built, where no linter looks."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import ROOT
from app.domain.enums import ErrorCode, Role, WarningCode
from app.services.access import ALLOWED, Action
from tests.conftest import ENVIRON

APP = ROOT / "app"
SOURCES = sorted(APP.rglob("*.py"))
# The context notes the last use of a token before any view knows of it.
MAY_COMMIT = ("routes.py", "context.py")
MAY_COMMIT_FOLDERS = {APP / "cli", APP / "worker"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}
WEB_AND_DATABASE = {"flask", "sqlalchemy", "flask_sqlalchemy", "flask_smorest", "marshmallow", "werkzeug"}
LOADED_WHEN_NEEDED = {"apprise", "requests", "redis", "psycopg"}
MAX_LINES = 400


def calls_of(path: Path, name: str) -> list[int]:
    """The lines on which something's method of that name is called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def test_only_entry_points_commit() -> None:
    strays = [
        path.relative_to(ROOT)
        for path in SOURCES
        if path.name not in MAY_COMMIT
        and not MAY_COMMIT_FOLDERS & set(path.parents)
        and calls_of(path, "commit")
    ]

    assert strays == []


def test_no_module_is_a_drawer_for_everything() -> None:
    names = {part for path in SOURCES for part in path.relative_to(APP).with_suffix("").parts}

    assert not {name for name in names if name in FORBIDDEN_NAMES or name.endswith(("_utils", "_helpers"))}


def test_no_module_is_longer_than_a_person_reads_at_once() -> None:
    assert [path for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES] == []


def test_nothing_prints() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert "print" not in names, path


def test_only_the_clock_reads_the_time() -> None:
    # Checkers, which know no clock of ours, are timed by themselves.
    bound = [path for path in SOURCES if path != APP / "clock.py" and APP / "checkers" not in path.parents]

    strays = [path for path in bound if any(calls_of(path, name) for name in ("now", "utcnow", "today"))]

    assert strays == []


@pytest.mark.parametrize("package", ["app.domain", "app.net", "app.checkers", "app.notifiers", "app"])
def test_a_package_below_the_web_loads_neither_web_nor_database(package: str) -> None:
    program = f"import pkgutil, {package}\n" + (
        f"for module in pkgutil.walk_packages({package}.__path__, '{package}.'): __import__(module.name)\n"
        if package != "app"
        else ""
    )

    assert not WEB_AND_DATABASE & loaded_by(program)


def test_a_command_loads_only_what_most_commands_need(tmp_path: Path) -> None:
    """A third of the time in which a command started was spent on these."""
    environ = {**ENVIRON, "RATE_LIMIT": "600/minute", "DATABASE_URL": f"sqlite:///{tmp_path / 'test.db'}"}

    assert not LOADED_WHEN_NEEDED & loaded_by(f"import app\napp.create_app({environ})\n")
    assert "apprise" in loaded_by("from app import notifiers\nnotifiers.load_services()\n")


def loaded_by(program: str) -> set[str]:
    """The names of the packages that a new process has loaded in the end."""
    program = f"import sys\n{program}print(*{{name.split('.')[0] for name in sys.modules}})"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(ended.stdout.split())


def test_every_action_says_who_may_do_it() -> None:
    assert ALLOWED.keys() == set(Action)
    assert all(roles <= set(Role) and Role.GLOBAL_ADMIN in roles for roles in ALLOWED.values())


def test_codes_of_errors_and_warnings_do_not_overlap() -> None:
    assert not {str(code) for code in ErrorCode} & {str(code) for code in WarningCode}
