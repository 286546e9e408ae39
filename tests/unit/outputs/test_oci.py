"""Images as layouts, in archives and directories."""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentError, OutputError, UnsupportedOutputError
from bakex.model.media_types import IMAGE_NAME, REF_NAME
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.result import SaveImage
from bakex.oci.layout import OciLayout
from bakex.oci.validate import validate, validate_layout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.outputs.conftest import Bench

BOTH = ("linux/arm64", "linux/amd64")
NAME = "docker.io/library/app:1"


def archive(dest: Path | str) -> Output:
    return Output(type="oci", dest=str(dest))


def directory(dest: Path | str) -> Output:
    return Output(type="oci", dest=str(dest), attrs={"tar": "false"})


def index_of(data: bytes) -> dict[str, Any]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        file = opened.extractfile("index.json")
        assert file is not None
        found: dict[str, Any] = json.loads(file.read())
        return found


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_the_content_comes_into_the_workspace(bench: Bench, out: Path) -> None:
    output = Output(type="oci", dest=str(out / "a.tar"), attrs={"compression": "zstd"})
    [request] = bench.requests(bench.target(), output)
    workspace = bench.desk.workspace / "images"
    assert request == SaveImage(layout=workspace, attrs={"compression": "zstd"})


@pytest.mark.parametrize(
    ("dest", "tar", "message"),
    [
        ("", "true", "needs a destination"),
        ("{out}", "true", "is a directory"),
        ("", "false", "needs a directory"),
        ("-", "false", "needs a directory"),
        ("{out}/file", "false", "is a file"),
        ("{out}", "false", "is not an OCI layout"),
        ("{out}/a.tar", "maybe", "tar=maybe is no boolean"),
    ],
)
def test_impossible_destinations_are_refused_before_the_build(
    bench: Bench, out: Path, dest: str, tar: str, message: str
) -> None:
    (out / "file").write_bytes(b"")
    output = Output(type="oci", dest=dest.format(out=out), attrs={"tar": tar})
    with pytest.raises(UnsupportedOutputError, match=message) as caught:
        bench.requests(bench.target(), output)
    assert caught.value.summary.startswith("target 'app': output type=oci: ")


async def test_several_platforms_become_one_archive(
    bench: Bench, out: Path, tmp_path: Path
) -> None:
    bench.attested = True
    target = bench.target(platforms=BOTH, tags=("app:1", "ghcr.io/acme/app:2"))
    finished = await bench.finish(target, archive(out / "deep" / "a.tar"))
    assert finished.moves == ()
    assert not (out / "deep" / "a.tar").exists()
    [publication] = await finished.publish()
    assert await finished.publish() == (publication,)
    assert names(out / "deep") == ["a.tar"]
    assert (publication.kind, publication.place) == ("oci", str(out / "deep" / "a.tar"))
    assert list(publication.platforms) == list(BOTH)
    with tarfile.open(out / "deep" / "a.tar") as opened:
        opened.extractall(tmp_path / "x", filter="data")
    await validate_layout(tmp_path / "x")
    layout = OciLayout.open(tmp_path / "x")
    found = await layout.resolve(NAME)
    wanted = [Platform.parse(text) for text in BOTH]
    assert list(await validate(layout, found, platforms=wanted)) == wanted
    assert (await layout.resolve("ghcr.io/acme/app:2")).digest == found.digest


async def test_an_existing_archive_is_replaced_only_at_the_end(bench: Bench, out: Path) -> None:
    (out / "a.tar").write_bytes(b"old")
    finished = await bench.finish(bench.target(), archive(out / "a.tar"))
    assert (out / "a.tar").read_bytes() == b"old"
    await finished.publish()
    assert [e.get("annotations") for e in index_of((out / "a.tar").read_bytes())["manifests"]] == [
        None
    ]


async def test_what_is_not_published_leaves_nothing(bench: Bench, out: Path) -> None:
    finished = await bench.finish(bench.target(), archive(out / "a.tar"))
    assert len(names(out)) == 1
    del finished
    assert names(out) == []


async def test_an_archive_can_go_to_standard_output(bench: Bench) -> None:
    finished = await bench.finish(bench.target(platforms=BOTH), archive("-"))
    assert bench.desk.stdout == []
    await finished.publish()
    [publication] = await finished.publish()
    assert publication.place == "-"
    [data] = bench.desk.stdout
    assert len(index_of(data)["manifests"]) == 1


