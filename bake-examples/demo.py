"""The demonstration: one bake file becomes an image for four platforms, which are then run.

Needs bakex's virtual environment and nothing else: `make demo`. In order, it

1. looks for a docker or BuildKit daemon that is running. If there is none, it has what is missing
   installed (tests/host/provision.py) and bakex starts its private engine by itself;
2. makes a base image from Debian packages (elsewhere: uses a public one);
3. starts a registry on a loopback port;
4. bakes ``hello``, pushes it to that registry and writes an OCI image layout;
5. shows the index that was pushed;
6. takes the program out of each platform's image and runs it, under QEMU where need be.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import base
import debian
from layout import ABOUT, extract, images, platform_text

from bakex.api import Client
from bakex.config import load
from bakex.diagnostics import render
from bakex.errors import BakexError, NodeError
from bakex.model.node import Feature, Wire
from bakex.model.platform import Platform
from bakex.nodes.discovery import candidates
from bakex.plan.matching import speed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.config import Settings
    from bakex.model.node import Endpoint, NodeInfo

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
HELLO = EXAMPLES / "hello"
PROVISION = ROOT / "tests" / "host" / "provision.py"
OUTPUT = ROOT / "build" / "demo"
PUBLIC_BASE = "docker-image://busybox:1.37"
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64")
ACCEPTED = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json,"
    " application/vnd.docker.distribution.manifest.list.v2+json"
)
# What bakex builds its outputs from; see docs/model.md.
NEEDED = frozenset({Feature.OCI_EXPORT, Feature.IMAGE_PUSH})


class Silence:
    """An event sink that keeps nothing."""

    def emit(self, event: object) -> None:
        """Take an event."""


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n== {text}", flush=True)


# ---------------------------------------------------------------- 1. a builder


async def nodes_of(settings: Settings, builder: str) -> tuple[NodeInfo, ...]:
    """Return the nodes of a builder; this starts the private engine if that is asked for."""
    async with Client.open(settings, builder=builder, events=Silence()) as client:
        return client.nodes


def builder_name(endpoint: Endpoint) -> str:
    """Return what ``--builder`` takes for one of the usual sockets."""
    scheme = "docker" if endpoint.wire is Wire.DOCKER else "unix"
    return endpoint.address.replace("unix://", f"{scheme}://")


async def choose(settings: Settings) -> tuple[str, tuple[NodeInfo, ...]]:
    """Return a builder that can build images, and its nodes; installs what it takes."""
    found = candidates(settings, settings.builder)
    if found.named:
        # Somebody said which one to use; it works or the error says why not.
        return settings.builder, await nodes_of(settings, settings.builder)
    for candidate in found.choices:
        if candidate.endpoint is None or not candidate.present():
            continue
        builder = builder_name(candidate.endpoint)
        with contextlib.suppress(NodeError):
            nodes = await nodes_of(settings, builder)
            if nodes[0].features >= NEEDED:
                return builder, nodes
            print(f"{candidate.endpoint.address} is running but cannot hand over images")
    print("No usable docker or BuildKit is running: bakex's private engine will do.", flush=True)
    await asyncio.to_thread(provision)
    return "private", await nodes_of(settings, "private")


def is_offered(platform: str, nodes: tuple[NodeInfo, ...]) -> bool:
    """Return whether a node builds a platform, natively or emulated."""
    return any(speed(node, Platform.parse(platform)) for node in nodes)


def provision() -> None:
    """Install what is missing; the script prints what it does, and its errors."""
    if subprocess.run([sys.executable, PROVISION, "demo"], check=False).returncode != 0:
        sys.exit(1)


# ---------------------------------------------------------------- 2. a base image


def base_image() -> str:
    """Return the address of an image with a shell for all platforms."""
    if not debian.available():
        return PUBLIC_BASE
    layout = base.make("hello")
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    return f"oci-layout://{layout}@{digest}"


# ---------------------------------------------------------------- 3. a registry


@contextmanager
def registry(settings: Settings) -> Iterator[str]:
    """Run a registry on a free loopback port and yield its ``host:port``; ends with the block."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="bakex-demo-") as folder:
        argv = registry_command(settings, host, Path(folder))
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            await_registry(host, process, Path(folder) / "log")
            print(f"{Path(argv[0]).name} at {host}")
            yield host
        finally:
            process.terminate()
            process.wait(timeout=30)


def registry_command(settings: Settings, host: str, folder: Path) -> list[str]:
    """Return how to run Debian's registry, or else the one that bakex has for tests."""
    inside = str(settings.engine_prefix / "usr" / "bin")
    program = shutil.which("docker-registry", path=f"{inside}:{os.environ.get('PATH', '')}")
    if program is None:
        return [sys.executable, "-m", "bakex.testing.registry", "--port", host.split(":")[1]]
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f'http: {{addr: "{host}"}}\n'
    )
    return [program, "serve", str(config)]


