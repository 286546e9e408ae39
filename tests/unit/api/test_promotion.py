"""Promoting images: everything first, then the tags, or none of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.images import Images
from bakex.config import load
from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    PublicationError,
    RegistryError,
    TagConflictError,
    UsageError,
)
from bakex.events import Published
from bakex.model.publication import Expectation, PublishPolicy, State
from bakex.model.reference import Reference
from bakex.oci.layout import OciLayout
from bakex.oci.verified import read_document
from bakex.testing.fakes import EventRecorder
from bakex.testing.images import put_artifact, put_image, put_platforms
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.api.promotion import Promotion
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest

TWO = ("linux/amd64", "linux/arm64")


class Desk:
    """A layout with a signed image, and two registries."""

    def __init__(self, folder: Path, near: FakeRegistry, far: FakeRegistry) -> None:
        self.folder = folder
        self.near, self.far = near, far
        self.settings = load({"HOME": str(folder)}, cwd=folder)
        self.layout = OciLayout.create(folder / "layout")
        self.events = EventRecorder()
        self.about: list[Descriptor] = []

    async def fill(self, content: str = "x") -> Descriptor:
        root = await put_platforms(self.layout, *TWO, layers=[{"a": content.encode()}])
        part = (await read_document(self.layout, root)).children[1]
        one = await put_artifact(self.layout, root, "x/signature")
        two = await put_artifact(self.layout, one, "x/countersignature")
        three = await put_artifact(self.layout, part, "x/sbom", data=b"parts")
        self.about = [one, two, three]
        cosign = await put_image(self.layout, layers=[{"signature": content.encode()}])
        names = [(root, content), (cosign, f"sha256-{root.digest.hex}.sig")]
        await self.layout.enter([*names, *((entry, "") for entry in self.about)])
        return root

    @asynccontextmanager
    async def images(self) -> AsyncGenerator[Images, None]:
        async with Images.open(self.settings) as images:
            yield images

    async def promote(
        self,
        source: str,
        *names: str,
        expect: tuple[str, ...] = (),
        immutable: tuple[str, ...] = (),
        rollback: bool = True,
        **more: Any,
    ) -> Promotion:
        policy = PublishPolicy(
            expect=tuple(map(Expectation.parse, expect)), immutable=immutable, rollback=rollback
        )
        self.events = EventRecorder()
        async with self.images() as images:
            return await images.promote(source, names, policy=policy, events=self.events, **more)

    async def listed(self, registry: FakeRegistry, path: str, subject: Digest) -> set[Digest]:
        async with self.images() as images:
            reference = Reference.parse(f"{registry.host}/{path}")
            found = await images.repository(reference).referrers(subject)
        return {entry.digest for entry in found}


@pytest.fixture
def far() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path, registry: FakeRegistry, far: FakeRegistry) -> Desk:
    return Desk(tmp_path, registry, far)


async def test_everything_goes_along_to_every_place(desk: Desk) -> None:
    root = await desk.fill()
    near, far = desk.near.host, desk.far.host
    names = (f"{near}/app:1.0", f"{near}/app:latest", f"{near}/other", f"{far}/app:1.0")
    done = await desk.promote(f"oci:{desk.layout.root}:x", *names)
    assert done.root.digest == root.digest
    assert {entry.digest for entry in done.referrers} >= {entry.digest for entry in desk.about}
    assert not done.notes
    assert desk.near.content.tags("other")[0] == "latest"
    for registry, path in ((desk.near, "app"), (desk.near, "other"), (desk.far, "app")):
        assert await desk.listed(registry, path, root.digest) == {desk.about[0].digest}
        assert await desk.listed(registry, path, desk.about[0].digest) == {desk.about[1].digest}
        tags = registry.content.tags(path)
        assert f"sha256-{root.digest.hex}.sig" in tags
    async with desk.images() as images:
        for name in names:
            assert await images.verify(name, contents=True)
    assert len(desk.events.of(Published)) == 7
    again = await desk.promote(f"oci:{desk.layout.root}:x", *names)
    assert {item.state for item in again.publications} == {State.UNCHANGED}
    # From a registry to others, and within it by mounts.
    desk.near.log.clear()
    await desk.promote(f"{near}/app:1.0", f"{near}/third:1", f"{far}/third:1")
    assert await desk.listed(desk.far, "third", root.digest) == {desk.about[0].digest}
    assert not [seen for seen in desk.near.log if seen.method == "PATCH"]
    assert any("mount=" in str(seen) for seen in desk.near.log)


async def test_referrers_may_stay_behind(desk: Desk) -> None:
    root = await desk.fill()
    host = desk.near.host
    done = await desk.promote(f"oci:{desk.layout.root}:x", f"{host}/app:1", referrers=False)
    assert not done.referrers
    assert await desk.listed(desk.near, "app", root.digest) == set()
    assert desk.near.content.tags("app") == ["1"]


async def test_no_tag_moves_before_everything_is_everywhere(desk: Desk) -> None:
    await desk.fill()
    desk.far.fail(Fault(match="PUT .*/manifests/sha256", status=403, times=99))
    names = (f"{desk.near.host}/app:1", f"{desk.far.host}/app:1")
    with pytest.raises(RegistryError, match="403"):
        await desk.promote(f"oci:{desk.layout.root}:x", *names)
    assert desk.near.content.tags("app") == []
    assert not desk.events.of(Published)


async def test_moved_tags_go_back_when_one_cannot_be_moved(desk: Desk) -> None:
    old = await desk.fill("old")
    near, far = desk.near.host, desk.far.host
    names = (f"{near}/app:1.0.0", f"{near}/app:latest", f"{far}/app:stable")
    await desk.promote(f"oci:{desk.layout.root}:old", *names)
    new = await desk.fill("new")
    desk.near.fail(Fault(match="PUT .*/manifests/latest", status=403, times=99))
    with pytest.raises(PublicationError, match="no tag has moved"):
        await desk.promote(f"oci:{desk.layout.root}:new", *names)
    for registry, tag in ((desk.near, "1.0.0"), (desk.near, "latest"), (desk.far, "stable")):
        assert registry.content.manifest("app", tag)[0] == str(old.digest)
    desk.near.heal()
    await desk.promote(f"oci:{desk.layout.root}:new", *names)
    assert desk.near.content.manifest("app", "latest")[0] == str(new.digest)
    records = list((desk.settings.state / "publications").glob("*.json"))
    assert records == []


async def test_conditions_are_checked_before_anything_is_sent(desk: Desk) -> None:
    old = await desk.fill("old")
    name = f"{desk.near.host}/app:1.0"
    await desk.promote(f"oci:{desk.layout.root}:old", name)
    new = await desk.fill("new")
    source = f"oci:{desk.layout.root}:new"
    desk.near.log.clear()
    wrong: tuple[dict[str, Any], ...] = (
        {"immutable": ("1.*",)},
        {"expect": (f"{name}=none",)},
        {"expect": (f"{name}={new.digest}",)},
        {"origin": old.digest},
    )
    for conditions in wrong:
        with pytest.raises(TagConflictError):
            await desk.promote(source, name, **conditions)
    with pytest.raises(UsageError, match="publishes no tag"):
        await desk.promote(source, name, expect=("*/other:1=none",))
    with pytest.raises(UsageError, match="is no tag"):
        await desk.promote(source, f"{desk.near.host}/app@{new.digest}")
    assert not [seen for seen in desk.near.log if seen.method == "PUT"]
    await desk.promote(
        source, name, expect=(f"{name}={old.digest}",), origin=new.digest, immutable=("v*",)
    )
    # The same again is no change, whatever is immutable.
    await desk.promote(source, name, immutable=("*",))


async def test_an_image_that_is_not_whole_is_not_promoted(desk: Desk) -> None:
    root = await desk.fill()
    child = (await read_document(desk.layout, root)).children[0]
    layer = (await read_document(desk.layout, child)).children[1]
    desk.layout.path(layer.digest).unlink()
    with pytest.raises(ContentNotFoundError, match=str(layer.digest)):
        await desk.promote(f"oci:{desk.layout.root}:x", f"{desk.near.host}/app:1")
    with pytest.raises(ContentError):
        await desk.promote(f"oci:{desk.layout.root}:none", f"{desk.near.host}/app:1")


async def test_referrers_that_are_not_whole_are_told_and_signatures_are_not_replaced(
    desk: Desk,
) -> None:
    root = await desk.fill()
    near = desk.near.host
    await desk.promote(f"oci:{desk.layout.root}:x", f"{near}/app:1")
    async with desk.images() as images:
        store = images.repository(Reference.parse(f"{desk.far.host}/app"))
        other = await put_image(store, layers=[{"signature": b"by another key"}])
        await store.tag(other, f"sha256-{root.digest.hex}.sig")
    file = desk.near.content.root / "repositories" / "app" / "_manifests" / "sha256"
    (file / desk.about[2].digest.hex).rename(file / "aside")
    lists = Fault(
        match="GET .*/referrers/",
        times=99,
        status=200,
        headers={"Content-Type": "application/vnd.oci.image.index.v1+json"},
        body=(
            b'{"schemaVersion": 2, "manifests": [{"mediaType":'
            b' "application/vnd.oci.image.manifest.v1+json", "size": 9, "digest": "'
            + str(desk.about[2].digest).encode()
            + b'"}]}'
        ),
    )
    desk.near.fail(lists)
    done = await desk.promote(f"{near}/app:1", f"{desk.far.host}/app:1")
    assert done.notes[0] == f"{desk.about[2].digest} is listed as a referrer, and is not whole."
    assert "holds something else than at the source, and stays" in done.notes[1]
    assert desk.far.content.manifest("app", f"sha256-{root.digest.hex}.sig")[0] == str(other.digest)
