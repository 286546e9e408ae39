"""Systems of Debian as images: no file of them is a false alarm; and an image of 1 GB."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_CONFIG, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.oci.copy import push_document
from bakex.oci.layout import OciLayout
from bakex.testing.binaries import Elf
from bakex.testing.images import put_blob, put_index
from tests.conftest import EXAMPLES, OUTSIDE
from tests.unit.oci.packing import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SYSTEMS = {
    "amd64": "linux/amd64",
    "arm64": "linux/arm64",
    "armhf": "linux/arm/v7",
    "armel": "linux/arm/v5",
    "i386": "linux/386",
    "s390x": "linux/s390x",
    "ppc64el": "linux/ppc64le",
}
PACKAGES = [
    "bash",
    "coreutils",
    "dash",
    "dpkg",
    "perl-base",
    "util-linux",
    "openssl",
    "apt",
    "grep",
]
FETCH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import debian
packages = debian.Packages("bookworm", sys.argv[2])
debian.unpack(packages.fetch_all(sys.argv[4:]), Path(sys.argv[3]))
"""
MEMORY = 100 << 10  # kB
SIZE = 1 << 30


async def put(store: OciLayout, platform: str, layer: Descriptor, diff_id: Digest) -> Descriptor:
    """Store an image of one layer."""
    found = Platform.parse(platform)
    fields: dict[str, Any] = {
        "architecture": found.architecture,
        "os": found.os,
        **({"variant": found.variant} if found.variant else {}),
        "config": {"Cmd": ["bash"]},
        "rootfs": {"type": "layers", "diff_ids": [str(diff_id)]},
    }
    config = await put_blob(store, json.dumps(fields).encode(), OCI_CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json()],
    }
    manifest = await push_document(store, encode(document), OCI_MANIFEST)
    return replace(manifest, platform=found)


def verify(place: str, home: Path, *options: str) -> tuple[int, Any, int]:
    """Run the command; return its code, its answer, and the most memory that it had, in kB."""
    program = Path(sys.executable).with_name("bakex")
    argv = [str(program), "verify", "--format", "json", *options, place]
    measured = [
        "import json, os, resource, subprocess, sys",
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)",
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss",
        "print(json.dumps([done.returncode, json.loads(done.stdout), peak]))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(measured), *argv],
        env={**OUTSIDE, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, document, peak = json.loads(done.stdout)
    return code, document, peak


async def test_no_system_of_debian_is_a_false_alarm(tmp_path: Path) -> None:
    store = OciLayout.create(tmp_path / "layout")
    entries: list[Descriptor] = []
    for architecture, platform in SYSTEMS.items():
        root = tmp_path / architecture
        argv = [sys.executable, "-c", FETCH, str(EXAMPLES), architecture, str(root), *PACKAGES]
        await asyncio.to_thread(subprocess.run, argv, check=True, env=OUTSIDE)
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as archive:
            archive.add(root, arcname=".")
        tar = target.getvalue()
        layer = await put_blob(store, gzip.compress(tar, 1), LAYER)
        entries.append(await put(store, platform, layer, Digest.of(tar)))
    await store.tag(await put_index(store, entries), "debian")
    for mode in ("entrypoint", "bin", "full"):
        code, document, _ = verify(f"oci:{store.root}", tmp_path, "--mode", mode)
        (image,) = document["images"]
        found = {
            p["platform"]: [f for f in p["findings"] if f["severity"] == "error"]
            for p in image["platforms"]
        }
        assert found == {platform: [] for platform in SYSTEMS.values()}
        assert code == 0
        floor = {"entrypoint": 3, "bin": 150, "full": 300}[mode]
        assert all(p["files"] >= floor for p in image["platforms"])


def large() -> Iterator[bytes]:
    """Yield a layer of 1 GB with many programs and other files, as a tar archive."""
    program = Elf(machine=62, padding=40_000).build()
    size = 0
    while size < SIZE:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as archive:
            for number in range(size, size + 200):
                runs = number % 4 == 0
                content = program if runs else number.to_bytes(8, "big") * (number % 10_000)
                place = "bin" if runs else f"share/{number % 100}"
                entry = tarfile.TarInfo(f"usr/{place}/file-{number}")
                entry.size, entry.mode = len(content), 0o755 if runs else 0o644
                archive.addfile(entry, io.BytesIO(content))
            end = archive.offset
        size += end
        yield made.getvalue()[:end]
    yield bytes(1024)


def write(store: OciLayout, compress: Callable[[bytes], bytes]) -> tuple[Descriptor, Digest]:
    """Store that layer, in as many members or frames as there are pieces."""
    plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    place = store.root / "layer"
    with place.open("wb") as file:
        for piece in large():
            data = compress(piece)
            plain.update(piece)
            packed.update(data)
            size += file.write(data)
    digest, diff_id = (Digest.parse(f"sha256:{h.hexdigest()}") for h in (packed, plain))
    place.rename(store.root / "blobs" / "sha256" / digest.hex)
    return Descriptor(media_type=LAYER, digest=digest, size=size), diff_id


FAST = partial(gzip.compress, compresslevel=1)  # only time is saved


@pytest.mark.parametrize("compress", [FAST, zstd.compress], ids=["gzip", "zstd"])
async def test_an_image_of_one_gigabyte(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    store = OciLayout.create(tmp_path / "layout")
    (store.root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    layer, diff_id = await asyncio.to_thread(write, store, compress)
    await store.tag(await put(store, "linux/amd64", layer, diff_id), "large")
    code, document, peak = verify(f"oci:{store.root}", tmp_path)
    (image,) = document["images"]
    (platform,) = image["platforms"]
    assert [f["path"] for f in platform["findings"]] == ["bash"]
    assert code == 8
    assert platform["files"] > 1000
    assert (platform["layersRead"], platform["bytesRead"]) == (1, layer.size)
    assert peak < MEMORY
