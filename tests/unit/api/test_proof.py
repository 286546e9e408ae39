"""Nothing becomes visible whose files cannot run, and nothing is looked at twice."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.desk import RunDesk
from bakex.api.proof import Proof
from bakex.errors import ArchitectureError, NodeError, RunFailedError
from bakex.events import ImageVerified, WarningRaised
from bakex.model.digest import Digest
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.result import CellResult, StoreImage
from bakex.model.target import Target
from bakex.model.verification import Mode
from bakex.oci.archive import write_archive
from bakex.oci.layout import OciLayout
from bakex.testing.binaries import Elf
from bakex.testing.images import put_image

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.verification import Verification
    from tests.unit.api.conftest import Shop

AMD64 = Elf(machine=62).build().decode("latin-1")
FULL = 'target "app" { verify = "full" }\n'
TOLD = "linux/arm64: /app: expected aarch64, found x86-64"


@pytest.fixture
def wrong(shop: Shop) -> Shop:
    """Both platforms get a program for one of them."""
    for engine in shop.engines:
        engine.content = AMD64.encode("latin-1")
    return shop


def verified(shop: Shop) -> list[Verification]:
    return [e.verification for e in shop.events.events if isinstance(e, ImageVerified)]


async def test_no_tag_moves_if_one_file_is_wrong(wrong: Shop) -> None:
    wrong.text += FULL
    with pytest.raises(ArchitectureError) as caught:
        await wrong.bake()
    assert caught.value.summary == TOLD
    assert "Nothing was published." in caught.value.detail
    assert 'verify-allow = ["/app"]' in caught.value.hint
    assert wrong.tags() == {}
    assert [bool(v.errors) for v in verified(wrong)] == [False, True, False, False]


async def test_several_targets_are_named(wrong: Shop) -> None:
    wrong.text += FULL + 'target "db" { verify = "full" }\n'
    with pytest.raises(ArchitectureError) as caught:
        await wrong.bake()
    assert caught.value.summary == f"app {TOLD}"
    assert "db linux/arm64: /db: expected aarch64" in caught.value.detail


async def test_what_several_images_have_in_common_is_told_once(shop: Shop) -> None:
    for engine in shop.engines:
        engine.content = Elf(machine=8).build()
    shop.text += FULL
    plain = shop.define("app")
    target = replace(plain.targets["app"], platforms=("linux/arm/v7", "linux/arm/v6"))
    with pytest.raises(ArchitectureError) as caught:
        await shop.bake(resolution=replace(plain, targets={"app": target}))
    where, _, what = caught.value.summary.partition(": ")
    assert sorted(where.split(", ")) == ["linux/arm/v6", "linux/arm/v7"]
    assert what == "/app: expected arm, found mips64le"
    assert "/app" not in caught.value.detail


async def test_each_target_is_verified_before_its_own_tags_move(wrong: Shop) -> None:
    wrong.text += FULL
    with pytest.raises(RunFailedError) as caught:
        await wrong.bake(each=True)
    assert [str(error) for error in caught.value.exceptions] == [TOLD]
    assert not any(tag.startswith("app:") for tag in wrong.tags())


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ('target "app" { verify = "off" }', {}),
        ('target "app" { verify = "bin" }', {}),
        ('target "app" {\n verify = "full"\n verify-allow = ["/app"]\n}', {}),
        ('target "app" {\n verify = "full"\n platform "linux/arm64" { verify = "off" }\n}', {}),
        (FULL, {"verify": Mode.OFF}),
        (FULL, {"verify": Mode.BIN}),
    ],
)
async def test_what_is_not_asked_for_or_allowed(
    wrong: Shop, text: str, policy: dict[str, Any]
) -> None:
    wrong.text += text
    await wrong.bake(**policy)
    assert len(wrong.tags()) == 4


async def test_the_report_says_what_it_cost_and_a_second_run_costs_nothing(shop: Shop) -> None:
    report = await shop.bake("app")
    assert [(v.cost.read, v.before) for v in report["app"].verified] == [(1, False), (0, False)]
    noted = report["app"].metadata["bakex.verification"]
    assert isinstance(noted, list)
    assert [entry["platform"] for entry in noted] == ["linux/amd64", "linux/arm64"]
    again = await shop.bake("app")
    assert [(v.cost.read, v.before) for v in again["app"].verified] == [(0, True), (0, True)]
    assert all(v.cost.layers == 1 for v in again["app"].verified)
    # Another mode is another question; what layers hold is known.
    other = await shop.bake("app", verify=Mode.FULL)
    assert [(v.cost.read, v.before) for v in other["app"].verified] == [(0, False), (0, False)]


async def test_records_that_cannot_be_read_count_as_none(shop: Shop) -> None:
    await shop.bake("app")
    folder = shop.settings.state / "verified"
    for file in folder.iterdir():
        file.write_text('{"digest": "x"}')
    report = await shop.bake("app")
    assert not any(v.before for v in report["app"].verified)
    shutil.rmtree(folder)
    folder.write_text("")
    await shop.bake("app")


async def test_a_device_counts_and_is_named(shop: Shop) -> None:
    soft = Elf(machine=40, bits=32, flags=0x05000200).build()
    for engine in shop.engines:
        engine.content = soft
    shop.text += 'target "app" { verify = "full" }\n'
    plain = shop.define("app")
    target = replace(plain.targets["app"], platforms=("linux/arm/v6",))
    await shop.bake(resolution=replace(plain, targets={"app": target}))
    made = replace(target, device="raspberry-pi-zero")
    with pytest.raises(ArchitectureError) as caught:
        await shop.bake(resolution=replace(plain, targets={"app": made}))
    assert caught.value.summary == (
        "linux/arm/v6 for raspberry-pi-zero: /app: expected arm with hard float, found soft float"
    )


@dataclass(slots=True)
class Store:
    """A docker daemon's image store with one image."""

    content: bytes
    by_digest: bool = False
    saved: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    discarded: list[str] = field(default_factory=list[str])

    async def save(self, name: str, archive: Path) -> None:
        self.saved.append(name)
        archive.write_bytes(self.content)  # noqa: ASYNC240 - small

    async def remove(self, name: str) -> None:
        self.removed.append(name)
        raise NodeError("it has gone")

    async def discard(self, name: str) -> None:
        self.discarded.append(name)

    async def tag(self, name: str, other: str) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("right", [True, False])
