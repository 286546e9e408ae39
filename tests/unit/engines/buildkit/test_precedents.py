"""Images that a repository has already are found before they are pushed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.engines.buildkit.exports import Round
from bakex.engines.buildkit.precedents import Precedents
from bakex.engines.buildkit.recipe import Recipe
from bakex.errors import CapabilityError, NodeError, RegistryError
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.index import Index
from bakex.model.media_types import OCI_INDEX
from bakex.model.platform import Platform
from bakex.model.result import PushImage, SaveImage
from bakex.oci.copy import push_document
from bakex.oci.memory import MemoryStore
from bakex.oci.verified import read_document
from bakex.testing.images import put_attested, put_image

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.engines.buildkit.precedents import Precedent
    from bakex.model.descriptor import Descriptor
    from bakex.model.result import ExportRequest
    from bakex.model.upkeep import HistoryBlob

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
RECIPE = Recipe(frontend="dockerfile.v0", attrs={"attest:provenance": "mode=min"})
BOTH = ("linux/amd64", "linux/arm64")


class Daemon:
    """Hands over what it has made, or fails."""

    def __init__(self) -> None:
        self.made = MemoryStore()
        self.lacks: dict[Digest, Exception] = {}
        self.asked: list[Digest] = []

    async def content(self, blob: HistoryBlob) -> AsyncGenerator[bytes, None]:
        digest = Digest.parse(blob.digest)
        self.asked.append(digest)
        if digest in self.lacks:
            raise self.lacks[digest]
        yield self.made.blobs[digest]


class Scene:
    def __init__(self) -> None:
        self.there = MemoryStore()
        self.daemon = Daemon()
        self.refused: Exception | None = None
        self.trials = 0
        self.precedents = Precedents(self.daemon, self)  # type: ignore[arg-type]

    def repository(self, reference: object, *, insecure: bool) -> MemoryStore:
        assert (str(reference), insecure) == ("h.test/app", True)
        if self.refused is not None:
            raise self.refused
        return self.there

    async def published(self, *platforms: str, **made: Any) -> Descriptor:
        entries: list[dict[str, Any]] = []
        for platform in platforms:
            root = await put_attested(self.there, platform, **made)
            document = await read_document(self.there, root)
            assert isinstance(document, Index)
            entries += [entry.to_json() for entry in document.manifests]
        entries.sort(key=lambda entry: "annotations" in entry)
        document_ = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        return await push_document(self.there, encode(document_), OCI_INDEX)

    async def known(
        self, *roots: Descriptor, request: ExportRequest | None = None, **more: Any
    ) -> list[Precedent]:
        published = tuple(root.digest for root in roots)
        asked = request or PushImage(
            repositories=("h.test/app",), insecure=True, published=published
        )
        recipe, round_ = more.get("recipe", RECIPE), more.get("round", Round())
        return await self.precedents.known(asked, recipe, round_, more.get("platform", AMD64))

    async def find(self, known: list[Precedent], made: Descriptor | None) -> Precedent | None:
        async def trial() -> Descriptor | None:
            self.trials += 1
            return made

        return await self.precedents.find(known, trial)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def run(number: str) -> dict[str, Any]:
    return {"metadata": {"buildInvocationID": number, "buildStartedOn": number}}


@pytest.mark.parametrize("platform", BOTH)
async def test_the_same_but_for_the_run(scene: Scene, platform: str) -> None:
    other = await scene.published(*BOTH, predicate={"source": "other"})
    root = await scene.published(*BOTH, predicate=run("1"))
    known = await scene.known(other, root, platform=Platform.parse(platform))
    made = await put_attested(scene.daemon.made, platform, predicate=run("2"))
    found = await scene.find(known, made)
    assert found is not None
    assert (found.root.digest, found.root.platform) == (root.digest, Platform.parse(platform))
    assert scene.trials == 1


@pytest.mark.parametrize(
    "made",
    [
        {"predicate": {**run("2"), "materials": []}},
        {"predicate": run("2"), "layers": [{"other": b""}]},
        {"predicate": run("2"), "annotations": {"a": "b"}},
    ],
)
async def test_anything_else_counts(scene: Scene, made: dict[str, Any]) -> None:
    known = await scene.known(await scene.published(*BOTH, predicate=run("1")))
    assert await scene.find(known, await put_attested(scene.daemon.made, **made)) is None
    assert scene.trials == 1


async def test_of_another_image_nothing_but_its_index_is_read(scene: Scene) -> None:
    known = await scene.known(await scene.published(*BOTH))
    made = await put_attested(scene.daemon.made, layers=[{"other": b""}])
    assert await scene.find(known, made) is None
    assert scene.daemon.asked == [made.digest]


async def test_what_is_not_complete_is_pushed(scene: Scene) -> None:
    known = await scene.known(await scene.published(*BOTH, predicate=run("1")))
    made = await put_attested(scene.daemon.made, predicate=run("2"))
    manifest = await read_document(scene.there, known[0].images[0])
    assert not isinstance(manifest, Index)
    del scene.there.blobs[manifest.layers[0].digest]
    assert await scene.find(known, made) is None


async def test_what_is_worth_looking_for(scene: Scene) -> None:
    root = await scene.published(*BOTH)
    bare = await put_image(scene.there)
    single = await scene.published("linux/arm64")
    assert len(await scene.known(root, bare, single)) == 1
    assert len(await scene.known(root, bare, single, platform=ARM64)) == 2
    assert await scene.known() == []
    assert await scene.known(root, request=SaveImage(layout=None)) == []  # type: ignore[arg-type]
    assert await scene.known(root, recipe=Recipe(frontend="dockerfile.v0", attrs={})) == []
    anew = Recipe(frontend="dockerfile.v0", attrs={**RECIPE.attrs, "no-cache": ""})
    assert await scene.known(root, recipe=anew) == []
    assert await scene.known(root, round=Round(passing="x")) == []
    del scene.there.blobs[root.digest]
    assert await scene.known(root) == []
    assert (
        await Precedents(scene.daemon, None).known(  # type: ignore[arg-type]
            PushImage(repositories=("h.test/app",), published=(root.digest,)),
            RECIPE,
            Round(),
            AMD64,
        )
        == []
    )


async def test_a_registry_that_fails_is_left_to_the_push(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await scene.known(await scene.published(*BOTH, predicate=run("1")))
    made = await put_attested(scene.daemon.made, predicate=run("2"))

    async def fails(_: Descriptor) -> bool:
        raise RegistryError("down")

    monkeypatch.setattr(scene.there, "exists", fails)
    assert await scene.find(known, made) is None


async def test_what_has_gone_is_made_again_but_not_for_ever(scene: Scene) -> None:
    known = await scene.known(await scene.published(*BOTH, predicate=run("1")))
    made = await put_attested(scene.daemon.made, predicate=run("2"))
    scene.daemon.lacks[made.digest] = NodeError("gone")
    assert await scene.find(known, made) is None
    assert scene.trials == 5


async def test_a_daemon_that_hands_over_nothing_is_asked_once(scene: Scene) -> None:
    root = await scene.published(*BOTH, predicate=run("1"))
    made = await put_attested(scene.daemon.made, predicate=run("2"))
    scene.daemon.lacks[made.digest] = CapabilityError("no such call")
    assert await scene.find(await scene.known(root), made) is None
    assert scene.trials == 1
    assert await scene.known(root) == []


async def test_what_is_no_index_or_too_large(scene: Scene) -> None:
    known = await scene.known(await scene.published(*BOTH))
    bare = await put_image(scene.daemon.made)
    assert await scene.find(known, bare) is None
    assert await scene.find(known, None) is None
    large = replace(await put_attested(scene.daemon.made), size=1 << 30)
    assert await scene.find(known, large) is None
