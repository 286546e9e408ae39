from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bakex.config import Settings, load
from bakex.nodes.drivers.daemon import EngineLimits
from bakex.nodes.drivers.private import PrivateEngine
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

# A stand-in for dockerd and buildkitd: reads the real configuration file and answers on the socket
# that it names. The file "behaviour" in its prefix says how it misbehaves.
DAEMON = r"""
import json, os, signal, socket, subprocess, sys, time
prefix = '{prefix}'
try:
    behaviour = open(prefix + "/behaviour").read().split()
except FileNotFoundError:
    behaviour = []
with open(prefix + "/starts", "a") as starts:
    print(os.getpid(), os.getsid(0), os.getcwd(), os.environ["PATH"], file=starts)
config = open(sys.argv[2]).read()
docker = sys.argv[1] == "--config-file"
if docker:
    address = json.loads(config)["hosts"][0]
else:
    address = config.partition("address = [")[2].split('"')[1]
if "crash" in behaviour:
    print("failed to start daemon: Devices cgroup isn't mounted", file=sys.stderr)
    sys.exit(1)
if "stubborn" in behaviour:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if "helper" in behaviour:
    runtime = os.path.dirname(address.removeprefix("unix://"))
    mark = runtime + "/exec/containerd.toml"
    subprocess.Popen([prefix + "/usr/bin/containerd", "-f", "/dev/null", mark])
if "mute" in behaviour:
    time.sleep(600)
server = socket.socket(socket.AF_UNIX)
server.bind(address.removeprefix("unix://"))
server.listen()
driver = [] if "old" in behaviour else [["driver-type", "io.containerd.snapshotter.v1"]]
while True:
    client, _ = server.accept()
    asked = client.recv(4096)
    if not docker:
        client.sendall(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    elif b"/_ping" in asked:
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nOK")
    else:
        body = json.dumps({{"DriverStatus": driver}}).encode()
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + body)
    client.close()
"""


@dataclass(slots=True, kw_only=True)
class Installation:
    """A folder of fake daemons, and a private engine that uses them."""

    settings: Settings
    prefix: Path
    runtime: Path

    def add(self, *names: str) -> None:
        for name in names:
            folder = self.prefix / ("usr/sbin" if name == "dockerd" else "usr/bin")
            folder.mkdir(parents=True, exist_ok=True)
            program = folder / name
            if name in {"dockerd", "buildkitd"}:
                # -I and -S make Python start quickly.
                program.write_text(f"#!{sys.executable} -IS\n{DAEMON.format(prefix=self.prefix)}")
                program.chmod(0o755)
            else:
                # A real program: helpers are known by the name that they were started with.
                program.symlink_to(shutil.which("tail") or "/usr/bin/tail")

    def behave(self, *words: str) -> None:
        (self.prefix / "behaviour").write_text(" ".join(words))

    def starts(self) -> list[list[str]]:
        try:
            rows = (self.prefix / "starts").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [row.split(" ", 3) for row in rows]

    def engine(self, *, uid: int = 0, **limits: float) -> PrivateEngine:
        chosen = EngineLimits(**{"start": 10.0, "grace": 5.0, "poll": 0.005, **limits})
        return PrivateEngine(
            self.settings,
            SystemClock(),
            limits=chosen,
            uid=uid,
            os_release={"ID": "debian", "VERSION_ID": "12"},
            runtime=self.runtime,
        )


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Return a dockerd with its helpers, as fakes; what they leave running is ended by the test."""
    settings = load(
        {
            "HOME": str(tmp_path),
            # Where the interpreter's own helpers are; no real daemon's helpers may be found there.
            "PATH": str(tmp_path / "nothing"),
            "BAKEX_ENGINE_PREFIX": str(tmp_path / "prefix"),
            "https_proxy": "http://proxy:1",
        },
        cwd=tmp_path,
    )
    made = Installation(
        settings=settings, prefix=settings.engine_prefix, runtime=tmp_path / f"r{os.getpid()}"
    )
    made.add("dockerd", "containerd", "containerd-shim-runc-v2", "runc")
    return made
