"""Pushed images, and images that stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import (
    ContentError,
    InternalError,
)
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.model.outputs import Output
from bakex.model.reference import Reference
from bakex.model.result import PushImage, SaveImage, StoreImage
from bakex.outputs.image import destinations, lacks_name
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from tests.unit.outputs.conftest import Bench

PUSH = Output(type="image", attrs={"push": "true"})
REGISTRY = Output(type="registry")
KEEP = Output(type="image")
BOTH = ("linux/arm64", "linux/amd64")


def pushed(registry: FakeRegistry, repository: str, reference: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(registry.content.manifest(repository, reference)[2])
    return found


def test_a_push_asks_every_node_to_push_by_digest(bench: Bench) -> None:
    tags = ("ghcr.io/acme/app:1", "ghcr.io/acme/app:latest", "quay.io/acme/app:1")
    output = Output(
        type="registry",
        attrs={"compression": "zstd", "registry.insecure": "true", "unpack": "true"},
    )
    [request] = bench.requests(bench.target(tags=tags), output)
    assert request == PushImage(
        repositories=("ghcr.io/acme/app",),
        insecure=True,
        names=tags,
        attrs={"compression": "zstd"},
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (("localhost:5000/app",), True),
        (("127.0.0.1:5000/a1", "[::1]:5000/b1"), True),
        (("127.0.0.1:5000/a1", "ghcr.io/b1"), True),
        (("ghcr.io/b1", "127.0.0.1:5000/a1"), False),
        (("ghcr.io/b1",), False),
    ],
)
def test_plain_http_is_for_this_machine(
    bench: Bench, tags: tuple[str, ...], expected: bool
) -> None:
    [request] = bench.requests(bench.target(tags=tags), REGISTRY)
    assert isinstance(request, PushImage)
    assert request.insecure is expected


@pytest.mark.parametrize("output", [PUSH, REGISTRY])
async def test_a_push_without_a_name_goes_nowhere(bench: Bench, output: Output) -> None:
    target = bench.target()
    assert bench.requests(target, output) == [None]
    finished = await bench.finish(target, output)
    assert (finished.root, finished.moves, await finished.publish()) == (None, (), ())
    assert lacks_name(target, output)
    assert destinations(target, output) == ()


def test_destinations_are_what_is_pushed_to(bench: Bench) -> None:
    target = bench.target(tags=("ghcr.io/acme/app", "quay.io/app:2"))
    flags = {"registry.insecure": "true", "push-by-digest": "true"}
    found = destinations(target, Output(type="registry", attrs=flags))
    assert found == (
        (Reference("ghcr.io", "acme/app", "latest"), True, True),
        (Reference("quay.io", "app", "2"), True, True),
    )
    assert destinations(target, KEEP) == ()
    assert destinations(target, Output(type="local", dest="out")) == ()


@pytest.mark.parametrize("output", [PUSH, REGISTRY])
async def test_several_platforms_become_an_index(
    bench: Bench, registry: FakeRegistry, output: Output
) -> None:
    name = f"{registry.host}/acme/app"
    bench.attested = True
    target = bench.target(platforms=BOTH, tags=(f"{name}:1", f"{name}:latest"))
    finished = await bench.finish(target, output)
    assert [str(move.reference) for move in finished.moves] == [f"{name}:1", f"{name}:latest"]
    assert registry.content.tags("acme/app") == []
    assert finished.root is not None
    assert finished.root.media_type == OCI_INDEX
    index = pushed(registry, "acme/app", str(finished.root.digest))
    assert [e["platform"]["architecture"] for e in index["manifests"]] == [
        "arm64",
        "amd64",
        "unknown",
        "unknown",
    ]
    published = await bench.publish(finished)
    assert [(p.kind, p.place, p.unchanged) for p in published] == [
        ("registry", f"{name}:1", False),
        ("registry", f"{name}:latest", False),
    ]
    assert list(published[0].platforms) == list(BOTH)
    assert registry.content.tags("acme/app") == ["1", "latest"]
    again = await bench.publish(finished)
    assert all(p.unchanged for p in again)


async def test_a_lone_image_stays_a_manifest(bench: Bench, registry: FakeRegistry) -> None:
    target = bench.target(tags=(f"{registry.host}/app:1",))
    finished = await bench.finish(target, REGISTRY)
    assert finished.root is not None
    assert finished.root.media_type == OCI_MANIFEST
    await bench.publish(finished)
    assert pushed(registry, "app", "1")["mediaType"] == OCI_MANIFEST


async def test_annotations_of_the_index_are_written(bench: Bench, registry: FakeRegistry) -> None:
    notes = ("index:a=b", "manifest-descriptor[linux/arm64]:c=d", "manifest:e=f")
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/app:1",), annotations=notes)
    await bench.publish(await bench.finish(target, REGISTRY))
    index = pushed(registry, "app", "1")
    assert index["annotations"] == {"a": "b"}
    assert [e.get("annotations") for e in index["manifests"]] == [{"c": "d"}, None]


async def test_every_repository_gets_everything(bench: Bench, registry: FakeRegistry) -> None:
    with FakeRegistry() as other:
        tags = (f"{registry.host}/a1:1", f"{registry.host}/b1:1", f"{other.host}/c1:1")
        finished = await bench.finish(bench.target(platforms=BOTH, tags=tags), REGISTRY)
        published = await bench.publish(finished)
        assert finished.root is not None
        assert [p.place for p in published] == list(tags)
        for where, name in ((registry, "a1"), (registry, "b1"), (other, "c1")):
            assert where.content.manifest(name, "1")[0] == str(finished.root.digest)


async def test_tags_that_are_right_do_not_move(bench: Bench, registry: FakeRegistry) -> None:
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/app:1",))
    await bench.publish(await bench.finish(target, REGISTRY))
    finished = await bench.finish(target, REGISTRY)
    registry.log.clear()
    [publication] = await bench.publish(finished)
    assert publication.unchanged
    assert registry.requests("PUT") == []


async def test_by_digest_no_tag_moves(bench: Bench, registry: FakeRegistry) -> None:
    output = Output(type="image", attrs={"push": "true", "push-by-digest": "true"})
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/app",))
    finished = await bench.finish(target, output)
    [publication] = await finished.publish()
    assert finished.root is not None
    assert publication.place == f"{registry.host}/app@{finished.root.digest}"
    assert registry.content.tags("app") == []


async def test_a_name_of_the_output_goes_before_the_tags(
    bench: Bench, registry: FakeRegistry
) -> None:
    output = Output(type="registry", attrs={"name": f"{registry.host}/other:2"})
    target = bench.target(tags=("ghcr.io/acme/app:1",))
    [publication] = await bench.publish(await bench.finish(target, output))
    assert publication.place == f"{registry.host}/other:2"


async def test_other_repositories_of_the_host_get_it_by_mounts(
    bench: Bench, registry: FakeRegistry
) -> None:
    bench.options = {"layers": [{"big": bytes(100_000)}]}
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/a1:1", f"{registry.host}/b1:1"))
    cells, requests = bench.cells(target), bench.requests(target, REGISTRY)
    roots = [await bench.hand_over(c, r) for c, r in zip(cells, requests, strict=True)]
    await bench.forget()
    registry.log.clear()
    finished = await bench.assemble(target, REGISTRY, roots)
    assert registry.requests("PUT /v2/a1/blobs") == registry.requests("PUT /v2/b1/blobs") == []
    assert len(registry.requests("mount=")) == 3  # two configs, one layer
    await bench.publish(finished)
    assert registry.content.manifest("b1", "1")[0] == str(finished.moves[0].root.digest)


async def test_nothing_moves_to_a_repository_that_has_it(
    bench: Bench, registry: FakeRegistry
) -> None:
    with FakeRegistry() as other:
        target = bench.target(platforms=BOTH, tags=(f"{registry.host}/a1:1", f"{other.host}/b1:1"))
        await bench.publish(await bench.finish(target, REGISTRY))
        await bench.forget()
        other.log.clear()
        await bench.publish(await bench.finish(target, REGISTRY))
        assert other.requests("PUT") == other.requests("POST") == []


async def test_a_part_that_is_missing_in_another_repository_is_brought_again(
    bench: Bench, registry: FakeRegistry
) -> None:
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/a1:1", f"{registry.host}/b1:1"))
    finished = await bench.finish(target, REGISTRY)
    assert finished.root is not None
    child = pushed(registry, "b1", str(finished.root.digest))["manifests"][0]["digest"]
    registry.content.delete_manifest("b1", child)
    await bench.forget()
    await bench.finish(target, REGISTRY)
    assert registry.content.manifest("b1", child)


async def test_a_part_that_is_missing_is_found(bench: Bench, registry: FakeRegistry) -> None:
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/a1:1",))
    cells, requests = bench.cells(target), bench.requests(target, REGISTRY)
    roots = [await bench.hand_over(c, r) for c, r in zip(cells, requests, strict=True)]
    assert roots[0] is not None
    registry.content.delete_manifest("a1", str(roots[0].digest))
    await bench.forget()
    with pytest.raises(ContentError, match=rf"is not in {registry.host}/a1"):
        await bench.assemble(target, REGISTRY, roots)
    assert registry.content.tags("a1") == []


async def test_what_the_node_pushed_a_moment_ago_is_waited_for(
    bench: Bench, registry: FakeRegistry
) -> None:
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/app:1",))
    registry.fail(Fault(match="GET .*/manifests/", status=404, times=2))
    await bench.publish(await bench.finish(target, REGISTRY))


async def test_an_image_for_another_platform_is_not_published(
    bench: Bench, registry: FakeRegistry
) -> None:
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/app:1",))
    cells, requests = bench.cells(target), bench.requests(target, REGISTRY)
    root = await bench.hand_over(cells[0], requests[0])
    with pytest.raises(ContentError, match="node near built linux/arm64 where linux/amd64"):
        await bench.assemble(target, REGISTRY, [root, root])
    with pytest.raises(InternalError, match="app@linux/amd64 handed over no image"):
        await bench.assemble(target, REGISTRY, [root, None])
    assert registry.content.tags("app") == []


def test_one_platform_stays_on_its_node(bench: Bench) -> None:
    target = bench.target(tags=("app:1",))
    wanted = StoreImage(names=("docker.io/library/app:1",))
    assert bench.requests(target, KEEP) == [wanted]
    bench.with_loader()
    assert isinstance(bench.requests(target, KEEP)[0], SaveImage)
    bench.desk.stores = (bench.cells(target)[0].node,)
    assert bench.requests(target, KEEP) == [wanted]


async def test_a_kept_image_is_reported_under_its_names(bench: Bench) -> None:
    target = bench.target(tags=("app:1", "app:2"))
    elsewhere = await bench.finish(target, KEEP)
    assert await elsewhere.publish() == ()
    assert elsewhere.root is not None
    bench.desk.stores = (bench.cells(target)[0].node,)
    finished = await bench.finish(target, KEEP)
    assert finished.moves == ()
    published = await finished.publish()
    assert [p.place for p in published] == ["docker.io/library/app:1", "docker.io/library/app:2"]
    assert {p.kind for p in published} == {"docker"}
    nameless = await bench.finish(bench.target(), KEEP)
    [publication] = await nameless.publish()
    assert nameless.root is not None
    assert publication.place == str(nameless.root.digest)


async def test_several_platforms_without_a_store_only_stay_built(bench: Bench) -> None:
    target = bench.target(platforms=BOTH, tags=("app:1",))
    assert bench.requests(target, KEEP) == [StoreImage(names=()), StoreImage(names=())]
    finished = await bench.finish(target, KEEP)
    assert await finished.publish() == ()


async def test_several_platforms_are_loaded_where_there_is_a_store(bench: Bench) -> None:
    loader = bench.with_loader()
    target = bench.target(platforms=BOTH, tags=("app:1",))
    finished = await bench.finish(target, KEEP)
    assert loader.loaded == []
    [publication] = await finished.publish()
    await finished.publish()
    assert len(loader.loaded) == 1
    assert publication.place == "docker.io/library/app:1"
    single = await bench.finish(bench.target(tags=("app:1",)), KEEP)
    await single.publish()
    assert len(loader.loaded) == 2
    bench.desk.stores = (bench.cells(target)[0].node,)
    kept = await bench.finish(bench.target(tags=("app:1",)), KEEP)
    await kept.publish()
    assert len(loader.loaded) == 2


async def test_an_index_that_is_as_good_is_taken_for_the_result(
    bench: Bench, registry: FakeRegistry
) -> None:
    bench.attested = True
    target = bench.target(platforms=BOTH, tags=(f"{registry.host}/app:1",))

    def provenance(run: str) -> dict[str, Any]:
        return {"predicate": {"metadata": {"buildStartedOn": run}}}

    bench.options = provenance("yesterday")
    first = await bench.finish(target, REGISTRY)
    await bench.publish(first)
    bench.options = provenance("today")
    await bench.forget()
    second = await bench.finish(target, REGISTRY)
    assert second.root is not None
    assert first.root is not None
    assert second.root.digest == first.root.digest
    registry.log.clear()
    assert all(place.unchanged for place in await bench.publish(second))
    assert registry.requests("PUT") == []
    by_digest = Output(type="registry", attrs={"push-by-digest": "true"})
    bench.options = provenance("tomorrow")
    third = await bench.finish(target, by_digest)
    assert third.root is not None
    assert third.root.digest != first.root.digest
