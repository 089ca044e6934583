"""A real Prometheus, started on the example in deploy/ with other targets and a shorter interval."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from app.config import ROOT
from tests.parts import require

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
REMEDY = "Prometheus (apt-get install prometheus)"
FOLDER = ROOT / "deploy" / "prometheus"
STOP_SECONDS = 10.0


def require_prometheus() -> None:
    require(PROMETHEUS is not None and PROMTOOL is not None, "Prometheus", REMEDY)


class Prometheus:
    """Asked over its HTTP API."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **query: str) -> Any:
        """What it answers; raises AssertionError with its words where it refuses."""
        try:
            with urlopen(f"{self._address}/{path}?{urlencode(query)}", timeout=10) as answer:  # noqa: S310 - ours
                return json.load(answer)["data"]
        except HTTPError as error:
            if error.code == 503:  # it starts
                raise
            raise AssertionError(f"{query}: {json.load(error)}") from None

    def ask(self, expression: str) -> list[float]:
        """The values that an expression has now; none also while Prometheus starts."""
        try:
            result = self.get("query", query=expression)["result"]
        except URLError:
            return []
        return [float(series["value"][1]) for series in result]


@contextmanager
def running(folder: Path, port: int, targets: dict[str, str], token: str) -> Iterator[Prometheus]:
    """`targets`: the address of each job of the example."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    assert [job["job_name"] for job in config["scrape_configs"]] == [*targets]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "metrics_token").write_text(token)
    shutil.copy(FOLDER / "pillarbox.rules.yml", folder)
    command = [
        str(PROMETHEUS),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
