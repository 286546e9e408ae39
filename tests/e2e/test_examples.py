"""The other examples, and the demonstration."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import LoopbackRegistry, Require, TestEngine
    from tests.e2e.conftest import Bakex, Layout

ELF_MACHINE = slice(18, 20)  # e_machine, little endian
AARCH64 = (183).to_bytes(2, "little")
SECRETS = (b"not-for-everyone-7131", b"correct-horse-battery-staple")


def durations(text: str) -> dict[str, float]:
    """Return how long each step of a rawjson stream ran, by its name, in seconds."""
    took: dict[str, float] = {}
    for line in text.splitlines():
        for vertex in (json.loads(line).get("vertexes") or []) if line.startswith("{") else []:
            if vertex.get("started") and vertex.get("completed"):
                took[vertex["name"]] = seconds(vertex["completed"]) - seconds(vertex["started"])
    return took


def seconds(timestamp: str) -> float:
    """Return the seconds since midnight of an RFC 3339 time."""
    hours, minutes, rest = timestamp.partition("T")[2].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(re.sub(r"[^0-9.].*", "", rest))


def test_cross_compiling_beats_emulation(
    bakex: Bakex, examples: Path, cross_base: str, tmp_path: Path
) -> None:
    done = bakex(
        *("bake", "--progress", "rawjson", "--no-cache"),
        *("--allow", "fs.read=*", "--allow", f"fs.write={tmp_path}"),
        *("--set", f"cross.output=type=local,dest={tmp_path / 'cross'}"),
        *("--set", f"emulated.output=type=local,dest={tmp_path / 'emulated'}"),
        cwd=examples / "cross",
        TOOLS=cross_base,
    )
    for folder in ("cross", "emulated"):
        program = tmp_path / folder / "primes"
        assert program.read_bytes()[ELF_MACHINE] == AARCH64
        printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
        assert printed == "9592 primes below 100000, counted on aarch64\n"
    took = {
        name: s for name, s in durations(done.stderr).items() if "aarch64-linux-gnu-gcc" in name
    }
    native = next(s for name, s in took.items() if "cross-compile" in name)
    emulated = next(s for name, s in took.items() if "emulate " in name)
    assert native < emulated


def test_the_report_names_what_emulation_has_cost(
    bakex: Bakex, examples: Path, cross_base: str, tmp_path: Path
) -> None:
    folder = tmp_path / "cross"
    shutil.copytree(examples / "cross", folder)
    more = (f"int f{n}(int x) {{ return x * {n} + x / ({n} + 1); }}\n" for n in range(200))
    (folder / "primes.c").write_text((folder / "primes.c").read_text() + "".join(more))
    plain = bakex(
        *("bake", "--progress", "plain", "--no-cache", "--allow", "fs.read=*"),
        *("--set", "*.output=type=cacheonly", "--metadata-file", "metadata.json"),
        cwd=folder,
        TOOLS=cross_base,
    ).stderr
    document = json.loads((folder / "metadata.json").read_bytes())
    compiled = {
        step["speed"]: step["seconds"]
        for target in ("cross", "emulated")
        for step in document[target]["bakex.steps"]
        if "gcc" in step["name"]
    }
    assert compiled["emulated"] > compiled["native"] > 0
    assert re.search(r"#\d+ DONE \S+ emulated", plain), plain
    named = re.search(r"#0 .*emulate \d/\d\] RUN aarch64-linux-gnu-gcc.* (\S+) times the", plain)
    assert named is not None, plain
    assert float(named[1]) > 1


def test_a_program_for_a_device(
    bakex: Bakex, examples: Path, cross_base: str, require: Require, tmp_path: Path
) -> None:
    bakex(
        *("bake", "--allow", "fs.read=*", "--allow", f"fs.write={tmp_path}"),
        *("--set", f"cross.output=type=local,dest={tmp_path / 'cross'}"),
        *("--set", f"emulated.output=type=local,dest={tmp_path / 'emulated'}"),
        cwd=examples / "raspberry-pi",
        TOOLS=cross_base,
    )
    qemu = require("qemu-aarch64-static")
    for folder in ("cross", "emulated"):
        command = [str(qemu), "-cpu", "cortex-a72", str(tmp_path / folder / "mix")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert printed == "652cf958c2958ad6\n"


def test_go_needs_no_emulation(bakex: Bakex, examples: Path, go_base: str, tmp_path: Path) -> None:
    # One platform of three: each compiles Go's library anew.
    done = bakex(
        *("bake", "cross", "--progress", "plain", "--platform", "linux/arm64"),
        *("--allow", "fs.read=*", "--allow", f"fs.write={tmp_path}"),
        *("--set", f"cross.output=type=local,dest={tmp_path}"),
        cwd=examples / "go",
        TOOLS=go_base,
    )
    assert " emulated" not in "".join(re.findall(r"DONE.*", done.stderr))
    command = [tmp_path / "hello"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == "hello from linux/arm64\n"


@pytest.mark.parametrize(
    ("example", "arguments", "platforms"),
    [
        ("go", ["emulated"], {"linux/amd64", "linux/arm64", "linux/arm/v6"}),
        ("rust", ["cross", "emulated"], {"linux/arm64", "linux/arm/v7"}),
        ("wheel", ["cross", "emulated"], {"linux/amd64", "linux/arm64"}),
        ("raspberry-pi", ["--device", "raspberry-pi-zero"], {"linux/arm/v6"}),
    ],
)
def test_what_takes_a_registry_is_at_least_sound(
    bakex: Bakex, examples: Path, example: str, arguments: list[str], platforms: set[str]
) -> None:
    printed = bakex("bake", "--print", *arguments, cwd=examples / example).stdout
    targets = json.loads(printed)["target"].values()
    assert {platform for target in targets for platform in target["platforms"]} == platforms


def test_secrets_are_used_and_nowhere_to_be_found(
    bakex: Bakex,
    examples: Path,
    hello_base: str,
    registry: LoopbackRegistry,
    read_layout: type[Layout],
    run_image: Callable[..., str],
    tmp_path: Path,
) -> None:
    image = f"{registry.host}/secrets"
    printed = ""
    for mode in ("plain", "rawjson"):
        done = bakex(
            *("bake", "--progress", mode, "--no-cache"),
            *("--allow", "fs.read=*", "--allow", f"fs.write={tmp_path}"),
            *("--metadata-file", tmp_path / f"{mode}.json"),
            *("--set", f"secrets.tags={image}:latest"),
            *("--set", "secrets.output=type=registry"),
            *("--set", f"secrets.output+=type=oci,tar=false,dest={tmp_path / mode}"),
            cwd=examples / "secrets",
            BASE=hello_base,
            EXAMPLE_TOKEN=SECRETS[0].decode(),
        )
        printed += done.stdout + done.stderr
    printed += bakex(
        "bake", "--print", cwd=examples / "secrets", EXAMPLE_TOKEN=SECRETS[0].decode()
    ).stdout
    layout = read_layout(tmp_path / "plain")
    manifest = layout.json(layout.root["digest"])
    if "manifests" in manifest:
        manifest = next(iter(layout.images().values()))
    report = run_image(layout, manifest, "/usr/bin/cat", "/etc/report")
    assert report == f"robin got a token of {len(SECRETS[0])} characters\n"
    places = [p for p in (*tmp_path.rglob("*"), *registry.root.rglob("*")) if p.is_file()]
    assert places
    for secret in SECRETS:
        assert secret.decode() not in printed
        for place in places:
            content = place.read_bytes()
            assert secret not in content, place
            assert secret not in unzipped(content), place


def unzipped(content: bytes) -> bytes:
    """Return what a gzip file holds; nothing for any other content."""
    if content[:2] != b"\x1f\x8b":
        return b""
    return subprocess.run(["gzip", "-dc"], input=content, capture_output=True, check=False).stdout


def test_the_demonstration(examples: Path, engine: TestEngine, hello_base: str) -> None:
    # The base that is there already is used, so that nothing is asked of the network.
    made = Path(hello_base.removeprefix("oci-layout://").partition("@")[0]).parent
    shared = Path(engine.environment["HOME"]) / ".cache" / "bakex" / "examples"
    shared.parent.mkdir(parents=True, exist_ok=True)
    if not shared.exists():
        shared.symlink_to(made)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, examples / "demo.py"],
            env=engine.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for machine in ("x86_64", "aarch64", "armv7l", "riscv64"):
            assert f"hello from {machine}; this image was built on {machine}" in done.stdout
        assert "application/vnd.oci.image.index.v1+json" in done.stdout
