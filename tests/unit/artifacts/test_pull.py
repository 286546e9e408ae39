"""The files of an artifact on a disk, and those that must not get there."""

from __future__ import annotations

import io
import tarfile
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bakex.artifacts.pull import Pulled, pull
from bakex.errors import ContentError, DefinitionError, DigestMismatchError, OutputError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from bakex.oci.copy import once, push_document
from bakex.oci.memory import MemoryStore
from bakex.sources.archive import unpack
from bakex.sources.limits import Limits
from bakex.testing.images import put_blob, put_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TITLE = "org.opencontainers.image.title"
UNPACK = {"io.deis.oras.content.unpack": "true"}


def safely(archive: Path, into: Path) -> None:
    unpack(archive, into, limits=Limits(), deadline=float("inf"))


def tar(*members: tuple[str, str | bytes | None]) -> bytes:
    """Return a tar with files (bytes), links (text) and directories (None)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


class Shelf:
    """A store for one artifact after another."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    async def put(self, *layers: tuple[bytes, Mapping[str, str]], config: str = OCI_EMPTY) -> Any:
        empty = await put_blob(self.store, b"{}", config)
        listed = []
        for content, marks in layers:
            blob = await put_blob(self.store, content, "a/b")
            listed.append({**blob.to_json(), "annotations": dict(marks)})
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": empty.to_json(),
            "layers": listed or [empty.to_json()],
        }
        return await push_document(self.store, encode(document))

    async def pull(
        self, folder: Path, *layers: tuple[bytes, Mapping[str, str]], **options: Any
    ) -> Pulled:
        root = await self.put(*layers)
        return await pull(self.store, root, folder, unpack=safely, **options)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "out"


def tree(folder: Path) -> dict[str, object]:
    if not folder.is_dir():
        return {}
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def file(title: str, content: bytes = b"x") -> tuple[bytes, dict[str, str]]:
    return content, {TITLE: title}


def directory(title: str, *members: tuple[str, str | bytes | None]) -> tuple[bytes, dict[str, str]]:
    return tar(*members), {TITLE: title, **UNPACK}


