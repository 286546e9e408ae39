"""Targets that are built on other targets, on one daemon and across two."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from h2.connection import H2Connection

from bakex._pb import bk_pb2 as pb
from bakex.model.node import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.node import Endpoint
    from tests.conftest import LoopbackRegistry, TestEngine
    from tests.engine.buildkit.conftest import Relay

BAKE = """\
group "default" { targets = ["top"] }
target "bottom" {
  dockerfile-inline = <<EOT
FROM scratch
ARG TARGETARCH
COPY bottom /bottom-$TARGETARCH
ENV LEVEL=1
EOT
}
target "middle" {
  contexts = { below = "target:bottom" }
  dockerfile-inline = "FROM below\\nCOPY middle /middle-$LEVEL\\nENV LEVEL=2"
}
target "top" {
  contexts = { below = "target:middle", data = "target:bottom" }
  dockerfile-inline = "FROM below\\nCOPY --from=data / /data/\\nCOPY top /top-$LEVEL"
  output = ["type=local,dest=out"]
}
"""


BAKEX = str(Path(sys.executable).with_name("bakex"))


class Command:
    """The installed command in a directory of its own."""

    def __init__(self, engine: TestEngine, cwd: Path) -> None:
        self.cwd = cwd
        self._environment = engine.environment
        self.builder = engine.environment["BAKEX_BUILDER"]

    def bake(
        self, *arguments: str, code: int = 0, builder: str = "", program: Sequence[str] = (BAKEX,)
    ) -> str:
        done = subprocess.run(
            [*program, "bake", "--progress", "plain",
             "--builder", builder or self.builder, *arguments],
            cwd=self.cwd, env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stderr

    def tree(self, below: str = "out") -> set[str]:
        root = self.cwd / below
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def command(engine: TestEngine, tmp_path: Path) -> Command:
    for name in ("bottom", "middle", "top"):
        (tmp_path / name).write_text(name)
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    return Command(engine, tmp_path)


def test_three_levels_on_one_node(command: Command) -> None:
    command.bake("--platform", "linux/amd64")
    assert command.tree() == {"bottom-amd64", "middle-1", "top-2", "data/bottom-amd64"}


def test_three_levels_of_two_platforms(command: Command) -> None:
    command.bake("--platform", "linux/amd64,linux/arm64")
    assert command.tree("out/linux_arm64") == {
        "bottom-arm64", "middle-1", "top-2", "data/bottom-arm64",
    }  # fmt: skip
    assert "bottom-amd64" in command.tree("out/linux_amd64")


SHELL = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
"""
# What a bake is that finds no daemon able to build on a result of its own.
WITHOUT_LINKS = """\
from bakex.engines.buildkit import probe
probe._LINKS = frozenset({"no daemon has it"})
from bakex.cli.main import entry
entry()
"""


@pytest.mark.parametrize("has_links", [True, False])
async def test_nothing_of_a_base_is_sent(command: Command, relay: Relay, has_links: bool) -> None:
    size = 8 << 20
    (command.cwd / "bottom").write_bytes(os.urandom(size))
    where = f"{_scheme(relay.endpoint)}{relay.endpoint.address.removeprefix('unix')}"
    arguments = ("--platform", "linux/amd64", "--set", "top.output=type=cacheonly")
    program = (BAKEX,) if has_links else (sys.executable, "-c", WITHOUT_LINKS)
    await asyncio.to_thread(command.bake, *arguments, builder=where, program=program)
    # The file gets there, and without links comes back in an image.
    copies = 1 if has_links else 2
    assert size * copies <= relay.passed < size * copies + size // 4
    await asyncio.to_thread(command.bake, "--platform", "linux/amd64", program=program)
    assert {"middle-1", "top-2", "data/bottom-amd64"} < command.tree()


