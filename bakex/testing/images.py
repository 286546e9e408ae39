"""Small images, put into any store: what tests need where a build would be too much."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import (
    ATTESTATION,
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    REFERENCE_DIGEST,
    REFERENCE_TYPE,
)
from bakex.model.platform import Platform
from bakex.oci.copy import once, push_document
from bakex.oci.verified import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import Store

_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_IN_TOTO = "application/vnd.in-toto+json"
_PREDICATE = "in-toto.io/predicate-type"
_UNKNOWN = {"architecture": "unknown", "os": "unknown"}


async def put_blob(store: Store, data: bytes, media_type: str) -> Descriptor:
    """Store some bytes, and return their descriptor."""
    blob = Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data))
    await store.push(blob, partial(once, data))
    return blob


async def put_image(
    store: Store,
    platform: str = "linux/amd64",
    *,
    layers: Sequence[Mapping[str, bytes]] = ({"hello": b"hello\n"},),
    docker: bool = False,
    annotations: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Descriptor:
    """Store an image of one platform.

    Args:
        store: Where it goes.
        platform: In the config; the descriptor that is returned names none.
        layers: The files of each.
        docker: Use Docker's media types.
        annotations: Of the manifest.
        config: More fields of the config.
    """
    tars = [layer_tar(files) for files in layers]
    layer_type = _DOCKER_LAYER if docker else _OCI_LAYER
    packed = [gzip.compress(tar, mtime=0) for tar in tars]
    listed = [(await put_blob(store, data, layer_type)).to_json() for data in packed]
    found = Platform.parse(platform)
    variant = {"variant": found.variant} if found.variant else {}
    fields: dict[str, Any] = {
        "architecture": found.architecture,
        "os": found.os,
        **variant,
        "config": {"WorkingDir": "/"},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars],
        },
        "history": [{"created_by": "COPY hello /"} for _ in tars],
        **(config or {}),
    }
    raw_config = json.dumps(fields).encode()
    described = await put_blob(store, raw_config, DOCKER_CONFIG if docker else OCI_CONFIG)
    kind = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": described.to_json(),
        "layers": listed,
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return await push_document(store, encode(document), kind)


async def put_attested(
    store: Store,
    platform: str = "linux/amd64",
    *,
    predicate: Mapping[str, Any] | None = None,
    **image: Any,  # noqa: ANN401 - as put_image
) -> Descriptor:
    """Store an image with an attestation, and return the index of both, as BuildKit makes it.

    Args:
        store: Where it goes.
        platform: As in `put_image`.
        predicate: What the provenance says besides the platform.
        image: As in `put_image`.
    """
    manifest = await put_image(store, platform, **image)
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "_", "digest": {"sha256": manifest.digest.hex}}],
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": {"platform": platform, **(predicate or {})},
    }
    blob = await put_blob(store, json.dumps(statement).encode(), _IN_TOTO)
    layer = replace(blob, annotations={_PREDICATE: str(statement["predicateType"])})
    config = {**_UNKNOWN, "rootfs": {"type": "layers", "diff_ids": [str(layer.digest)]}}
    described = await put_blob(store, json.dumps(config).encode(), OCI_CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described.to_json(),
        "layers": [layer.to_json()],
    }
    attestation = await push_document(store, encode(document), OCI_MANIFEST)
    parsed = Platform.parse(platform)
    variant = {"variant": parsed.variant} if parsed.variant else {}
    entry = manifest.to_json()
    entry["platform"] = {"architecture": parsed.architecture, "os": parsed.os, **variant}
    link = {REFERENCE_DIGEST: str(manifest.digest), REFERENCE_TYPE: ATTESTATION}
    attached = {**attestation.to_json(), "annotations": link, "platform": _UNKNOWN}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry, attached]}
    return await push_document(store, encode(index), OCI_INDEX)


async def put_artifact(
    store: Store, subject: Descriptor, artifact_type: str, *, data: bytes = b"signed"
) -> Descriptor:
    """Store something that refers to a manifest, such as a signature.

    Args:
        store: Where it goes.
        subject: What it is about; it need not be there.
        artifact_type: What it is.
        data: Its only blob.
    """
    config = await put_blob(store, b"{}", OCI_EMPTY)
    blob = await put_blob(store, data, "application/octet-stream")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": config.to_json(),
        "layers": [blob.to_json()],
        "subject": subject.to_json(),
    }
    return await push_document(store, encode(document), OCI_MANIFEST)


async def put_index(store: Store, entries: Sequence[Descriptor]) -> Descriptor:
    """Store an index of what is in the store already."""
    listed = [entry.to_json() for entry in entries]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return await push_document(store, encode(document), OCI_INDEX)


async def put_platforms(store: Store, *platforms: str, **image: Any) -> Descriptor:  # noqa: ANN401 - as put_image
    """Store an attested image for several platforms, and return its index, as bakex makes it."""
    entries: list[Descriptor] = []
    for platform in platforms:
        part = await read_document(store, await put_attested(store, platform, **image))
        entries.extend(part.children)
    return await put_index(store, sorted(entries, key=lambda entry: entry.is_attestation))


def layer_tar(files: Mapping[str, bytes]) -> bytes:
    """Return an uncompressed layer with some files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()
