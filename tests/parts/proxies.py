"""nginx and Caddy with the examples of deploy/, on free ports, in front of a web process."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from app.config import ROOT
from tests.parts import require
from tests.parts.ports import free_ports, listens
from tests.worker.waiting import until

SITE = "pillarbox.example.com"
SBIN = f"{os.environ['PATH']}:/usr/sbin"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Proxy:
    """Where one listens."""

    http: int
    https: int
    authority: trustme.CA


@dataclass(frozen=True)
class Place:
    """What an example is moved to."""

    folder: Path
    upstream: str
    http: int
    https: int

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


def nginx(place: Place) -> tuple[list[str], list[str]]:
    """How it is asked to look at its configuration, and how it is started."""
    binary = _binary("nginx", "nginx-light")
    text = (ROOT / "deploy" / "nginx" / "pillarbox.conf").read_text()
    text = re.sub(r"\n *listen \[::\].*", "", text)
    moves = {
        "listen 80;": f"listen 127.0.0.1:{place.http};",
        "listen 443 ": f"listen 127.0.0.1:{place.https} ",
        "server 127.0.0.1:8000": f"server {place.upstream}",
        f"/etc/letsencrypt/live/{SITE}/fullchain.pem": str(place.certificate),
        f"/etc/letsencrypt/live/{SITE}/privkey.pem": str(place.key),
    }
    (place.folder / "pillarbox.conf").write_text(_moved(text, moves))
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{name}_temp_path {place.folder}/{name};" for name in names)
    user = "user root;" if os.geteuid() == 0 else ""
    main = f"""{user} daemon off; worker_processes 1; pid {place.folder}/pid; error_log stderr warn;
        events {{}}
        http {{ access_log off; {paths} include {place.folder}/pillarbox.conf; }}"""
    path = place.folder / "nginx.conf"
    path.write_text(main)
    command = [binary, "-e", "stderr", "-c", str(path)]
    return [*command, "-t"], command


def caddy(place: Place) -> tuple[list[str], list[str]]:
    binary = _binary("caddy", "caddy")
    text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    options = f"admin off\n\thttp_port {place.http}\n\thttps_port {place.https}\n\tservers {{"
    moves = {
        "servers {": options,
        f"{SITE}}} {{": f"{SITE}}} {{\n\tbind 127.0.0.1\n\ttls {place.certificate} {place.key}",
    }
    path = place.folder / "Caddyfile"
    path.write_text(_moved(text, moves))
    words = ["--config", str(path), "--adapter", "caddyfile"]
    return [binary, "validate", *words], [binary, "run", *words]


KINDS = {"nginx": nginx, "caddy": caddy}


@contextmanager
def running(kind: str, folder: Path, upstream: str) -> Iterator[Proxy]:
    """Fails where the program finds fault with its configuration."""
    authority = trustme.CA()
    place = Place(folder, upstream, *free_ports(2))
    certificate = authority.issue_cert(SITE)
    certificate.private_key_pem.write_to_path(place.key)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(place.certificate, append=True)
    look, command = KINDS[kind](place)
    homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
    environ = {"PATH": SBIN, **homes, "UPSTREAM": upstream}
    looked = subprocess.run(look, env=environ, capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stderr
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or listens(place.https), START_SECONDS)
        assert process.poll() is None, (folder / "proxy.log").read_text()
        yield Proxy(place.http, place.https, authority)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _binary(name: str, package: str) -> str:
    found = shutil.which(name, path=SBIN)
    require(found is not None, "Reverse proxy", f"nginx and Caddy (apt-get install {package})")
    return str(found)


def _moved(text: str, moves: dict[str, str]) -> str:
    for old, new in moves.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
