"""Images made of a few words, and their verification."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.platforms import catalogue
from bakex.config import load
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_CONFIG, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.model.verification import Mode, Wishes
from bakex.oci.copy import push_document
from bakex.oci.memory import MemoryStore
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_blob
from bakex.verification.facts import Facts
from bakex.verification.image import listed, verify

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from bakex.model.verification import Verification
    from bakex.platforms.catalogue import Catalogue

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# Path -> content of a file that may be executed; or ``-> x`` for a link to x, ``= x`` for a hard
# link, ``data`` for a file that nobody may execute, nothing for a directory.


def packed(files: Mapping[str, bytes | str | None]) -> bytes:
    """Return a layer without compression."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            data = b""
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str) and content.startswith("-> "):
                entry.type, entry.linkname = tarfile.SYMTYPE, content[3:]
            elif isinstance(content, str) and content.startswith("= "):
                entry.type, entry.linkname = tarfile.LNKTYPE, content[2:]
            elif isinstance(content, str):
                entry.mode, data = 0o644, content.encode()
            else:
                data = content
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


class CountingStore(MemoryStore):
    """Knows how often each blob was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: dict[Digest, int] = {}

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        self.reads[descriptor.digest] = self.reads.get(descriptor.digest, 0) + 1
        async for chunk in super().fetch(descriptor):
            yield chunk


@dataclass(slots=True)
class Bench:
    """Makes images and verifies them."""

    known: Catalogue
    folder: Path
    store: CountingStore = field(default_factory=CountingStore)
    layers: list[Descriptor] = field(default_factory=list["Descriptor"])

    def facts(self) -> Facts:
        return Facts(self.folder)

    async def image(
        self,
        *layers: Mapping[str, bytes | str | None],
        platform: str = "linux/amd64",
        compress: Callable[[bytes], bytes] = gzip.compress,
        **config: Any,
    ) -> Descriptor:
        tars = [packed(layer) for layer in layers]
        self.layers = [await put_blob(self.store, compress(tar), LAYER) for tar in tars]
        found = Platform.parse(platform)
        fields: dict[str, Any] = {
            "architecture": found.architecture,
            "os": found.os,
            **({"variant": found.variant} if found.variant else {}),
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(tar)) for tar in tars]},
        }
        described = await put_blob(self.store, json.dumps(fields).encode(), OCI_CONFIG)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
        }
        return await push_document(self.store, encode(document), OCI_MANIFEST)

    async def verify(
        self,
        root: Descriptor,
        *,
        mode: Mode = Mode.BIN,
        allow: Sequence[str] = (),
        platform: str = "",
        device: str = "",
    ) -> Verification:
        ((manifest, listed_for),) = await listed(self.store, root)
        return await verify(
            self.store,
            manifest,
            Platform.parse(platform) if platform else listed_for,
            wishes=Wishes(mode=mode, allow=tuple(allow)),
            catalogue=self.known,
            facts=self.facts(),
            clock=ManualClock(),
            device=self.known.device(device) if device else None,
        )

    async def told(self, *layers: Mapping[str, bytes | str | None], **given: Any) -> list[str]:
        """Return what is wrong with an image, a line for each finding."""
        how = {k: given.pop(k) for k in ("mode", "allow", "device") if k in given}
        found = await self.verify(await self.image(*layers, **given), **how)
        return [f"{finding.severity}: {finding}" for finding in found.findings]


@pytest.fixture(scope="session")
def known() -> Catalogue:
    return catalogue(load({}))


@pytest.fixture
def bench(known: Catalogue, tmp_path: Path) -> Bench:
    return Bench(known, tmp_path / "layers")
