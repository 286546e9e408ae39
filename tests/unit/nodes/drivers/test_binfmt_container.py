from __future__ import annotations

import io
import json
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import CapabilityError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.drivers import binfmt_container
from bakex.nodes.drivers.binfmt_container import DockerKernel
from bakex.platforms.handlers import Change, Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAID = """\
boot b1
status enabled
entry qemu-arm
 enabled
 interpreter /q
 flags: F
runs amd64
runs arm
something else
"""
REGISTER = Change(kind=Kind.REGISTER, name="mine", line=r":mine:M::\x7f:\xff:/q:F", program="q")
CHANGES = [
    Change(kind=Kind.MOUNT),
    Change(kind=Kind.SWITCH_ON),
    Change(kind=Kind.DISABLE, name="it's"),
    REGISTER,
]


class FakeWay:
    endpoint = Endpoint(name=NodeName("n"), address="unix:///d.sock", wire=Wire.DOCKER)


class FakePrograms:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "busybox").write_bytes(b"busybox")

    def busybox(self) -> Path:
        return self._folder / "busybox"

    def interpreter(self, program: str) -> Path:
        path = self._folder / program
        path.write_bytes(program.encode())
        return path


class FakeDocker:
    """As much of docker's client as is used."""

    def __init__(self) -> None:
        self.answers = [SAID]
        self.code = 0
        self.scripts: list[str] = []
        self.files: dict[str, bytes] = {}
        self.log: list[str] = []
        self.api = self.images = self.containers = self

    def import_image_from_data(self, data: bytes, changes: list[str]) -> str:
        self._unpack(data)
        assert any("ENTRYPOINT" in change for change in changes)
        return json.dumps({"status": "sha256:1"})

    def pull(self, image: str) -> None:
        self.log.append(f"pull {image}")

    def create(self, image: str, command: list[str], **options: Any) -> FakeDocker:
        assert options["privileged"]
        assert options["network_mode"] == "none"
        self.log.append(f"create {image}")
        self.scripts.append(command[-1])
        return self

    def put_archive(self, path: str, data: bytes) -> None:
        assert path == "/"
        self._unpack(data)

    def start(self) -> None:
        self.log.append("start")

    def wait(self) -> dict[str, int]:
        return {"StatusCode": self.code}

    def logs(self, **_: bool) -> bytes:
        return self.answers[0].encode()

    def remove(self, name: str = "container", *, force: bool) -> None:
        assert force
        self.log.append(f"remove {name}")

    def _unpack(self, data: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member)
                assert member.mode == 0o755
                self.files[member.name] = content.read() if content else b""


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    fake = FakeDocker()

    async def with_docker(_: object, work: Callable[[Any], Any], **__: str) -> Any:
        return work(fake)

    monkeypatch.setattr(binfmt_container, "with_docker", with_docker)
    return fake


def opened(tmp_path: Path, image: str = "") -> Any:
    way: Any = FakeWay()
    programs: Any = FakePrograms(tmp_path)
    return DockerKernel.opened(way, programs, ["qemu-arm"], {"arm": b"tiny"}, image=image)


async def test_an_image_of_our_own_comes_and_goes(docker: FakeDocker, tmp_path: Path) -> None:
    async with opened(tmp_path) as kernel:
        table = await kernel.look()
    assert docker.files == {
        ".bakex": b"",
        ".bakex/bare": b"",
        ".bakex/busybox": b"busybox",
        ".bakex/bare/arm": b"tiny",
        "usr/libexec/qemu-binfmt/arm-binfmt-P": b"qemu-arm",
    }
    assert docker.log == ["create sha256:1", "start", "remove container", "remove sha256:1"]
    assert table.boot == "b1"
    assert table.enabled
    assert table.entries == {"qemu-arm": "enabled\ninterpreter /q\nflags: F\n"}
    assert table.running == {"amd64", "arm"}


async def test_an_image_of_the_users_is_pulled_and_stays(
    docker: FakeDocker, tmp_path: Path
) -> None:
    docker.answers = ["qemu-arm /usr/bin/qemu-arm\n"]
    async with opened(tmp_path, "some/image") as kernel:
        assert await kernel.interpreters(["qemu-arm"]) == {"qemu-arm": "/usr/bin/qemu-arm"}
        with pytest.raises(CapabilityError, match="image some/image has no qemu-s390x"):
            await kernel.interpreters(["qemu-arm", "qemu-s390x"])
    assert docker.log[:2] == ["pull some/image", "create some/image"]
    assert "remove some/image" not in docker.log
    assert "usr/libexec/qemu-binfmt/arm-binfmt-P" not in docker.files


async def test_changes_and_back(docker: FakeDocker, tmp_path: Path) -> None:
    async with opened(tmp_path) as kernel:
        await kernel.change(CHANGES)
        await kernel.change(CHANGES[::-1], back=True)
    there, back = docker.scripts
    assert r"printf %s ':mine:M::\x7f:\xff:/q:F' > /mnt/register" in there
    assert """echo 0 > '/mnt/it'"'"'s' || exit 1""" in there
    assert "echo 1 > /mnt/status" in there
    assert "[ ! -e /mnt/mine ] || echo -1 > /mnt/mine || exit 1" in back
    assert "echo 0 > /mnt/status" in back


@pytest.mark.parametrize("back", [False, True])
def test_the_commands_are_a_shells(*, back: bool) -> None:
    lines = [binfmt_container._command(change, back=back) for change in CHANGES]
    script = binfmt_container._MOUNT + "".join(lines) + binfmt_container._LOOK
    subprocess.run(["sh", "-n", "-c", script], check=True)


@pytest.mark.parametrize(("code", "why"), [(3, "cannot mount binfmt_misc"), (1, "no such thing")])
async def test_a_container_that_fails(
    docker: FakeDocker, tmp_path: Path, code: int, why: str
) -> None:
    docker.code, docker.answers = code, ["no such thing\n"]
    with pytest.raises(CapabilityError, match="did not do it") as caught:
        async with opened(tmp_path) as kernel:
            await kernel.look()
    assert why in caught.value.detail
    assert docker.log[-2:] == ["remove container", "remove sha256:1"]
