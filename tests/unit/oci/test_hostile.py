"""Content that means harm: refused, bounded, and nothing is written outside."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakex.errors import BakexError, ContentError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import MAX_MANIFEST_SIZE, OCI_INDEX, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.oci.copy import copy, once, walk
from bakex.oci.layout import MARKER, OciLayout
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.unarchive import unpack_archive
from bakex.oci.validate import validate, validate_layout
from bakex.oci.verified import read
from bakex.testing.images import put_attested, put_image

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

OCTETS = "application/octet-stream"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    "schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations",
    "digest", "size", "platform", "urls", "data", "artifactType",
)  # fmt: skip
PATHS = (
    "../evil", "/evil", "blobs/../../evil", "blobs/sha256/../../../evil", "./../evil",
    "blobs/sha256/" + "A" * 64, "blobs/md5/" + "0" * 32, "index.json/../../evil", "evil",
    "blobs/sha256/" + "0" * 64 + "/../../../../evil", "oci-layout\0", "blobs\\..\\evil",
)  # fmt: skip


def described(raw: bytes, media_type: str = OCTETS) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(raw), size=len(raw))


@given(
    data=st.binary(max_size=300),
    other=st.binary(max_size=300),
    size=st.integers(0, 400),
    cut=st.integers(1, 50),
)
async def test_only_the_described_bytes_are_stored(
    data: bytes, other: bytes, size: int, cut: int
) -> None:
    wanted = Descriptor(media_type=OCTETS, digest=Digest.of(data), size=size)

    async def content() -> AsyncIterator[bytes]:
        for start in range(0, len(other), cut):
            yield other[start : start + cut]

    store = MemoryStore()
    if other == data and size == len(data):
        await store.push(wanted, content)
        assert await read(store, wanted, limit=400) == data
        return
    with pytest.raises(ContentError):
        await store.push(wanted, content)
    assert store.blobs == {}


@given(document=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8), index=st.booleans())
async def test_any_document_is_walked_or_refused(document: dict[str, Any], index: bool) -> None:
    raw = json.dumps(document).encode()
    store = MemoryStore()
    root = described(raw, OCI_INDEX if index else OCI_MANIFEST)
    store.blobs[root.digest] = raw
    try:
        await walk(store, root)
        await validate(store, root, contents=True)
    except ContentError:
        pass


@given(where=st.lists(st.integers(0, 2000), min_size=1, max_size=4), value=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
async def test_any_changed_byte_is_noticed(where: list[int], value: int) -> None:
    store = MemoryStore()
    root = await put_attested(store)
    for digest in list(store.blobs):
        raw = bytearray(store.blobs[digest])
        for place in where:
            raw[place % len(raw)] ^= value
        if bytes(raw) == store.blobs[digest]:
            continue  # the same byte twice
        changed = MemoryStore()
        changed.blobs = {**store.blobs, digest: bytes(raw)}
        with pytest.raises(ContentError):
            await validate(changed, root, contents=True)
        target = MemoryStore()
        with pytest.raises(ContentError):
            await copy(changed, target, root)
        assert digest not in target.blobs
        assert root.digest not in target.blobs


async def test_giant_manifests_are_not_read() -> None:
    for size in (MAX_MANIFEST_SIZE + 1, 1 << 60):
        giant = Descriptor(media_type=OCI_INDEX, digest=Digest.of(b""), size=size)
        with pytest.raises(ContentError, match="more than"):
            await walk(MemoryStore(), giant)


async def test_endless_content_is_cut_off() -> None:
    taken = 0

    class Endless(MemoryStore):
        async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
            nonlocal taken
            while True:
                taken += 1
                yield bytes(1000)

    with pytest.raises(ContentError, match="more than the announced"):
        await read(
            Endless(), Descriptor(media_type=OCTETS, digest=Digest.of(b""), size=5000), limit=5000
        )
    assert taken == 6


async def nested(store: MemoryStore, depth: int, width: int) -> Descriptor:
    root = await put_image(store)
    for level in range(depth):
        entries = [
            {**root.to_json(), "annotations": {"n": str(n), "l": str(level)}} for n in range(width)
        ]
        raw = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
        root = described(raw, OCI_INDEX)
        store.blobs[root.digest] = raw
    return root


async def test_deep_nesting_is_refused() -> None:
    store = MemoryStore()
    root = await nested(store, 50, 1)
    for look in (
        partial(walk, store, root),
        partial(collect, store, root, platform=Platform.parse("linux/amd64")),
        partial(validate, store, root),
    ):
        with pytest.raises(ContentError, match="nested too deeply"):
            await look()


async def test_wide_nesting_is_walked_once() -> None:
    reads = 0

    class Counting(MemoryStore):
        def fetch(self, descriptor: Descriptor) -> Any:
            nonlocal reads
            reads += 1
            return super().fetch(descriptor)

    store = Counting()
    root = await nested(store, 3, 900)
    reads = 0
    await walk(store, root)
    assert reads == 4


@pytest.mark.parametrize(
    "digest", ["sha256:../../../evil", "sha256:" + "0" * 63, "x", "md5:" + "0" * 32]
)
async def test_a_digest_that_is_a_path_is_none(tmp_path: Path, digest: str) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    entry = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 3}
    (layout.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    with pytest.raises(ContentError, match="digest"):
        await validate_layout(layout.root)
    with pytest.raises(ContentError):
        await layout.resolve(digest)


def listed(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_plain(folder: Path) -> None:
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    assert all(path.is_file() and not path.is_symlink() for path in found)
    assert {path.name for path in found} <= {"oci-layout", "index.json", "0" * 64}


@given(
    names=st.lists(
        st.sampled_from(PATHS) | st.text(st.characters(blacklist_categories=["Cs"]), max_size=40),
        max_size=6,
    ),
    kind=st.sampled_from(
        [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
    ),
    target=st.sampled_from(["/etc/passwd", "../..", "index.json", "."]),
)
@settings(max_examples=60, deadline=None)
async def test_an_archive_writes_nothing_outside(
    names: list[str], kind: bytes, target: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "out").mkdir()
        (base / "canary").write_text("here")
        with tarfile.open(base / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
            for name, data in [("oci-layout", MARKER), *((name, b"evil") for name in names)]:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                if name != "oci-layout":
                    entry.type, entry.linkname = kind, target
                archive.addfile(entry, io.BytesIO(data))
        with contextlib.suppress(BakexError):
            await unpack_archive(base / "a.tar", base / "out")
        assert listed(base) == {"a.tar", "out", "canary"}
        assert_plain(base / "out")


@given(st.binary(max_size=3000))
@settings(deadline=None)
@pytest.mark.slow
async def test_anything_is_an_archive_or_refused(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.tar").write_bytes(raw)
        (Path(folder) / "out").mkdir()
        with pytest.raises(BakexError):
            await unpack_archive(Path(folder) / "a.tar", Path(folder) / "out")


async def test_a_pushed_name_stays_in_its_place(tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    raw = b"data"
    await layout.push(described(raw), partial(once, raw))
    for name in ("../../evil", "a/../../b:1", "\0"):
        await layout.tag(described(raw), name)
    assert listed(tmp_path) == {"layout"}
