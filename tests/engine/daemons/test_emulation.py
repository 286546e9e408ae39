"""Emulators registered through a docker daemon, and on this machine, used and taken back.

The kernel is everybody's: what was registered before is there again after each test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.api.platforms import catalogue
from bakex.config import load
from bakex.model.platform import Platform
from bakex.platforms.tiny import program
from tests.conftest import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.daemons.conftest import Dockerd

PROGRAM = Path(sys.executable).with_name("bakex")
TABLE = Path("/proc/sys/fs/binfmt_misc")
PLATFORMS = "s390x,mips64le"
OTHER = (
    ":{name}:M::\\x7fELF\\x02\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x16"
    "::/nonexistent/qemu-s390x:"
)


def table() -> dict[str, str]:
    return {f.name: f.read_text() for f in TABLE.iterdir() if f.name != "register"}


@pytest.fixture
def clean() -> None:
    if os.geteuid() != 0 or not (TABLE / "register").exists():
        lacking("the kernel's table of interpreters takes root and binfmt_misc")
    if {"s390x", "mips64el"} & {name.removeprefix("qemu-") for name in table()}:
        pytest.skip("this machine emulates the platforms of this test already")


@pytest.fixture
def bare(clean: None) -> Iterator[None]:
    """Have the kernel know no interpreter at all."""
    del clean
    before = table()
    handlers = {name: text for name, text in before.items() if name != "status"}
    lines = [registration(name, text) for name, text in handlers.items()]
    for name in handlers:
        (TABLE / name).write_text("-1")
    try:
        assert table().keys() == {"status"}
        yield
    finally:
        for line in lines:
            (TABLE / "register").write_text(line)
        assert table() == before


def registration(name: str, text: str) -> str:
    """Return what registers a handler of which the kernel tells this."""
    told = dict(line.partition(" ")[::2] for line in text.splitlines())
    if "magic" not in told or not Path(told["interpreter"]).exists():
        pytest.skip(f"the handler {name} could not be registered again")
    magic, mask = (
        "".join(f"\\x{octet:02x}" for octet in bytes.fromhex(told.get(field, "")))
        for field in ("magic", "mask")
    )
    return f":{name}:M:{told['offset']}:{magic}:{mask}:{told['interpreter']}:{told['flags:']}"


def bakex(home: Path, *arguments: str, **environ: str) -> str:
    done = subprocess.run(
        [PROGRAM, "platform", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("clean")
def test_through_docker_and_back(dockerd: Dockerd, tmp_path: Path) -> None:
    before = table()
    where = {"DOCKER_HOST": dockerd.address}
    bakex(tmp_path, "install", PLATFORMS, "--node", "default", "--yes", **where)
    try:
        added = {name: text for name, text in table().items() if name not in before}
        assert set(added) == {"bakex-qemu-s390x", "bakex-qemu-mips64el"}
        assert all("flags: POCF" in text for text in added.values())
        tried = bakex(tmp_path, "test", PLATFORMS, **where)
        assert tried.count(" runs ") == 2
        listed = bakex(tmp_path, "ls", "--node", "default", **where)
        rows = {line.split()[0]: line.split()[1:5] for line in listed.splitlines()}
        # What the container had is not to be asked any more.
        for platform, program in (("s390x", "s390x"), ("mips64le", "mips64el")):
            way, interpreter, version, flags = rows[f"linux/{platform}"]
            assert (way, version, flags) == ("emulated", "unknown", "CFOP")
            assert interpreter.endswith(f"/{program}-binfmt-P")
        assert rows["linux/amd64"][1:] == ["-", "-", "-"]
        again = bakex(tmp_path, "install", PLATFORMS, "--node", "default", "--yes", **where)
        assert again.endswith("already\n")
    finally:
        bakex(tmp_path, "uninstall", "--node", "default", "--yes", **where)
    assert table() == before


@pytest.mark.usefixtures("bare")
def test_arm_and_riscv_on_a_machine_without_any_handler(dockerd: Dockerd, tmp_path: Path) -> None:
    where = {"DOCKER_HOST": dockerd.address}
    platforms = ("linux/arm64", "linux/arm/v7", "linux/riscv64")
    known = catalogue(load({}, cwd=tmp_path))
    for platform in map(Platform.parse, platforms):
        code = program(platform, known.profiles[platform].binary)
        assert code is not None
        (tmp_path / f"tiny-{platform.architecture}").write_bytes(code)
        (tmp_path / f"tiny-{platform.architecture}").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch\nARG TARGETARCH\nCOPY tiny-$TARGETARCH /tiny\n"
        f'ENV UNIQUE={os.urandom(8).hex()}\nRUN ["/tiny"]\n'
    )
    (tmp_path / "docker-bake.json").write_text(
        json.dumps(
            {
                "target": {
                    "default": {
                        "platforms": platforms,
                        "network": "none",
                        "output": ["type=cacheonly"],
                    }
                }
            }
        )
    )

    def bake() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, "bake", "--builder", f"docker+{dockerd.address}", "--progress", "plain"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    refused = bake()
    assert refused.returncode != 0
    # Before anything runs; or when it does, if the daemon remembers handlers that were there once.
    assert "bakex platform install" in refused.stderr
    bakex(tmp_path, "install", "arm64,arm,riscv64", "--node", "default", "--yes", **where)
    try:
        baked = bake()
        assert baked.returncode == 0, baked.stderr
        assert len(re.findall(r"^#\d+ [\d.]+ ok$", baked.stderr, re.MULTILINE)) == 3
        assert bakex(tmp_path, "test", "arm64,arm,riscv64", **where).count(" runs ") == 3
    finally:
        bakex(tmp_path, "uninstall", "--node", "default", "--yes", **where)
    assert table().keys() == {"status"}


@pytest.mark.usefixtures("clean")
def test_over_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    name = f"bakex-test-{os.getpid()}"
    # A buffered write of exactly one line, as the kernel wants it.
    (TABLE / "register").write_text(OTHER.format(name=name))
    try:
        before = table()
        said = bakex(tmp_path, "install", "s390x", "--yes")
        assert f"disable the handler {name}" in said
        assert table()[name].startswith("disabled")
        assert "emulated" in bakex(tmp_path, "ls").partition("linux/s390x")[2].partition("\n")[0]
        bakex(tmp_path, "uninstall", "s390x", "--yes")
        assert table() == before
    finally:
        (TABLE / name).write_text("-1")


# A user namespace that mounts the table gets one of its own (since Linux 6.7), and an empty one;
# `before` says what is to be seen at the usual place.
ALONE = """
set -e
mkdir "$HOME/own"
mount -t binfmt_misc binfmt_misc "$HOME/own"
{before} /proc/sys/fs/binfmt_misc
ls /proc/sys/fs/binfmt_misc > "$HOME/before"
"$0" platform install arm64,arm,riscv64 --yes
"$0" platform ls > "$HOME/ls"
"$0" platform uninstall --yes
ls /proc/sys/fs/binfmt_misc > "$HOME/after"
"""


@pytest.mark.parametrize(
    "before", ["mount -t binfmt_misc binfmt_misc", "mount -t tmpfs tmpfs"], ids=["empty", "missing"]
)
def test_a_machine_without_any_handler(tmp_path: Path, before: str) -> None:
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    probe = [*alone, "mount", "-t", "binfmt_misc", "binfmt_misc", str(TABLE)]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("this kernel gives user namespaces no table of their own")
    script = ALONE.format(before=before)
    done = subprocess.run(
        [*alone, "sh", "-c", script, PROGRAM],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("mount binfmt_misc" in done.stdout) == ("tmpfs" in before)
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    listed = (tmp_path / "ls").read_text()
    for platform in ("linux/arm64", "linux/arm/v7", "linux/riscv64"):
        assert "emulated" in listed.partition(f"{platform} ")[2].partition("\n")[0]
    assert list((tmp_path / ".local/state/bakex/emulation").glob("*.json")) == []
