"""Archives of ``docker save`` as images in an OCI layout.

dockerd's classic image store keeps no manifests and no compressed layers, so both are made here:
the config is taken as it is, which keeps the image's id, and each layer is checked against the
config, then compressed in a way that gives the same bytes every time.
Source: moby image/tarexport (manifest.json), OCI image-spec v1.1 manifest.md and config.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from bakex._util.atomic import write_file
from bakex.errors import ContentError, DigestMismatchError, OutputError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    MAX_CONFIG_SIZE,
    OCI_CONFIG,
    OCI_MANIFEST,
)
from bakex.oci.layout import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

_CHUNK: Final = 1 << 20
_OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_LEVEL: Final = 6
# RFC 1952: no name, no time, written on an unknown system; only so is the result always the same.
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def adopt(
    archive: Path,
    layout: Path,
    *,
    annotations: Mapping[str, str],
    oci: bool = True,
    compressed: bool = True,
    level: int = _LEVEL,
) -> Descriptor:
    """Add the one image of an archive to a layout and return its manifest; blocking.

    Args:
        archive: As ``docker save`` writes it.
        layout: The directory; ``index.json`` is left alone.
        annotations: Of the manifest.
        oci: Whether the media types are OCI's; docker's otherwise.
        compressed: Whether layers are compressed with gzip.
        level: How much, from 0 to 9.

    Raises:
        ContentError: The archive is malformed, or a layer is not what the config says.
        OutputError: The layout cannot be written.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            config_name, layer_names = _entries(_member(tar, "manifest.json", MAX_CONFIG_SIZE))
            config = _member(tar, config_name, MAX_CONFIG_SIZE)
            diff_ids = _diff_ids(config)
            if len(diff_ids) != len(layer_names):
                raise ContentError("the daemon sent an image whose layers do not fit its config")
            store = _Blobs(layout)
            suffix = ("+gzip" if oci else ".gzip") if compressed else ""
            layer_type = (_OCI_LAYER if oci else _DOCKER_LAYER) + suffix
            layers = [
                store.add_layer(
                    _file(tar, name), diff_id, layer_type, level if compressed else None
                )
                for name, diff_id in zip(layer_names, diff_ids, strict=True)
            ]
            manifest = _manifest(
                store.add(config, OCI_CONFIG if oci else DOCKER_CONFIG), layers, annotations, oci
            )
            return store.add(manifest, OCI_MANIFEST if oci else DOCKER_MANIFEST)
    except tarfile.TarError as error:
        raise ContentError("the daemon sent a malformed archive", detail=f"{error}.") from None
    except OSError as error:
        raise OutputError(f"cannot write {str(layout)!r}", detail=f"{error.strerror}.") from None


class _Blobs:
    """The blobs of a layout, written under a temporary name until they are complete."""

    def __init__(self, layout: Path) -> None:
        self._layout = layout
        self._directory = layout / "blobs" / "sha256"
        self._directory.mkdir(parents=True, exist_ok=True)
        if not (layout / "oci-layout").exists():
            write_file(layout / "oci-layout", MARKER)

    def add(self, content: bytes, media_type: str) -> Descriptor:
        return self._store(iter([content]), media_type)

    def add_layer(
        self, file: IO[bytes], diff_id: str, media_type: str, level: int | None
    ) -> Descriptor:
        chunks = _checked(file, diff_id)
        return self._store(chunks if level is None else _gzip(chunks, level), media_type)

    def _store(self, chunks: Iterator[bytes], media_type: str) -> Descriptor:
        number, temporary = tempfile.mkstemp(dir=self._layout, prefix=".blob-")
        try:
            hashed, size = hashlib.sha256(), 0
            with os.fdopen(number, "wb") as out:
                os.fchmod(number, 0o644)
                for chunk in chunks:
                    hashed.update(chunk)
                    size += len(chunk)
                    out.write(chunk)
            name = hashed.hexdigest()
            Path(temporary).replace(self._directory / name)
        finally:
            Path(temporary).unlink(missing_ok=True)
        digest = Digest.parse(f"sha256:{name}")
        return Descriptor(media_type=media_type, digest=digest, size=size)


def _checked(file: IO[bytes], diff_id: str) -> Iterator[bytes]:
    hashed = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        hashed.update(chunk)
        yield chunk
    if f"sha256:{hashed.hexdigest()}" != diff_id:
        raise DigestMismatchError(
            f"the daemon sent sha256:{hashed.hexdigest()} for the layer {diff_id}"
        )


def _gzip(chunks: Iterator[bytes], level: int) -> Iterator[bytes]:
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    checksum = size = 0
    yield _GZIP_HEADER
    for chunk in chunks:
        checksum = zlib.crc32(chunk, checksum)
        size += len(chunk)
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
    yield checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _manifest(
    config: Descriptor, layers: list[Descriptor], annotations: Mapping[str, str], oci: bool
) -> bytes:
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST if oci else DOCKER_MANIFEST,
        "config": _entry(config),
        "layers": [_entry(layer) for layer in layers],
    }
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return json.dumps(document, indent=2).encode()


def _entry(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }


def _file(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        # A layer that several images share is a link to the first one's.
        file = tar.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise ContentError(f"the daemon sent an archive without {name!r}")
    return file


def _member(tar: tarfile.TarFile, name: str, limit: int) -> bytes:
    content = _file(tar, name).read(limit + 1)
    if len(content) > limit:
        raise ContentError(f"the daemon sent an archive whose {name!r} is too large")
    return content


def _entries(manifest: bytes) -> tuple[str, list[str]]:
    """Return the names of the config and of the layers of an archive's one image."""
    try:
        document = json.loads(manifest)
        (image,) = document
        config, layers = image["Config"], image["Layers"]
    except (ValueError, TypeError, KeyError) as error:
        raise ContentError("the daemon sent an archive with a malformed manifest.json") from error
    if not isinstance(config, str) or not isinstance(layers, list):
        raise ContentError("the daemon sent an archive with a malformed manifest.json")
    return config, [str(layer) for layer in cast("list[object]", layers)]


def _diff_ids(config: bytes) -> list[str]:
    try:
        found = json.loads(config)["rootfs"]["diff_ids"]
    except (ValueError, TypeError, KeyError) as error:
        raise ContentError("the daemon sent an image with a malformed config") from error
    return [str(item) for item in cast("list[object]", found or [])]