async def test_a_closed_standard_output_is_an_error(bench: Bench) -> None:
    bench.desk.is_broken = True
    finished = await bench.finish(bench.target(), archive("-"))
    with pytest.raises(OutputError, match="standard output"):
        await finished.publish()


async def test_annotations_of_the_place_go_into_the_index(bench: Bench, out: Path) -> None:
    target = bench.target(platforms=BOTH, tags=("app:1",), annotations=("index-descriptor:a=b",))
    await (await bench.finish(target, archive(out / "a.tar"))).publish()
    [entry] = index_of((out / "a.tar").read_bytes())["manifests"]
    assert entry["annotations"] == {"a": "b", IMAGE_NAME: NAME, REF_NAME: "1"}


async def test_a_missing_platform_is_an_error(bench: Bench, out: Path) -> None:
    target, output = bench.target(platforms=BOTH), archive(out / "a.tar")
    cells, requests = bench.cells(target), bench.requests(target, output)
    root = await bench.hand_over(cells[0], requests[0])
    with pytest.raises(ContentError):
        await bench.assemble(target, output, [root, root])
    assert names(out) == []


async def test_a_directory_that_cannot_be_made_is_an_error(bench: Bench, out: Path) -> None:
    (out / "file").write_bytes(b"")
    for output in (archive(out / "file" / "a.tar"), directory(out / "file" / "d")):
        with pytest.raises(OutputError, match="cannot write"):
            await bench.finish(bench.target(), output)


@pytest.mark.parametrize("exists", [False, True])
async def test_a_fresh_directory_appears_whole(bench: Bench, out: Path, exists: bool) -> None:
    if exists:
        (out / "d").mkdir()
    target = bench.target(platforms=BOTH, tags=("app:1",))
    finished = await bench.finish(target, directory(out / "d"))
    assert not exists or names(out / "d") == []
    await finished.publish()
    assert names(out) == ["d"]
    assert names(out / "d") == ["blobs", "index.json", "oci-layout"]
    await validate_layout(out / "d")
    assert (await OciLayout.open(out / "d").resolve(NAME)) is not None


async def test_two_outputs_of_one_run_share_a_fresh_layout(bench: Bench, out: Path) -> None:
    output = directory(out / "layout")
    finished = [
        await bench.finish(bench.target(name=name, tags=(f"{name}:1",)), output)
        for name in ("app", "db")
    ]
    for done in (*finished, *finished):
        await done.publish()
    layout = OciLayout.open(out / "layout")
    listed = [entry.annotations[IMAGE_NAME] for entry in layout.index().entries]
    assert listed == ["docker.io/library/app:1", "docker.io/library/db:1"]
    await validate_layout(layout.root)
    del finished, done


async def test_an_existing_layout_keeps_what_it_has(bench: Bench, out: Path) -> None:
    first = await bench.finish(bench.target(tags=("app:1",)), directory(out / "d"))
    await first.publish()
    second = await bench.finish(bench.target(platforms=BOTH), directory(out / "d"))
    layout = OciLayout.open(out / "d")
    assert len(layout.index().entries) == 1
    [publication] = await second.publish()
    await second.publish()
    assert second.root == publication.root
    assert second.moves == ()
    assert (await layout.resolve(NAME)).digest == first.root.digest  # type: ignore[union-attr]
    assert (await layout.resolve("latest")).digest == second.root.digest  # type: ignore[union-attr]
    await validate_layout(out / "d")


async def test_a_destination_that_filled_up_meanwhile_is_an_error(bench: Bench, out: Path) -> None:
    finished = await bench.finish(bench.target(), directory(out / "d"))
    (out / "d").mkdir()
    (out / "d" / "mine").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        await finished.publish()
    assert names(out / "d") == ["mine"]


async def test_another_file_system_is_copied_to(
    bench: Bench, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if str(source).startswith(str(bench.desk.workspace)) and str(out) in str(target):
            raise OSError(18, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    finished = await bench.finish(bench.target(), archive(out / "a.tar"))
    await finished.publish()
    assert index_of((out / "a.tar").read_bytes())


async def test_other_failures_to_move_are_errors(
    bench: Bench, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if str(out) in str(target):
            raise OSError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError) as caught:
        await bench.finish(bench.target(), archive(out / "a.tar"))
    assert caught.value.detail == "Permission denied"
    assert names(out) == []
