from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.exports import (
    cache_manifest,
    descriptor,
    image_annotations,
    metadata,
    only_image,
    rounds,
    withheld,
)
from bakex.errors import CapabilityError, ContentError
from bakex.model.media_types import OCI_INDEX
from bakex.model.node import Feature, Wire
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree, StoreImage

if TYPE_CHECKING:
    from tests.unit.engines.buildkit.conftest import MakeCell, MakeInfo

TREE, TAR, LAYOUT = SaveTree(directory=Path("d")), SaveTar(file=Path("t")), Path("l")
DOCUMENT = {"mediaType": OCI_INDEX, "digest": "sha256:" + "c" * 64, "size": 7}


def encoded(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def test_no_exports_are_one_round(make_cell: MakeCell, make_info: MakeInfo) -> None:
    (only,) = rounds(make_cell(), [], make_info())
    assert (only.exporters, only.image) == ((), -1)


def test_images_are_pushed_by_digest_and_not_kept(make_cell: MakeCell, make_info: MakeInfo) -> None:
    request = PushImage(
        repositories=("r/a", "r/b"),
        insecure=True,
        names=("r/a:1",),
        attrs={"compression": "zstd", "push": "false", "dest": "x", "oci-mediatypes": "false"},
    )
    (only,) = rounds(make_cell(annotations=("k=v",)), [request], make_info())
    assert only.exporters == (
        (
            "image",
            {
                "name": "r/a,r/b",
                "push": "true",
                "push-by-digest": "true",
                "store": "false",
                "registry.insecure": "true",
                "oci-mediatypes": "false",
                "compression": "zstd",
                "annotation.k": "v",
            },
        ),
    )
    assert only.image == 0


def test_blobs_go_into_a_layout(make_cell: MakeCell, make_info: MakeInfo) -> None:
    (only,) = rounds(make_cell(), [SaveImage(layout=LAYOUT)], make_info())
    assert only.exporters == (("oci", {"tar": "false"}),)
    assert (only.layout, only.archive, only.image) == (LAYOUT, -1, 0)


def test_an_old_daemon_sends_an_archive(make_cell: MakeCell, make_info: MakeInfo) -> None:
    info = make_info(Feature.OCI_LAYOUT_CONTEXTS)
    (only,) = rounds(make_cell(), [TREE, SaveImage(layout=LAYOUT)], info)
    assert only.exporters[1] == ("oci", {"tar": "true"})
    assert (only.layout, only.archive) == (LAYOUT, 1)


def test_a_push_is_withheld_but_files_are_not(make_cell: MakeCell, make_info: MakeInfo) -> None:
    (pushed,) = rounds(make_cell(), [TREE, PushImage(repositories=("r/a",))], make_info())
    held = withheld(pushed)
    assert (held.trees, held.image) == (pushed.trees, 1)
    (tree, (kind, attrs)), (_, before) = held.exporters, pushed.exporters[1]
    assert tree == pushed.exporters[0]
    assert (kind, attrs) == ("image", {**before, "push": "false"})
    alone = only_image(pushed)
    assert alone.exporters == pushed.exporters[1:]
    assert (alone.trees, alone.image) == ({}, 1)


@pytest.mark.parametrize(("wire", "kind"), [(Wire.DOCKER, "moby"), (Wire.BUILDKIT, "image")])
def test_images_are_stored(make_cell: MakeCell, make_info: MakeInfo, wire: Wire, kind: str) -> None:
    request = StoreImage(names=("a:1", "b:2"))
    (only,) = rounds(make_cell(), [request], make_info(wire=wire))
    assert only.exporters == ((kind, {"name": "a:1,b:2"}),)


def test_files_share_a_solve_with_the_first_image(make_cell: MakeCell, make_info: MakeInfo) -> None:
    push = PushImage(repositories=("r",))
    first, second = rounds(make_cell(), [push, TREE, SaveImage(layout=LAYOUT), TAR], make_info())
    assert [kind for kind, _ in first.exporters] == ["local", "tar", "image"]
    assert (first.trees, first.tars, first.image) == ({0: Path("d")}, {1: Path("t")}, 0)
    assert [kind for kind, _ in second.exporters] == ["oci"]
    assert second.image == 2


def test_an_old_daemon_gets_one_solve_per_export(make_cell: MakeCell, make_info: MakeInfo) -> None:
    found = rounds(
        make_cell(), [TREE, SaveImage(layout=LAYOUT), TAR], make_info(Feature.MULTIPLE_EXPORTS)
    )
    assert [[kind for kind, _ in item.exporters] for item in found] == [["oci"], ["local"], ["tar"]]
    assert [item.image for item in found] == [1, -1, -1]
    assert found[1].trees == {0: Path("d")}


def test_a_tree_is_never_split(make_cell: MakeCell, make_info: MakeInfo) -> None:
    tree = SaveTree(directory=Path("d"), attrs={"platform-split": "true", "mode": "copy"})
    (only,) = rounds(make_cell(), [tree, TAR], make_info())
    assert only.exporters == (
        ("local", {"platform-split": "false"}),
        ("tar", {"platform-split": "false"}),
    )


def test_images_pass_through_the_classic_image_store(
    make_cell: MakeCell, make_info: MakeInfo, tmp_path: Path
) -> None:
    info = make_info(Feature.IMAGE_PUSH, Feature.OCI_EXPORT, wire=Wire.DOCKER)
    names: set[str] = set()
    for request in (PushImage(repositories=("r/a",)), SaveImage(layout=tmp_path)):
        (round_,) = rounds(make_cell(), [request], info)
        assert round_.exporters == (("moby", {"name": round_.passing}),)
        assert round_.layout is None
        assert round_.image == 0
        names.add(round_.passing)
    assert len(names) == 2


def test_a_daemon_that_cannot_hand_over_images(make_cell: MakeCell, make_info: MakeInfo) -> None:
    info = make_info(Feature.IMAGE_PUSH, Feature.OCI_EXPORT, Feature.IMAGE_LOAD)
    with pytest.raises(CapabilityError, match="cannot push images by digest"):
        rounds(make_cell(), [PushImage(repositories=("r",))], info)
    with pytest.raises(CapabilityError, match="cannot hand over images"):
        rounds(make_cell(), [SaveImage(layout=LAYOUT)], info)


def test_annotations_of_this_platform(make_cell: MakeCell) -> None:
    cell = make_cell(
        "linux/arm64",
        annotations=(
            "plain=1",
            "manifest[linux/amd64]:other=2",
            "manifest[linux/arm64/v8],index:both=3",
            "manifest-descriptor:described=a:b",
            "index-descriptor:elsewhere=5",
        ),
    )
    assert image_annotations(cell) == {
        "annotation.plain": "1",
        "annotation.both": "3",
        "annotation-manifest-descriptor.described": "a:b",
    }


# ---------------------------------------------------------------- the daemon's answer


def test_the_descriptor_is_what_was_made(make_info: MakeInfo) -> None:
    found = descriptor({"containerimage.descriptor": encoded(DOCUMENT)}, make_info())
    assert (str(found.digest), found.size) == (DOCUMENT["digest"], 7)


def test_a_daemon_that_does_not_tell(make_info: MakeInfo) -> None:
    with pytest.raises(CapabilityError):
        descriptor({"containerimage.digest": "sha256:1"}, make_info())


@pytest.mark.parametrize("value", ["", "x", "e30", encoded([1]), encoded("a"), encoded({"a": 1})])
def test_a_malformed_descriptor(make_info: MakeInfo, value: str) -> None:
    with pytest.raises(ContentError):
        descriptor({"containerimage.descriptor": value}, make_info())


def test_metadata_is_decoded_where_it_is_json() -> None:
    response = {
        "image.name": "a,b",
        "containerimage.descriptor": encoded(DOCUMENT),
        "cache.manifest": json.dumps(DOCUMENT),
        "broken": "{",
        "number": "7",
    }
    assert metadata(response) == {
        "broken": "{",
        "cache.manifest": DOCUMENT,
        "containerimage.descriptor": DOCUMENT,
        "image.name": "a,b",
        "number": "7",
    }


def test_the_cache_that_was_written() -> None:
    found = cache_manifest({"cache.manifest": json.dumps(DOCUMENT)})
    assert found is not None
    assert str(found.digest) == DOCUMENT["digest"]
    assert cache_manifest({}) is None
