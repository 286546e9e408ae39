"""What is known about a publication before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import DeniedError, RegistryError, TagConflictError, UsageError
from bakex.model.digest import Digest
from bakex.model.publication import Expectation, PublishPolicy
from bakex.model.reference import Reference
from bakex.oci.copy import push_document
from bakex.outputs.preflight import Destination, difference, preflight
from bakex.testing.images import put_attested, put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from bakex.model.descriptor import Descriptor
    from tests.unit.outputs.conftest import Bench

AMD64 = ("linux/amd64",)


def destinations(
    bench: Bench, registry: FakeRegistry, *names: str, by_digest: bool = False, **fields: Any
) -> list[Destination]:
    cells = tuple(bench.cells(bench.target(**fields)))
    return [
        Destination(
            reference=Reference.parse(f"{registry.host}/{name}"), cells=cells, by_digest=by_digest
        )
        for name in names
    ]


async def put(bench: Bench, registry: FakeRegistry, name: str, **image: Any) -> Descriptor:
    reference = Reference.parse(f"{registry.host}/{name}")
    store = bench.desk.registry.repository(reference)
    made = await put_image(store, **image)
    await store.tag(made, reference.tag)
    return made


async def test_it_returns_what_the_tags_stand_for(bench: Bench, registry: FakeRegistry) -> None:
    there = await put(bench, registry, "a1:1")
    wanted = destinations(bench, registry, "a1:1", "a1:2", "b1:1")
    registry.log.clear()
    found = await preflight(bench.desk.registry, wanted, PublishPolicy())
    assert list(found.values()) == [there.digest, None, None]
    assert list(found) == [item.reference for item in wanted]
    # One upload for each repository is opened and given up; nothing stays.
    assert len(registry.requests("POST")) == len(registry.requests("DELETE")) == 2
    assert registry.requests("PUT") == []
    uploads = registry.content.root / "uploads"
    assert list(uploads.iterdir()) == []


async def test_a_push_by_digest_needs_permission_only(bench: Bench, registry: FakeRegistry) -> None:
    wanted = destinations(bench, registry, "a1:1", by_digest=True)
    assert await preflight(bench.desk.registry, wanted, PublishPolicy()) == {}
    assert len(registry.requests("POST")) == 1


async def test_who_may_not_push_is_told_so(bench: Bench, registry: FakeRegistry) -> None:
    registry.fail(Fault(match="POST", status=403))
    with pytest.raises(DeniedError, match=f"cannot push a blob to {registry.host}/a1"):
        await preflight(bench.desk.registry, destinations(bench, registry, "a1:1"), PublishPolicy())


async def test_a_session_that_cannot_be_given_up_is_no_matter(
    bench: Bench, registry: FakeRegistry
) -> None:
    registry.fail(Fault(match="DELETE", status=405))
    wanted = destinations(bench, registry, "a1:1")
    assert list((await preflight(bench.desk.registry, wanted, PublishPolicy())).values()) == [None]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_repository_that_is_not_there_yet_may_be_forbidden(
    bench: Bench, registry: FakeRegistry, status: int
) -> None:
    registry.fail(Fault(match="HEAD", status=status, times=9))
    wanted = destinations(bench, registry, "a1:1")
    free = PublishPolicy(expect=(Expectation(pattern="*"),))
    for policy in (PublishPolicy(), free):
        assert await preflight(bench.desk.registry, wanted, policy) == {}
    strict = PublishPolicy(expect=(Expectation(pattern="*", digest=Digest.of(b"x")),))
    with pytest.raises(RegistryError):
        await preflight(bench.desk.registry, wanted, strict)


async def test_expectations_are_met_or_refused(bench: Bench, registry: FakeRegistry) -> None:
    there = await put(bench, registry, "a1:1")
    wanted = destinations(bench, registry, "a1:1", "b1:1")

    async def check(*texts: str) -> None:
        expect = tuple(Expectation.parse(text) for text in texts)
        await preflight(bench.desk.registry, wanted, PublishPolicy(expect=expect))

    a1, b1 = (f"{registry.host}/{name}:1" for name in ("a1", "b1"))
    await check(f"{a1}={there.digest}", f"{b1}=none")
    await check("*=none", f"{a1}=any")
    for text in (f"{a1}=none", f"{b1}={there.digest}", f"{a1}={Digest.of(b'other')}"):
        with pytest.raises(TagConflictError, match="is not what --expect-digest says"):
            await check(text)
    with pytest.raises(UsageError, match="publishes no tag"):
        await check(f"{a1}0=none")


async def test_an_immutable_tag_is_refused_if_the_content_must_differ(
    bench: Bench, registry: FakeRegistry
) -> None:
    labels = {"config": {"Labels": {"revision": "1", "other": "x"}}}
    await put(bench, registry, "a1:1.0", config=labels)

    async def check(immutable: str = "1.*", **fields: Any) -> None:
        wanted = destinations(bench, registry, "a1:1.0", **fields)
        policy = PublishPolicy(immutable=(immutable,))
        await preflight(bench.desk.registry, wanted, policy)

    await check(labels={"revision": "1"})
    await check(labels={"revision": "2"}, immutable="2.*")
    with pytest.raises(TagConflictError, match=r"a1:1\.0 is immutable") as caught:
        await check(labels={"revision": "2"})
    assert caught.value.detail == (
        "The label revision is '1' there, and will be '2' (linux/amd64)."
    )
    with pytest.raises(TagConflictError) as caught:
        await check(labels={"new": "2"})
    assert "label new is missing there" in caught.value.detail
    with pytest.raises(TagConflictError) as caught:
        await check(platforms=("linux/amd64", "linux/arm64"))
    assert caught.value.detail == (
        "It is for linux/amd64; this run builds linux/amd64, linux/arm64."
    )
    with pytest.raises(TagConflictError) as caught:
        await check(annotations=("index:a=b",))
    assert "annotation of the index a is missing" in caught.value.detail
    with pytest.raises(TagConflictError) as caught:
        await check(annotations=("manifest[linux/amd64]:a=b",))
    assert "annotation a is missing" in caught.value.detail
    await check(annotations=("manifest[linux/arm64]:a=b", "manifest-descriptor:c=d"))


async def test_the_images_of_an_index_are_compared(bench: Bench, registry: FakeRegistry) -> None:
    store = bench.desk.registry.repository(Reference.parse(f"{registry.host}/a1"))
    root = await put_attested(store, "linux/arm64")
    cells = bench.cells(bench.target(platforms=("linux/arm64",)))
    assert await difference(store, root, cells) == ""
    assert "linux/arm64" in await difference(store, root, bench.cells(bench.target()))


async def test_docker_types_have_no_annotations_to_compare(
    bench: Bench, registry: FakeRegistry
) -> None:
    store = bench.desk.registry.repository(Reference.parse(f"{registry.host}/a1"))
    root = await put_image(store, docker=True)
    cells = bench.cells(bench.target(annotations=("a=b", "index:c=d")))
    assert await difference(store, root, cells) == ""


async def test_what_cannot_be_read_differs(bench: Bench, registry: FakeRegistry) -> None:
    store = bench.desk.registry.repository(Reference.parse(f"{registry.host}/a1"))
    root = await put_attested(store)
    registry.content.delete_manifest("a1", str(root.digest))
    await bench.forget()
    store = bench.desk.registry.repository(Reference.parse(f"{registry.host}/a1"))
    found = await difference(store, root, bench.cells(bench.target()))
    assert found.startswith("What is there cannot be read")


async def test_an_index_of_indexes_is_not_looked_into(bench: Bench, registry: FakeRegistry) -> None:
    store = bench.desk.registry.repository(Reference.parse(f"{registry.host}/a1"))
    inner = await put_attested(store)
    raw = (
        b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":['
        b'{"mediaType":"%s","digest":"%s","size":%d}]}'
        % (inner.media_type.encode(), str(inner.digest).encode(), inner.size)
    )
    outer = await push_document(store, raw)
    found = await difference(store, outer, bench.cells(bench.target()))
    assert "index of indexes" in found
