"""What systemd's own tools say of the units, and that their limits fit the processes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.config import Settings, setting_fields
from app.worker.__main__ import LAST_RESORT_SECONDS
from tests.deploy.units import COMMON, SERVICES, UNITS, Unit, moved
from tests.parts import require

ANALYZE = shutil.which("systemd-analyze")
EXPOSURE = 1.5
"""0 is a service that can do nothing, 10 one that can do everything; up to 2 systemd says OK."""

each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as installed, with the programs where they are here: it is looked whether they exist."""
    require(ANALYZE is not None, "systemd unit", "systemd-analyze (apt-get install systemd)")
    folder = tmp_path_factory.mktemp("units")
    for path in UNITS.glob("pillarbox*.*"):
        if path.is_file():
            (folder / path.name).write_text(moved(path.read_text()))
    (folder / COMMON.parent.name).mkdir()
    (folder / COMMON.parent.name / COMMON.name).write_text(moved(COMMON.read_text()))
    return folder


def analyze(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_systemd_finds_no_fault(units: Path) -> None:
    names = [
        path.name for path in units.iterdir() if path.suffix in {".service", ".socket", ".target", ".timer"}
    ]
    assert len(names) == len(SERVICES) + 3

    ended = analyze(units, "verify", "--man=no", *names)

    assert (ended.returncode, ended.stderr) == (0, "")


@each_service
def test_little_is_left_that_a_service_could_do(units: Path, name: str) -> None:
    limit = f"--threshold={EXPOSURE * 10:.0f}"
    ended = analyze(units, "security", "--offline=true", limit, f"./{name}.service")

    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ended.stdout)
    assert found, ended.stderr
    assert (ended.returncode, float(found[1]) <= EXPOSURE) == (0, True), ended.stdout


@each_service
def test_every_secret_that_would_be_made_is_given(name: str) -> None:
    unit = Unit(name)
    made = {setting.name for setting in setting_fields() if setting.metadata["generate"]}
    given = {line.partition(":")[0] for line in unit.all("LoadCredential")}
    assert given == made | {"database_url"}
    assert {line.partition("=")[0] for line in unit.all("Environment")} >= {
        f"{secret.upper()}_FILE" for secret in given
    }


def test_who_stops_is_left_the_time_for_it() -> None:
    config = (UNITS.parent.parent / "gunicorn.conf.py").read_text()
    found = re.search(r"^graceful_timeout = (\d+)$", config, flags=re.MULTILINE)
    assert found
    assert int(Unit("pillarbox-web").one("TimeoutStopSec")) >= 2 * int(found[1]) + 10
    assert int(Unit("pillarbox-scheduler").one("TimeoutStopSec")) >= LAST_RESORT_SECONDS + 10


def test_there_is_room_for_every_check_at_once() -> None:
    threads = Settings.__dataclass_fields__["check_threads"].default
    unit = Unit("pillarbox-scheduler")
    assert int(unit.one("TasksMax")) >= 1.5 * threads
    assert int(unit.one("LimitNOFILE")) >= 10 * threads


def test_settings_of_the_example_exist() -> None:
    names = re.findall(r"^#?([A-Z_]+)=", (UNITS / "pillarbox.env").read_text(), flags=re.MULTILINE)
    assert {name.lower() for name in names} <= {setting.name for setting in setting_fields()}
