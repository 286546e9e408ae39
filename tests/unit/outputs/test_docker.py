"""Images for docker."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import OutputError, UnsupportedOutputError
from bakex.model.outputs import Output
from bakex.model.result import SaveImage, StoreImage
from bakex.oci.validate import validate_layout
from bakex.outputs.docker import is_kept, loadable
from tests.unit.outputs.conftest import ImageStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.outputs.conftest import Bench

DOCKER = Output(type="docker")
BOTH = ("linux/arm64", "linux/amd64")
NAME = "docker.io/library/app:1"


def member(data: bytes, name: str) -> Any:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        if name not in opened.getnames():
            return None
        file = opened.extractfile(name)
        assert file is not None
        return json.loads(file.read())


def test_a_node_with_the_users_store_keeps_the_image(bench: Bench) -> None:
    target = bench.target(tags=("app:1",))
    bench.desk.stores = (bench.cells(target)[0].node,)
    assert bench.requests(target, DOCKER) == [StoreImage(names=(NAME,))]


def test_several_platforms_are_gathered(bench: Bench) -> None:
    target = bench.target(platforms=BOTH, tags=("app:1",))
    bench.with_loader()
    bench.desk.stores = (bench.cells(target)[0].node,)
    requests = bench.requests(target, DOCKER)
    assert [type(request) for request in requests] == [SaveImage, SaveImage]


def test_without_docker_it_is_refused_before_the_build(bench: Bench) -> None:
    with pytest.raises(UnsupportedOutputError, match="there is no docker daemon") as caught:
        bench.requests(bench.target(), DOCKER)
    assert "dest=FILE" in caught.value.hint


async def test_a_kept_image_is_reported(bench: Bench) -> None:
    target = bench.target(tags=("app:1",))
    bench.desk.stores = (bench.cells(target)[0].node,)
    [publication] = await (await bench.finish(target, DOCKER)).publish()
    assert (publication.kind, publication.place) == ("docker", NAME)
    assert list(publication.platforms) == ["linux/amd64"]


async def test_an_image_gets_its_names_at_the_end(bench: Bench) -> None:
    target = bench.target(tags=("app:1", "app:2"))
    bench.desk.stores = (bench.cells(target)[0].node,)
    store = bench.desk.store = ImageStore(by_digest=True)
    assert bench.requests(target, DOCKER) == [StoreImage(names=())]
    finished = await bench.finish(target, DOCKER)
    store.images[str(finished.root and finished.root.digest)] = "image"
    await finished.publish()
    assert store.images[NAME] == store.images[NAME.replace(":1", ":2")] == "image"


async def test_without_digests_an_image_has_a_passing_name(bench: Bench) -> None:
    target = bench.target(tags=("app:1", "app:2"))
    bench.desk.stores = (bench.cells(target)[0].node,)
    store = bench.desk.store = ImageStore(by_digest=False)
    [request] = bench.requests(target, DOCKER)
    assert isinstance(request, StoreImage)
    [name] = request.names
    assert name.startswith("bakex.invalid/kept:")
    assert bench.requests(target, DOCKER) == [request]
    store.images[name] = "image"
    finished = await bench.assemble(target, DOCKER, [None])
    store.fails = True
    with pytest.raises(OutputError):
        await finished.publish()
    store.fails = False
    for _ in range(2):
        found = await finished.publish()
        assert [place.place for place in found] == [NAME, NAME.replace(":1", ":2")]
    assert store.images == dict.fromkeys([NAME, NAME.replace(":1", ":2")], "image")


def test_an_image_without_names_needs_no_other(bench: Bench) -> None:
    target = bench.target()
    bench.desk.stores = (bench.cells(target)[0].node,)
    bench.desk.store = ImageStore(by_digest=False)
    assert bench.requests(target, DOCKER) == [StoreImage(names=())]


async def test_a_node_that_says_nothing_is_reported_by_its_name(bench: Bench) -> None:
    target = bench.target()
    bench.desk.stores = (bench.cells(target)[0].node,)
    [publication] = await (await bench.assemble(target, DOCKER, [None])).publish()
    assert publication.place == "near"


@pytest.mark.parametrize("platforms", [BOTH[:1], BOTH])
async def test_images_of_other_nodes_are_loaded_once(
    bench: Bench, platforms: tuple[str, ...]
) -> None:
    loader = bench.with_loader()
    finished = await bench.finish(bench.target(platforms=platforms, tags=("app:1",)), DOCKER)
    assert loader.loaded == []
    assert finished.moves == ()
    [publication] = await finished.publish()
    await finished.publish()
    [data] = loader.loaded
    assert publication.place == NAME
    listed = member(data, "manifest.json")
    assert listed is None if len(platforms) > 1 else listed[0]["RepoTags"] == [NAME]
    [entry] = member(data, "index.json")["manifests"]
    assert entry["digest"] == str(publication.root and publication.root.digest)


async def test_a_nameless_image_is_reported_by_its_digest(bench: Bench) -> None:
    bench.with_loader()
    finished = await bench.finish(bench.target(), DOCKER)
    [publication] = await finished.publish()
    assert finished.root is not None
    assert publication.place == str(finished.root.digest)


async def test_a_refused_image_is_an_error_and_tried_again(bench: Bench) -> None:
    loader = bench.with_loader()
    loader.fails = True
    finished = await bench.finish(bench.target(), DOCKER)
    with pytest.raises(OutputError):
        await finished.publish()
    loader.fails = False
    await finished.publish()
    assert len(loader.loaded) == 1


async def test_a_docker_that_went_away_is_an_error(bench: Bench) -> None:
    with pytest.raises(UnsupportedOutputError):
        await loadable(bench.target(), DOCKER, [], bench.desk)


async def test_a_destination_gets_an_archive_of_both_kinds(
    bench: Bench, out: Path, tmp_path: Path
) -> None:
    bench.attested = True
    output = Output(type="docker", dest=str(out / "a.tar"))
    [publication] = await (await bench.finish(bench.target(tags=("app:1",)), output)).publish()
    assert (publication.kind, publication.place) == ("docker-archive", str(out / "a.tar"))
    data = (out / "a.tar").read_bytes()
    assert member(data, "manifest.json")[0]["RepoTags"] == [NAME]
    with tarfile.open(out / "a.tar") as opened:
        opened.extractall(tmp_path / "x", filter="data")
    await validate_layout(tmp_path / "x")


async def test_a_directory_is_a_layout(bench: Bench, out: Path) -> None:
    output = Output(type="docker", dest=str(out / "d"), attrs={"tar": "false"})
    [publication] = await (await bench.finish(bench.target(platforms=BOTH), output)).publish()
    assert publication.kind == "oci"
    await validate_layout(out / "d")


def test_an_image_with_gates_waits_for_them(bench: Bench) -> None:
    target = bench.target(tags=("app:1",))
    (cell,) = bench.cells(target)
    bench.desk.stores = (cell.node,)
    assert is_kept(target, cell, bench.desk)
    assert not is_kept(target, replace(cell, gates=(cell.id,)), bench.desk)
