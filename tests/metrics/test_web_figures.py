"""What the web processes count, alone and with others."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from app.extensions import db
from app.metrics import shared, web
from app.metrics.exposition import render
from bench.api_fill import fill
from tests.api.test_operations import figures
from tests.calling import Caller
from tests.conftest import empty


def asked(route: str, method: str, status: int) -> float:
    labels = {"route": route, "method": method, "status": str(status)}
    return web.REGISTRY.get_sample_value("pillarbox_http_requests_total", labels) or 0.0


@pytest.mark.only_on("sqlite")
def test_requests_are_counted_by_pattern(nobody: Caller) -> None:
    route = "/api/imap-pop-monitors/:publicId/check-history"
    before = asked(route, "GET", 401)
    for name in ("one", "two"):
        nobody.get(f"/api/imap-pop-monitors/{name}/check-history")

    assert asked(route, "GET", 401) == before + 2


@pytest.mark.only_on("sqlite")
def test_neither_monitors_nor_callers_make_series(app: Flask, nobody: Caller) -> None:
    def series() -> int:
        return len(figures(nobody))

    def watch(monitors: int) -> None:
        empty(app)
        with app.app_context():
            fill(db.engine, app.config["CONFIG_STORE"], (monitors, 0))

    watch(3)
    nobody.get("/wp-login.php")
    nobody.send("BREW", "/readyz")
    figures(nobody)
    few = series()
    watch(300)
    for number in range(200):
        nobody.get(f"/{number}/wp-login.php")
        nobody.send(f"BREW{number}", "/readyz")

    assert figures(nobody)['pillarbox_monitors{status="active"}'] == 300
    assert series() == few


@pytest.mark.only_on("sqlite")
def test_refusals_are_counted_by_limit(make_app: Callable[..., Flask], nobody: Caller) -> None:
    limited = nobody.on(make_app(RATE_LIMIT="12/minute"))

    def refused() -> list[float]:
        name = "pillarbox_rate_limit_refusals_total"
        return [web.REGISTRY.get_sample_value(name, {"limit": limit}) or 0 for limit in ("login", "requests")]

    login, requests = refused()
    answers = [limited.post("/api/auth/login", json={}).status_code for _ in range(11)]
    assert (answers[-1], refused()) == (429, [login + 1, requests])

    answers = [limited.get("/api/users").status_code for _ in range(3)]
    assert (answers[-1], refused()[1] > requests) == (429, True)


def test_what_an_ended_process_counted_stays_counted(tmp_path: Path) -> None:
    def count(process: int, kind: str, name: str, value: float) -> None:
        file = MmapedDict(str(tmp_path / f"{kind}_{process}.db"))
        metric = name.removesuffix("_total")
        file.write_value(mmap_key(metric, name, ["route"], ["/readyz"], "Asked."), value, 0.0)
        file.close()

    for process in (11, 12, 13):
        count(process, "counter", "pillarbox_http_requests_total", process)
    count(12, "histogram", "pillarbox_http_request_seconds_sum", 2.5)
    together = shared.SharedCollector(tmp_path)
    before = render(together)
    assert b'pillarbox_http_requests_total{route="/readyz"} 36.0' in before

    for process in (11, 12):
        shared.take_over(tmp_path, [process])
        assert render(together) == before

    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["counter_0.db", "counter_13.db", "histogram_0.db", "turn"]


def test_what_a_killed_process_left_half_made_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "counter_11.db").write_bytes(b"\x00\x00\x01")
    shared.take_over(tmp_path, [11])
    assert [path.name for path in tmp_path.iterdir()] == ["turn"]


def test_nobody_waits_for_a_reader(tmp_path: Path) -> None:
    with (tmp_path / "turn").open("a") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        with pytest.raises(BlockingIOError):
            shared.take_over(tmp_path, [11])


def test_one_process_needs_no_files() -> None:
    assert shared.FILES not in os.environ
    assert b"pillarbox_rate_limit_refusals_total" in render(*web.collectors())