def put(path: Path, content: bytes = b"mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


async def test_files_and_directories(shelf: Shelf, folder: Path) -> None:
    layers: tuple[tuple[bytes, Mapping[str, str]], ...] = (
        file("a"),
        file("sub/b", b"y"),
        directory("sub/dir", ("sub/dir", None), ("sub/dir/f", b"f"), ("sub/dir/l", "../b")),
        (b"nameless", {}),
    )
    wanted = {"a": b"x", "sub/b": b"y", "sub/dir/f": b"f", "sub/dir/l": "-> ../b"}
    for _ in range(2):
        found = await shelf.pull(folder, *layers)
        assert found.files == (folder / "a", folder / "sub/b", folder / "sub/dir")
        assert [blob.digest for blob in found.untitled] == [Digest.of(b"nameless")]
        assert tree(folder) == wanted


async def test_an_artifact_without_files(shelf: Shelf, folder: Path) -> None:
    assert await shelf.pull(folder) == Pulled(files=())
    assert tree(folder) == {}


@pytest.mark.parametrize(
    "title", ["../x", "/x", "a/../../x", "./x", "x/", "a//b", "\0", ".bakex-pull-x/../../x"]
)
async def test_titles_that_lead_out(shelf: Shelf, folder: Path, title: str) -> None:
    with pytest.raises(ContentError, match="unusable name"):
        await shelf.pull(folder, file("good"), file(title))
    assert tree(folder) == {}


@pytest.mark.parametrize(
    "layers",
    [
        [directory("d", ("d/../../x", b"x"))],
        [directory("d", ("/x", b"x"))],
        [directory("d", ("d", None), ("d/l", "/etc"))],
        [directory("d", ("d", None), ("d/l", "../../.."))],
        [directory("d", ("d", None), ("other", b"x"))],
        [directory("a/d", ("a/d", None), ("a/other", b"x"))],
        [directory("d", ("e/f", b"x"))],
        [directory("d", ("d", b"x"))],
        [(b"no tar", {TITLE: "d", **UNPACK})],
        [file("d"), file("d")],
        [file("d"), file("d/e")],
        [file("d/e"), file("d")],
        [file("d/e"), directory("d", ("d", None), ("d/e", b"y"))],
        [directory("d", ("d", None), ("d/e", b"y")), file("d/e")],
        [file("d"), directory("d/e", ("d/e", None))],
    ],
)
async def test_contents_that_are_refused(shelf: Shelf, folder: Path, layers: Any) -> None:
    with pytest.raises((ContentError, DefinitionError, OutputError)):
        await shelf.pull(folder, file("good"), *layers)
    assert tree(folder) == {}
    assert tree(folder.parent) == {}


async def test_what_is_damaged_leaves_nothing(shelf: Shelf, folder: Path) -> None:
    root = await shelf.put(file("a"), file("b", b"right"))
    shelf.store.blobs[Digest.of(b"right")] = b"wrong"
    with pytest.raises(DigestMismatchError):
        await pull(shelf.store, root, folder, unpack=safely)
    assert tree(folder) == {}


async def test_what_is_there_stays(shelf: Shelf, folder: Path) -> None:
    layers = (file("a", b"theirs"), directory("d", ("d", None), ("d/f", b"theirs")), file("z"))
    for name in ("a", "d/f"):
        mine = put(folder / name)
        with pytest.raises(OutputError, match="has something else already") as caught:
            await shelf.pull(folder, *layers)
        assert repr(name) in caught.value.summary
        assert tree(folder) == {name: b"mine"}
        mine.unlink()
    put(folder / "a")
    put(folder / "d/mine")
    await shelf.pull(folder, *layers, overwrite=True)
    assert tree(folder) == {"a": b"theirs", "d/f": b"theirs", "d/mine": b"mine", "z": b"x"}


async def test_many_names_are_cut_short(shelf: Shelf, folder: Path) -> None:
    for number in range(7):
        put(folder / str(number))
    with pytest.raises(OutputError, match="'4' and 2 more"):
        await shelf.pull(folder, *(file(str(number)) for number in range(7)))


@pytest.mark.parametrize("overwrite", [True, False])
async def test_nothing_goes_through_a_link(
    shelf: Shelf, folder: Path, tmp_path: Path, *, overwrite: bool
) -> None:
    outside = tmp_path / "outside"
    put(outside / "f")
    link(folder / "d", outside)
    for layer in (file("d/f"), directory("d", ("d", None), ("d/f", b"x"))):
        with pytest.raises(OutputError, match="has something else already: 'd'"):
            await shelf.pull(folder, layer, overwrite=overwrite)
    link(folder / "l", outside / "f")
    if overwrite:
        await shelf.pull(folder, file("l"), overwrite=True)
        assert tree(folder)["l"] == b"x"
    assert tree(outside) == {"f": b"mine"}


async def test_a_directory_does_not_make_way_for_a_file(shelf: Shelf, folder: Path) -> None:
    put(folder / "a" / "f")
    with pytest.raises(OutputError, match="has something else already: 'a'"):
        await shelf.pull(folder, file("a"), overwrite=True)


async def test_places_that_cannot_be_written(shelf: Shelf, folder: Path) -> None:
    put(folder)
    with pytest.raises(OutputError, match="cannot write below"):
        await shelf.pull(folder, file("a"))


async def test_images_are_no_artifacts(shelf: Shelf, folder: Path) -> None:
    store = shelf.store
    image = await put_image(store)
    raw = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image.to_json()]})
    index = Descriptor(media_type=OCI_INDEX, digest=Digest.of(raw), size=len(raw))
    await store.push(index, partial(once, raw))
    for root, kind in ((image, "an image"), (index, "an index")):
        with pytest.raises(ContentError, match=f"is {kind}, not an artifact"):
            await pull(store, root, folder, unpack=safely)
