"""The container file and its composition: what can be said of them without an engine to run them."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import ROOT, setting_fields
from tests.conftest import ENVIRON
from tests.deploy.units import Unit
from tests.parts.ports import free_port, listens
from tests.worker.waiting import until

Step = tuple[str, str]
START_SECONDS = 180.0
TEXT = (ROOT / "deploy" / "Containerfile").read_text()
PROMETHEUS = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
OURS = ("migrate", "web", "scheduler", "pillarbox")
CLIENT = re.findall(r"postgresql-client-(\d+)", TEXT)[0]
BACKUPS = "/var/lib/pillarbox/backups"


def stages() -> list[list[Step]]:
    """The steps of each stage: instruction and arguments."""
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    found: list[list[Step]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if word:
            found[-1].append((word, rest.strip()))
    return found


def all_of(steps: list[Step], word: str) -> list[str]:
    return [rest for name, rest in steps if name == word]


def copies(steps: list[Step]) -> list[tuple[list[str], str]]:
    """Sources from the build context, and where they go."""
    words = [shlex.split(rest) for rest in all_of(steps, "COPY") if not rest.startswith("--from=")]
    return [(sources, target) for *sources, target in words]


def test_the_image_has_no_tools_and_its_process_no_rights() -> None:
    _, final = stages()

    installs = [rest for rest in all_of(final, "RUN") if "pip " in rest or "apt" in rest]
    found = [re.findall(r"(?<=recommends )(.*?) *&&", rest) for rest in installs]
    assert found == [[f"postgresql-client-{CLIENT}"]]
    assert all_of(final, "USER") == ["10001"]
    assert "--uid 10001" in " ".join(all_of(final, "RUN"))
    names = [word for word, _ in final]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name in {"COPY", "RUN"})


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert kept == {source for stage in stages() for sources, _ in copies(stage) for source in sources}


def test_packages_are_those_of_production() -> None:
    """As the first stage picks them."""
    (command,) = all_of(stages()[0], "RUN")
    (script,) = [part for part in command.split("&&") if part.strip().startswith("sed ")]
    words = shlex.split(script.split(">")[0])
    picked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "\ngunicorn==" in picked
    assert "\nSQLAlchemy==" in picked
    assert "pytest" not in picked


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder that the steps of the last stage make."""
    folder = tmp_path / "pillarbox"
    folder.mkdir()
    for sources, target in copies(stages()[1]):
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, folder / target)
    return folder


def test_its_command_starts_with_what_is_copied_and_is_healthy(image: Path) -> None:
    port = free_port()
    _, final = stages()
    (command,), (health,) = all_of(final, "CMD"), all_of(final, "HEALTHCHECK")
    given = [part.partition("=") for part in shlex.split(" ".join(all_of(final, "ENV")))]
    environ = {**ENVIRON, **{name: value for name, _, value in given}}
    environ |= {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "HOST": "127.0.0.1", "PORT": str(port)}
    environ["DATABASE_URL"] = f"sqlite:///{image}/empty.db"
    look = [word.replace("8000", str(port)) for word in json.loads(health.partition("CMD ")[2])]

    def is_healthy() -> bool:
        # Asked by our own means first: to start a Python again and again takes from what is waited for.
        return (
            listens(port)
            and subprocess.run(look, cwd=image, env=environ, capture_output=True, check=False).returncode == 0
        )

    process = subprocess.Popen(json.loads(command), cwd=image, env=environ, stderr=subprocess.DEVNULL)
    try:
        until(is_healthy, START_SECONDS)
        process.terminate()
        assert process.wait(START_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    assert not (image / "instance").exists(), "something was made that the image has no place for"


@pytest.mark.parametrize("name", OURS)
def test_services_are_given_every_secret_as_a_file(name: str) -> None:
    service = COMPOSE["services"][name]
    made = {setting.name for setting in setting_fields() if setting.metadata["generate"]} | {"database_url"}
    assert set(service["secrets"]) == made
    for secret in made:
        assert service["environment"][f"{secret.upper()}_FILE"] == f"/run/secrets/{secret}"
    known = {setting.name for setting in setting_fields()}
    assert {setting.removesuffix("_FILE").lower() for setting in service["environment"]} <= known
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_what_is_named_exists() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    assert used == COMPOSE["secrets"].keys()
    for service in services.values():
        assert service.get("depends_on", {}).keys() <= services.keys()
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
    build = services["web"]["build"]
    assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).is_file()
    assert fnmatch(services["caddy"]["volumes"][0], "./caddy/Caddyfile:*")


def test_caddy_is_of_a_version_that_is_told_its_name_for_buffering() -> None:
    """The example stands for Debian's, 2.6.2; what that calls buffer_requests newer ones do not know."""
    caddy = COMPOSE["services"]["caddy"]
    major, minor = map(int, caddy["image"].partition(":")[2].split("."))
    assert (major, minor) >= (2, 7)
    assert caddy["environment"]["BUFFERING"] == "request_buffers 10MiB"
    example = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    assert "\n\t\t{$BUFFERING:buffer_requests}\n" in example


def test_backups_are_made_by_tools_of_the_servers_version_where_they_may_be_written() -> None:
    image = COMPOSE["services"]["postgres"]["image"]
    assert re.fullmatch(rf"\S+/postgres:{CLIENT}-bookworm", image)
    assert f"install -d -o 10001 -m 700 {BACKUPS}" in " ".join(all_of(stages()[1], "RUN"))
    commands = COMPOSE["services"]["pillarbox"]
    assert commands["volumes"] == [f"backups:{BACKUPS}"]
    assert commands["entrypoint"] == ["flask", "--app", "wsgi"]
    assert commands["profiles"], "it is started with the others"
    for kept in ("backups", "database"):
        assert kept in COMPOSE["volumes"]


def test_prometheus_finds_web_and_scheduler_and_nothing_else() -> None:
    services = COMPOSE["services"]
    shown = {name for name, service in services.items() if "figures" in service["networks"]}
    assert shown == {"web", "scheduler"}
    assert COMPOSE["networks"]["figures"]["internal"] is True
    ports = [target.rpartition(":")[2] for target in re.findall(r"127\.0\.0\.1:\d+", PROMETHEUS)]
    assert ports == ["8000", services["scheduler"]["environment"]["METRICS_PORT"]]


def test_limits_are_those_of_the_units() -> None:
    for name in ("web", "scheduler"):
        service, unit = COMPOSE["services"][name], Unit(f"pillarbox-{name}")
        assert service["stop_grace_period"] == f"{unit.one('TimeoutStopSec')}s"
        assert str(service["pids_limit"]) == unit.one("TasksMax")
        assert service["mem_limit"].upper() == unit.one("MemoryMax")
    assert COMPOSE["services"]["scheduler"]["command"] == ["python", "-m", "app.worker"]
