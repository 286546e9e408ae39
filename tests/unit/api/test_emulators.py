from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bakex import config
from bakex.api.emulators import Emulators, docker_of, endpoint_of, samples_of, wanted
from bakex.api.platforms import catalogue
from bakex.errors import CapabilityError, ConfigError, UsageError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.platforms.handlers import Change, Kind, Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bakex.config import Settings
    from bakex.platforms.catalogue import Catalogue

ROOT = Path(__file__).parents[3]


class FakeKernel:
    """Remembers handlers by name; those that are registered run at once, if it is a good one."""

    def __init__(self, *, good: bool = True) -> None:
        self.entries: dict[str, str] = {}
        self.log: list[str] = []
        self.good = good

    async def look(self) -> Table:
        running = ["s390x"] if self.good and "bakex-qemu-s390x" in self.entries else []
        return Table(boot="boot-1", entries=dict(self.entries), running=["amd64", *running])

    async def interpreters(self, programs: Sequence[str]) -> Mapping[str, str]:
        return {program: f"/q/{program}" for program in programs}

    async def change(self, changes: Sequence[Change], *, back: bool = False) -> Table:
        for change in changes:
            self.log.append(change.undone if back else str(change))
            if change.kind is Kind.REGISTER and not back:
                self.entries[change.name] = "there"
            elif change.kind is Kind.REGISTER:
                self.entries.pop(change.name, None)
        return await self.look()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return config.load({"HOME": str(tmp_path)}, cwd=tmp_path)


@pytest.fixture
def known(settings: Settings) -> Catalogue:
    return catalogue(settings)


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def emulators(
    settings: Settings, known: Catalogue, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> Emulators:
    @asynccontextmanager
    async def opened(*_: object) -> AsyncIterator[FakeKernel]:
        yield kernel

    monkeypatch.setattr(Emulators, "_kernel", opened)
    return Emulators(settings, known)


def record(settings: Settings) -> Path:
    return settings.state / "emulation" / "boot-1.json"


async def test_the_kernels_table(emulators: Emulators, kernel: FakeKernel) -> None:
    kernel.entries["qemu-arm"] = "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f\nmask ff\n"
    assert [h.interpreter for h in await emulators.handlers()] == ["/q"]
    assert emulators.is_here


async def test_there_and_back(
    emulators: Emulators, kernel: FakeKernel, known: Catalogue, settings: Settings
) -> None:
    profiles = wanted(known, ["s390x,amd64"])
    pending = await emulators.planned(profiles)
    assert pending.place == "this machine"
    assert [str(change) for change in pending.changes] == [
        "register bakex-qemu-s390x: /q/qemu-s390x, flags POCF"
    ]
    assert kernel.log == []
    await emulators.install(pending, profiles)
    assert json.loads(record(settings).read_bytes())["changes"][0]["name"] == "bakex-qemu-s390x"
    assert (await emulators.planned(profiles)).changes == []
    assert (await emulators.undoing(wanted(known, ["arm64"]))).changes == []
    undoing = await emulators.undoing([])
    assert undoing.changes == pending.changes
    await emulators.uninstall(undoing)
    assert kernel.entries == {}
    assert not record(settings).exists()
    assert (await emulators.undoing([])).changes == []


async def test_an_emulator_that_does_not_work_is_taken_back(
    emulators: Emulators, kernel: FakeKernel, known: Catalogue, settings: Settings
) -> None:
    kernel.good = False
    profiles = wanted(known, ["s390x"])
    pending = await emulators.planned(profiles)
    with pytest.raises(CapabilityError, match="programs of linux/s390x do not run"):
        await emulators.install(pending, profiles)
    assert kernel.entries == {}
    assert not record(settings).exists()


@pytest.mark.parametrize("text", ['{"changes": [{"kind": "dance"}]}', "{}"])
async def test_a_record_that_is_none(emulators: Emulators, settings: Settings, text: str) -> None:
    record(settings).parent.mkdir(parents=True)
    record(settings).write_text(text)
    with pytest.raises(ConfigError, match="is no record"):
        await emulators.undoing([])


def test_what_nothing_emulates(known: Catalogue) -> None:
    with pytest.raises(UsageError, match="nothing emulates windows/amd64"):
        wanted(known, ["arm64", "windows/amd64"])


def test_programs_of_every_architecture(known: Catalogue) -> None:
    found = samples_of(known.profiles.values())
    assert {"amd64", "arm", "arm64", "loong64", "s390x"} <= set(found)


async def test_this_machine(settings: Settings, known: Catalogue, tmp_path: Path) -> None:
    boot = tmp_path / "proc/sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("boot-7\n")
    emulators = Emulators(settings, known, proc=tmp_path / "proc")
    assert (await emulators.undoing([])).boot == "boot-7"


def node(address: str, wire: Wire = Wire.BUILDKIT, **fields: Any) -> Endpoint:
    return Endpoint(name=NodeName("n"), address=address, wire=wire, **fields)


def test_whose_kernel_it_is(settings: Settings, known: Catalogue) -> None:
    docker = node("unix:///docker.sock", Wire.DOCKER)
    assert docker_of(docker) is docker
    assert docker_of(node("docker-container://b", via=docker)) is docker
    with pytest.raises(CapabilityError, match="no docker daemon is known") as caught:
        docker_of(node("kube-pod://b"))
    assert "DaemonSet" in caught.value.hint
    with pytest.raises(CapabilityError) as caught:
        docker_of(node("tcp://h:1"))
    assert "on that machine itself" in caught.value.hint
    with pytest.raises(UsageError, match="--image is for nodes"):
        Emulators(settings, known, image="x")


def test_a_node_by_its_name(tmp_path: Path) -> None:
    settings = config.load({"HOME": str(tmp_path), "BUILDKIT_HOST": "tcp://h:1"}, cwd=tmp_path)
    found = endpoint_of(settings, "unix:///a.sock", "a")
    assert found is None or found.address == "unix:///a.sock"
    with pytest.raises(UsageError, match="there is no node 'b'") as caught:
        endpoint_of(settings, "unix:///a.sock", "b")
    assert caught.value.hint.startswith("there are: ")


async def test_a_docker_daemon(
    settings: Settings, known: Catalogue, monkeypatch: pytest.MonkeyPatch, kernel: FakeKernel
) -> None:
    seen: list[Any] = []

    @asynccontextmanager
    async def opened(*given: Any, image: str) -> AsyncIterator[FakeKernel]:
        seen.append((given[2], image))
        yield kernel

    monkeypatch.setattr("bakex.nodes.drivers.binfmt_container.DockerKernel.opened", opened)
    docker = node("unix:///docker.sock", Wire.DOCKER)
    emulators = Emulators(settings, known, node=docker, image="x")
    pending = await emulators.planned(wanted(known, ["s390x"]))
    assert pending.place == "n"
    assert seen == [(["qemu-s390x"], "x")]


def test_the_manifest_for_clusters_has_the_shape_of_one() -> None:
    page = (ROOT / "docs" / "emulation.md").read_text()
    manifest = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    assert (manifest["apiVersion"], manifest["kind"]) == ("apps/v1", "DaemonSet")
    spec = manifest["spec"]
    labels = spec["selector"]["matchLabels"]
    assert spec["template"]["metadata"]["labels"].items() >= labels.items()
    pod = spec["template"]["spec"]
    (install,) = pod["initContainers"]
    assert install["securityContext"] == {"privileged": True}
    assert install["args"][0] == "--install"
    # Nothing stays privileged.
    assert all("securityContext" not in container for container in pod["containers"])