def await_registry(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the registry answers, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
            return
        time.sleep(0.05)
    sys.exit(f"error: the registry does not answer:\n{log.read_text()}")


# ---------------------------------------------------------------- 4. bake


def bake(builder: str, image: str, base_address: str, platforms: list[str], layout: Path) -> None:
    """Run ``bakex bake``, to the registry and to a layout."""
    command = [
        str(Path(sys.executable).with_name("bakex")),
        "bake",
        *("--file", str(HELLO / "docker-bake.hcl")),
        *(["--builder", builder] if builder else []),
        *("--set", "hello.output=type=registry"),
        *("--set", f"hello.output+=type=oci,tar=false,dest={layout}"),
        *("--allow", f"fs.write={layout.parent}"),
        *("--allow", f"fs.read={debian.cache_folder() / 'examples'}"),
        *(flag for platform in platforms for flag in ("--platform", platform)),
    ]
    print(f"$ IMAGE={image} BASE={base_address} {' '.join(command)}", flush=True)
    environment = {**os.environ, "IMAGE": image, "BASE": base_address}
    done = subprocess.run(command, cwd=HELLO, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


# ---------------------------------------------------------------- 5. the index


def show_index(image: str) -> None:
    """Print the index that the registry has."""
    host, _, name = image.partition("/")
    request = urllib.request.Request(f"http://{host}/v2/{name}/manifests/latest")
    request.add_header("Accept", ACCEPTED)
    with urllib.request.urlopen(request, timeout=10) as answer:
        digest = answer.headers["Docker-Content-Digest"]
        document = json.loads(answer.read())
    print(f"{image}:latest\n{digest}  {document['mediaType']}")
    for entry in document["manifests"]:
        about = entry.get("annotations", {}).get(ABOUT)
        what = f"provenance of {about[7:19]}" if about else platform_text(entry["platform"])
        print(f"  {entry['digest']}  {entry['size']:>6} bytes  {what}")


# ---------------------------------------------------------------- 6. run the programs


def run_program(root: Path) -> str:
    """Run the program of an unpacked image; return what it printed, or why it was not run."""
    shell = "/usr/bin/busybox" if (root / "usr/bin/busybox").exists() else "/bin/busybox"
    program = [shell, "sh", "/usr/bin/hello"]
    if os.geteuid() == 0:
        command = ["chroot", str(root), *program]
    else:
        command = [f"{root}{shell}", "sh", f"{root}/usr/bin/hello"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        return "not run: the kernel has no emulator for these programs"
    if done.returncode == 0:
        return done.stdout.strip()
    return f"not run: {done.stderr.strip() or f'exit code {done.returncode}'}"


def run_all(layout: Path) -> bool:
    """Run each platform's program; return whether all ran."""
    ran = True
    for platform, manifest in images(layout):
        with tempfile.TemporaryDirectory(prefix="bakex-demo-") as folder:
            extract(layout, manifest, Path(folder))
            printed = run_program(Path(folder))
        print(f"  {platform:<14} {printed}")
        ran = ran and not printed.startswith("not run")
    return ran


def main() -> int:
    """Run the demonstration; return the exit code."""
    began = time.monotonic()
    settings = load()
    say("a builder")
    builder, nodes = asyncio.run(choose(settings))
    for node in nodes:
        print(
            f"{node.name} at {node.endpoint.address} builds {', '.join(map(str, node.platforms))}"
        )
    platforms = [platform for platform in PLATFORMS if is_offered(platform, nodes)]
    left_out = [platform for platform in PLATFORMS if platform not in platforms]
    if left_out:
        print(
            f"Not built and not run: {', '.join(left_out)}. The builder has no emulator for them;"
            f" on Debian, {PROVISION.relative_to(ROOT)} demo installs what is missing."
        )
    say("a base image")
    base_address = base_image()
    print(base_address)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    layout = OUTPUT / "hello"
    say("a registry")
    with registry(settings) as host:
        image = f"{host}/hello"
        say("bake")
        bake(builder, image, base_address, platforms, layout)
        say("the index in the registry")
        show_index(image)
    say(f"the programs in {layout.relative_to(ROOT)}")
    ran = run_all(layout)
    print(f"\nDone in {time.monotonic() - began:.0f} seconds.")
    return 0 if ran else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BakexError as problem:
        sys.exit("\n".join(map(render, problem.diagnostics())))
    except debian.DebianError as problem:
        sys.exit(f"error: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