async def test_what_a_node_keeps_is_taken_out_of_its_store_once(
    shop: Shop, tmp_path: Path, right: bool
) -> None:
    (tmp_path / "work").mkdir()
    layout = OciLayout.create(tmp_path / "layout")
    content = Elf(machine=62 if right else 183).build()
    root = await put_image(layout, layers=[{"app": content}])
    await write_archive(layout, [(root, "kept:1")], tmp_path / "a.tar", docker=True)
    store, node = Store((tmp_path / "a.tar").read_bytes()), NodeName("docker")
    registry = shop.connection()
    desk = RunDesk(
        registry=registry, workspace=tmp_path / "work", loader=None, image_stores={node: store}
    )
    platform = Platform.parse("linux/amd64")
    target = Target(name="app", verify="full")
    cell = Cell(id=CellId("app", platform), target=target, node=node, speed=Speed.NATIVE)
    told = Digest.of(b"what docker calls it")

    async def check(*names: str, **metadata: object) -> None:
        proof = Proof(shop.settings, desk, shop.events, shop.clock)
        result = CellResult(cell=cell.id, exports=(None,), metadata=metadata)
        await proof.check([cell], {cell.id: [StoreImage(names=names)]}, {cell.id: result})

    await check()  # there is nothing to call it by
    assert store.saved == []
    for name in ("kept:1", str(told)):
        names = [name] if name == "kept:1" else []
        with nullcontext() if right else pytest.raises(ArchitectureError):
            await check(*names, **{"containerimage.digest": str(told)})
    assert {result.digest for result in verified(shop)} == {told}
    assert store.saved == (["kept:1"] if right else ["kept:1", str(told)])
    assert store.removed == ([] if right else ["kept:1"])
    assert store.discarded == ([] if right else [str(told)])
    await registry.aclose()


async def test_warnings_let_it_pass(shop: Shop) -> None:
    # 32-bit x86 on 64-bit x86 runs nearly everywhere.
    for engine in shop.engines:
        engine.content = Elf(machine=3, bits=32).build()
    resolution = shop.define("app")
    target = resolution.targets["app"]
    only = replace(target, platforms=("linux/amd64",))
    report = await shop.bake(
        resolution=replace(resolution, targets={"app": only}), verify=Mode.FULL
    )
    assert len(report["app"].verified[0].warnings) == 1
    (warning,) = [e.diagnostic for e in shop.events.events if isinstance(e, WarningRaised)]
    assert warning.code == "BX5390"
    assert warning.summary == "app linux/amd64: /app: expected x86-64, found x86"


async def test_files_are_verified_before_they_are_written(wrong: Shop) -> None:
    place = wrong.home / "app.tar"
    wrong.text += f'target "app" {{\n verify = "full"\n output = ["type=oci,dest={place}"]\n}}'
    with pytest.raises(ArchitectureError, match="/app: expected aarch64"):
        await wrong.bake("app")
    assert not place.exists()
    assert not [e for e in wrong.events.events if isinstance(e, WarningRaised)]