def test_what_a_base_says_of_itself_is_inherited(command: Command) -> None:
    """Also by targets whose base has no files at all."""
    (command.cwd / "docker-bake.hcl").write_text("""\
target "nothing" {
  dockerfile-inline = <<EOT
FROM scratch
ENV A=1 B=2
USER 7
WORKDIR /
ENTRYPOINT ["/x"]
LABEL l=1
EXPOSE 80
EOT
}
target "files" {
  contexts = { below = "target:nothing" }
  dockerfile-inline = "FROM below\\nCOPY bottom /bottom-$A\\nENV B=3"
}
target "default" {
  contexts = { below = "target:files" }
  dockerfile-inline = "FROM below\\nCOPY --from=below /bottom-1 /copy-$B\\nCMD [\\"y\\"]"
  output = ["type=oci,tar=false,dest=layout", "type=local,dest=out"]
}
""")
    command.bake("--platform", "linux/amd64", "--verify", "off")  # there is no /x
    assert command.tree() == {"bottom-1", "copy-3"}
    ((image, *_),) = images(command.cwd / "layout")
    assert {name: value for name, value in image["config"].items() if name != "ArgsEscaped"} == {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1", "B=3"],
        "User": "7",
        "WorkingDir": "/",
        "Entrypoint": ["/x"],
        "Cmd": ["y"],
        "Labels": {"l": "1"},
        "ExposedPorts": {"80/tcp": {}},
    }


def test_a_step_without_cache_runs_once_for_all(command: Command) -> None:
    """What is handed over of a base is what others are built on, whatever its steps come to."""
    shutil.copy("/bin/busybox", command.cwd)
    (command.cwd / "secret").write_text("x")
    (command.cwd / "docker-bake.hcl").write_text(f"""\
group "default" {{ targets = ["base", "one", "two"] }}
target "base" {{
  no-cache = true
  secret = ["id=s,src=secret"]
  dockerfile-inline = <<EOT
{SHELL}
RUN --mount=type=secret,id=s,required \\
  cat /run/secrets/s /proc/sys/kernel/random/uuid > /result; echo told
EOT
  output = ["type=oci,tar=false,dest=layout", "type=local,dest=base"]
}}
target "one" {{
  contexts = {{ b = "target:base" }}
  dockerfile-inline = "FROM b\\nRUN cp /result /again"
  output = ["type=local,dest=one"]
}}
target "two" {{
  contexts = {{ b = "target:base" }}
  dockerfile-inline = "FROM scratch\\nCOPY --from=b /result /again"
  output = ["type=local,dest=two"]
}}
""")
    found: list[str] = []
    for _ in range(2):
        output = command.bake()
        assert len(re.findall(r"^#\d+ [\d.]+ told$", output, re.MULTILINE)) == 1
        places = ("base/result", "one/again", "two/again")
        (text,) = {(command.cwd / place).read_text() for place in places}
        found.append(text)
    assert found[0] != found[1]


def test_images_are_the_references(
    command: Command, engine: TestEngine, reference_buildx: Path
) -> None:
    if engine.endpoint.wire is not Wire.DOCKER:
        pytest.skip("the reference is given no builder here, only a dockerd")
    # No directory is made: it would be as old as the layer.
    files = BAKE.replace("COPY --from=data / /data/", "COPY --from=data /bottom-* /again")
    (command.cwd / "docker-bake.hcl").write_text(files)
    arguments = [
        *("--set", "*.platform=linux/amd64,linux/arm64", "--set", "*.no-cache=true"),
        *("--set", "*.attest=type=provenance,disabled=true"),
        *("--set", "*.args.SOURCE_DATE_EPOCH=1234567890", "--set"),
    ]
    command.bake(*arguments, "top.output=type=oci,tar=false,dest=ours")
    subprocess.run(
        [reference_buildx, "bake", *arguments, "top.output=type=oci,tar=false,dest=theirs"],
        cwd=command.cwd, env={**engine.environment, "DOCKER_HOST": engine.endpoint.address},
        check=True, capture_output=True,
    )  # fmt: skip
    ours = images(command.cwd / "ours")
    assert len(ours) == 2
    assert ours == images(command.cwd / "theirs")


