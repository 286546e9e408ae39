"""Artifacts beside images, in registries and layouts."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.artifacts import Artifacts
from bakex.api.images import Images
from bakex.config import load
from bakex.errors import (
    ConfigError,
    ContentError,
    ContentNotFoundError,
    NameUnknownError,
    RegistryError,
    UsageError,
)
from bakex.model.platform import Platform
from bakex.oci.archive import write_archive
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_image, put_platforms
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.testing.registry_routes import Incoming, Outgoing

ARM = Platform.parse("linux/arm64")
SBOM = "application/spdx+json"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@asynccontextmanager
async def opened(folder: Path, **environ: str) -> AsyncGenerator[Artifacts, None]:
    settings = load({"HOME": str(folder), **environ}, cwd=folder)
    async with Artifacts.open(settings) as artifacts:
        yield artifacts


@pytest.fixture
async def layout(tmp_path: Path) -> OciLayout:
    made = OciLayout.create(tmp_path / "layout", durable=False)
    await made.tag(await put_platforms(made, "linux/amd64", "linux/arm64"), "app")
    (tmp_path / "sbom.json").write_text("{}\n")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "f").write_text("f")
    return made


@pytest.fixture(params=["registry", "layout"])
async def place(
    request: pytest.FixtureRequest, layout: OciLayout, registry: FakeRegistry, tmp_path: Path
) -> str:
    """Return where an index for two platforms is."""
    if request.param == "layout":
        return f"oci:{layout.root}:app"
    async with Images.open(load({"HOME": str(tmp_path)}, cwd=tmp_path)) as images:
        await images.copy(f"oci:{layout.root}:app", f"{registry.host}/app:1")
    return f"{registry.host}/app:1"


async def test_there_and_back(place: str, tmp_path: Path) -> None:
    files = [f"sbom.json:{SBOM}", "dir"]
    async with opened(tmp_path) as artifacts:
        attached = await artifacts.attach(place, files, artifact_type=SBOM, annotations=["a=b=c"])
        found = await artifacts.discover(place)
        (referrer,) = found.referrers
        assert referrer.descriptor.digest == attached.manifest.digest
        assert referrer.descriptor.annotations == {"a": "b=c"}
        assert attached.place == f"{found.base}{attached.manifest.digest}"
        assert found.subject == attached.subject
        for again in (attached.place, place):
            kind = SBOM if again == place else ""
            pulled = await artifacts.pull(again, tmp_path / "out", artifact_type=kind)
            assert [path.name for path in pulled.files] == ["sbom.json", "dir"]
    assert (tmp_path / "out" / "dir" / "f").read_text() == "f"


async def test_twice_changes_nothing(place: str, tmp_path: Path, registry: FakeRegistry) -> None:
    async with opened(tmp_path) as artifacts:
        first = await artifacts.attach(place, ["dir"], artifact_type="a/b")
    registry.log.clear()
    async with opened(tmp_path) as artifacts:
        assert await artifacts.attach(place, ["dir"], artifact_type="a/b") == first
        assert len((await artifacts.discover(place)).referrers) == 1
    assert not registry.requests("POST")  # no upload


async def test_one_platform(place: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as artifacts:
        attached = await artifacts.attach(place, ["dir"], artifact_type="a/b", platform=ARM)
        assert (await artifacts.discover(place)).referrers == ()
        found = await artifacts.discover(place, platform=ARM)
        assert found.subject == attached.subject
        assert [item.descriptor.digest for item in found.referrers] == [attached.manifest.digest]
        await artifacts.pull(place, tmp_path / "out", platform=ARM)
        assert (tmp_path / "out" / "dir" / "f").exists()
        # The image itself, by its digest, is for that platform, too.
        same = await artifacts.discover(found.place, platform=ARM)
        assert same.referrers == found.referrers
        for name in (place, found.place):
            with pytest.raises(ContentError, match=r"linux/s390x"):
                await artifacts.discover(name, platform=Platform.parse("linux/s390x"))


async def test_chains(place: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as artifacts:
        sbom = await artifacts.attach(place, ["sbom.json"], artifact_type=SBOM)
        signature = await artifacts.attach(sbom.place, [], artifact_type="a/s", annotations=["s=1"])
        assert signature.subject == sbom.manifest
        (item,) = (await artifacts.discover(place)).referrers
        assert [below.descriptor.digest for below in item.referrers] == [signature.manifest.digest]


async def test_several_of_a_type(place: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as artifacts:
        with pytest.raises(ContentNotFoundError, match="no artifact of the type a/b refers to"):
            await artifacts.pull(place, tmp_path / "out", artifact_type="a/b")
        both = [
            await artifacts.attach(place, [name], artifact_type="a/b")
            for name in ("dir", "sbom.json")
        ]
        with pytest.raises(UsageError, match="more than one artifact of the type a/b") as caught:
            await artifacts.pull(place, tmp_path / "out", artifact_type="a/b")
        assert all(item.place in caught.value.detail for item in both)


async def test_registries_without_a_list(
    layout: OciLayout, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.fail(Fault(match="GET .*/referrers/", status=404, times=999))
    registry.fail(Fault(match="PUT .*/manifests/", headers={"OCI-Subject": None}, times=999))
    async with Images.open(load({"HOME": str(tmp_path)}, cwd=tmp_path)) as images:
        await images.copy(f"oci:{layout.root}:app", f"{registry.host}/app:1")
    place = f"{registry.host}/app:1"
    async with opened(tmp_path) as artifacts:
        attached = await artifacts.attach(place, ["dir"], artifact_type="a/b")
        (item,) = (await artifacts.discover(place)).referrers
        assert item.descriptor.digest == attached.manifest.digest
        tag = f"sha256-{attached.subject.digest.hex}"
        assert sorted(registry.content.tags("app")) == ["1", tag]


async def test_what_is_refused_sends_nothing(
    layout: OciLayout, registry: FakeRegistry, tmp_path: Path
) -> None:
    place, before = f"{registry.host}/app:1", sorted(layout.root.rglob("*"))
    good: dict[str, Any] = {"artifact_type": "a/b"}
    async with opened(tmp_path) as artifacts:
        for where in (place, f"oci:{layout.root}:app"):
            for files, options in (
                (["nothing"], {}),
                (["dir"], {"artifact_type": "ab"}),
                (["dir"], {"annotations": ["a"]}),
                (["dir"], {"annotations": ["=a"]}),
                ([], {}),
            ):
                with pytest.raises(UsageError):
                    await artifacts.attach(where, files, **{**good, **options})
        with pytest.raises(UsageError, match="no such file"):
            await artifacts.attach(f"oci:{layout.root}:app", ["dir"], annotation_file="x", **good)
        with pytest.raises(NameUnknownError):
            await artifacts.attach(place, ["dir"], **good)
    assert not registry.requests("POST")
    assert not registry.requests("PUT")
    assert sorted(layout.root.rglob("*")) == before


async def test_archives_are_read_only(layout: OciLayout, tmp_path: Path) -> None:
    async with opened(tmp_path) as artifacts:
        await artifacts.attach(f"oci:{layout.root}:app", ["dir"], artifact_type="a/b")
        root = await layout.resolve("app")
        await write_archive(layout, [(root, "app")], tmp_path / "a.tar")
        place = str(tmp_path / "a.tar")
        with pytest.raises(UsageError, match="is an archive"):
            await artifacts.attach(place, ["dir"], artifact_type="a/b")
        assert (await artifacts.discover(place)).subject.digest == root.digest


async def test_a_layout_with_one_image_needs_no_name(layout: OciLayout, tmp_path: Path) -> None:
    async with opened(tmp_path) as artifacts:
        for name in ("dir", "sbom.json"):
            await artifacts.attach(str(layout.root), [name], artifact_type="a/b")
        assert len((await artifacts.discover(f"oci:{layout.root}")).referrers) == 2
        await layout.tag(await put_image(layout, "linux/riscv64"), "other")
        with pytest.raises(UsageError, match="has several images"):
            await artifacts.discover(str(layout.root))
    async with Images.open(load({"HOME": str(tmp_path)}, cwd=tmp_path)) as images:
        assert len(await images.verify(str(layout.root))) == 4


async def test_the_epoch(layout: OciLayout, tmp_path: Path) -> None:
    place = str(layout.root)
    async with opened(tmp_path, SOURCE_DATE_EPOCH="1") as artifacts:
        attached = await artifacts.attach(place, ["dir"], artifact_type="a/b")
    raw = layout.path(attached.manifest.digest).read_bytes()
    created = "org.opencontainers.image.created"
    assert json.loads(raw)["annotations"] == {created: "1970-01-01T00:00:01Z"}
    for text in ("-1", "now", "9" * 20):
        async with opened(tmp_path, SOURCE_DATE_EPOCH=text) as artifacts:
            with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH"):
                await artifacts.attach(place, ["dir"], artifact_type="a/b")


class Sabotage(FakeRegistry):
    """Changes a file as soon as somebody wants to upload it."""

    file: Path

    def answer(self, request: Incoming) -> Outgoing:
        if request.method == "POST":
            self.file.write_text("other\n")
        return super().answer(request)


async def test_a_file_that_changes_on_its_way(layout: OciLayout, tmp_path: Path) -> None:
    with Sabotage() as registry:
        registry.file = tmp_path / "unrelated"
        place = f"{registry.host}/app:1"
        async with Images.open(load({"HOME": str(tmp_path)}, cwd=tmp_path)) as images:
            await images.copy(f"oci:{layout.root}:app", place)
        registry.file = tmp_path / "sbom.json"
        async with opened(tmp_path) as artifacts:
            with pytest.raises(ContentError, match="a file changed while"):
                await artifacts.attach(place, ["sbom.json"], artifact_type="a/b")
            assert (await artifacts.discover(place)).referrers == ()


async def test_a_damaged_directory(
    layout: OciLayout, registry: FakeRegistry, tmp_path: Path
) -> None:
    async with opened(tmp_path) as artifacts:
        (tmp_path / "b").write_text("no tar")
        marks = {"b": {"io.deis.oras.content.unpack": "true"}}
        (tmp_path / "marks").write_text(json.dumps(marks))
        attached = await artifacts.attach(
            str(layout.root), ["b"], artifact_type="a/b", annotation_file="marks"
        )
        with pytest.raises(ContentError, match="a packed directory cannot be used"):
            await artifacts.pull(attached.place, tmp_path / "out")


async def test_failures_of_the_registry_get_through(
    layout: OciLayout, registry: FakeRegistry, tmp_path: Path
) -> None:
    place = f"{registry.host}/app:1"
    async with Images.open(load({"HOME": str(tmp_path)}, cwd=tmp_path)) as images:
        await images.copy(f"oci:{layout.root}:app", place)
    registry.fail(Fault(match="POST ", status=403, times=99))
    async with opened(tmp_path) as artifacts:
        with pytest.raises(RegistryError, match="access is denied"):
            await artifacts.attach(place, ["dir"], artifact_type="a/b")