def images(directory: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the configurations of all images of a layout, and their manifests."""
    blobs = directory / "blobs/sha256"
    manifests = [json.loads(file.read_bytes()) for file in blobs.iterdir() if _is_json(file)]
    found = [
        (json.loads((blobs / m["config"]["digest"].removeprefix("sha256:")).read_bytes()), m)
        for m in manifests
        if "layers" in m
    ]
    return sorted((pair for pair in found if pair[0]["rootfs"]["diff_ids"]), key=str)


def _is_json(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(1) == b"{"


def test_three_levels_across_two_nodes(command: Command, second_endpoint: Endpoint) -> None:
    """Bases go from one daemon to the other by content; both take part."""
    second = second_endpoint.address.replace("unix://", f"{_scheme(second_endpoint)}://")
    builder = f"{command.builder},{second}"
    output = command.bake(
        "--platform", "linux/amd64,linux/arm64", "--metadata-file", "m.json", builder=builder
    )
    assert "bottom-arm64" in command.tree("out/linux_arm64"), output
    document: dict[str, Any] = json.loads((command.cwd / "m.json").read_text())
    assert len({cell["node"] for cell in document["top"]["bakex.platforms"]}) == 2


@pytest.mark.parametrize("nodes", [1, 2])
def test_stages_for_the_platform_of_the_node(
    command: Command, second_endpoint: Endpoint, nodes: int
) -> None:
    """Programs of a base that run during a cross-build, wherever base and user are built."""
    (command.cwd / "docker-bake.hcl").write_text("""\
target "tools" {
  platforms = ["linux/amd64", "linux/arm64"]
  dockerfile-inline = "FROM scratch\\nARG TARGETARCH\\nCOPY bottom /for-$TARGETARCH"
}
target "default" {
  platforms = ["linux/amd64", "linux/arm64"]
  contexts = { tools = "target:tools" }
  dockerfile-inline = <<EOT
FROM --platform=$BUILDPLATFORM tools AS native
FROM tools
COPY --from=native / /native/
EOT
  output = ["type=local,dest=out"]
}
""")
    second = second_endpoint.address.replace("unix://", f"{_scheme(second_endpoint)}://")
    command.bake(builder=f"{command.builder},{second}" if nodes == 2 else "")
    assert command.tree() == {
        "linux_amd64/for-amd64", "linux_amd64/native/for-amd64",
        "linux_arm64/for-arm64", "linux_arm64/native/for-amd64",
    }  # fmt: skip


def _scheme(endpoint: Endpoint) -> str:
    return "docker" if endpoint.wire.value == "docker" else "unix"


def test_a_base_that_fails_stops_what_is_built_on_it(command: Command) -> None:
    broken = BAKE.replace("COPY bottom /bottom", "COPY missing /bottom")
    (command.cwd / "docker-bake.hcl").write_text(broken)
    output = command.bake("--platform", "linux/amd64", code=1)
    assert "bottom@linux/amd64: '/missing' is not in the build context" in output
    assert output.count("error[") == 1
    assert "3 | COPY missing /bottom-$TARGETARCH" in output
    assert "COPY top" not in output
    assert not (command.cwd / "out").exists()


async def test_nothing_is_left_behind(command: Command) -> None:
    await asyncio.to_thread(command.bake, "--platform", "linux/amd64")
    home = Path(command._environment["HOME"])
    assert list((home / ".cache/bakex/run").iterdir()) == []


# The whole of a frontend, which has only a shell: what it says to the daemon is prepared, but for
# the name of the result, which comes with the first answer and goes back with the second call.
FRONTEND = """\
frame() {
  set -- $(busybox dd bs=1 count=9 2>/dev/null | busybox od -An -tu1)
  [ $# = 9 ] || exit 1
  [ "$4 $5 $9" = "1 5 $stream" ] && exit 3  # it failed, and there is no answer
  kind=$4 size=$(( ($1 * 256 + $2) * 256 + $3 ))
}
data() {
  while frame && [ $kind != 0 ]; do busybox dd bs=1 count=$size >/dev/null 2>&1; done
}
stream=1
busybox cat /solve
data
name=$(busybox dd bs=1 count=$size 2>/dev/null | busybox tail -c +8 | busybox head -c 25)
stream=3
busybox cat /return
echo -n $name
data
"""
REF = b"a result's name, not known"[:25]


def calls() -> tuple[bytes, bytes]:
    """Return the calls that make the result of another Dockerfile that of the frontend.

    The second one lacks the name of the result.
    """
    solve = pb.GatewaySolveRequest(
        frontend="dockerfile.v0", frontend_opt={"filename": "real.Dockerfile"}
    )
    back = pb.ReturnRequest(result=pb.Result(ref_id=REF.decode()))
    connection = H2Connection()
    connection.initiate_connection()
    said: list[bytes] = []
    for stream, method, request in ((1, "Solve", solve), (3, "Return", back)):
        connection.send_headers(stream, [
            (":method", "POST"), (":scheme", "http"), (":authority", "localhost"),
            (":path", f"/moby.buildkit.v1.frontend.LLBBridge/{method}"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ])  # fmt: skip
        message = request.SerializeToString()
        message = b"\0" + len(message).to_bytes(4, "big") + message
        connection.send_data(stream, message, end_stream=True)
        said.append(connection.data_to_send())
    return said[0], said[1].removesuffix(REF)


def write_frontend(command: Command, image: str) -> None:
    """Make a frontend image and push it."""
    place = command.cwd / "frontend"
    place.mkdir()
    shutil.copy("/bin/busybox", place)
    solve, back = calls()
    (place / "solve").write_bytes(solve)
    (place / "return").write_bytes(back)
    (place / "speak").write_text(FRONTEND)
    (place / "docker-bake.hcl").write_text(f"""\
target "default" {{
  context = "frontend"
  tags = ["{image}"]
  dockerfile-inline = <<EOT
FROM scratch
COPY busybox /bin/busybox
COPY solve return speak /
ENV PATH=/bin
LABEL moby.buildkit.frontend.network.none=true
ENTRYPOINT ["/bin/busybox", "sh", "/speak"]
EOT
}}
""")
    command.bake("-f", "frontend/docker-bake.hcl", "--push", "--platform", "linux/amd64",
                 "--verify", "off")  # fmt: skip


SYNTAX_BAKE = """\
target "base" {
  dockerfile = "odd"
}
target "default" {
  contexts = { below = "target:base" }
  dockerfile-inline = "FROM below\\nCOPY top /top"
  output = ["type=local,dest=out"]
}
"""


def test_a_base_with_a_frontend_of_its_own(command: Command, registry: LoopbackRegistry) -> None:
    image = f"{registry.host}/odd/frontend:1"
    write_frontend(command, image)
    (command.cwd / "docker-bake.hcl").write_text(SYNTAX_BAKE)
    (command.cwd / "odd").write_text(f"# syntax={image}\nnothing that Dockerfiles know\n")
    (command.cwd / "real.Dockerfile").write_text("FROM scratch\nCOPY bottom /by-frontend\n")
    command.bake("--platform", "linux/amd64", "--verify", "off")
    assert command.tree() == {"by-frontend", "top"}


def test_a_base_whose_frontend_is_nowhere(command: Command, registry: LoopbackRegistry) -> None:
    image = f"{registry.host}/odd/nowhere:1"
    (command.cwd / "docker-bake.hcl").write_text(SYNTAX_BAKE)
    (command.cwd / "odd").write_text(f"# syntax={image}\nnothing that Dockerfiles know\n")
    output = command.bake("--platform", "linux/amd64", code=1)
    assert output.count("error[") == 1
    assert image in output
    assert "base@linux/amd64" in output
    assert not (command.cwd / "out").exists()
