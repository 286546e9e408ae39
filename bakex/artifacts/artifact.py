"""An artifact on its way: its manifest, and the files with its content.

The same files give the same bytes, and so the same digest: nothing in it comes from the clock, or
from the way in which the subject was named. Otherwise it is, byte for byte, the manifest that
``oras attach`` makes of the same files (which has a moment of creation, always).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakex.artifacts.attachment import (
    CONFIG_SECTION,
    CONTENT_DIGEST,
    CREATED,
    MANIFEST_SECTION,
    TITLE,
    UNPACK,
)
from bakex.artifacts.packing import pack
from bakex.errors import ContentNotFoundError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.documents import encode
from bakex.model.manifest import ImageManifest
from bakex.model.media_types import OCI_EMPTY, OCI_MANIFEST
from bakex.oci.copy import once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bakex._util.threads import StopFlag
    from bakex.artifacts.attachment import Attachment
    from bakex.model.digest import Digest

_CHUNK = 1 << 18
_EMPTY = b"{}"
_EMPTY_DATA = "e30="  # that in base64, as the image-spec's empty descriptor has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Implements `bakex.interfaces.ContentReader` for the manifest and everything in it.

    Attributes:
        manifest: Ready to be pushed.
        files: Where the content of each blob is, by digest.
    """

    manifest: ImageManifest
    files: Mapping[Digest, Path] = field(repr=False)

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """Yield the content of the manifest or of a file.

        Raises:
            ContentNotFoundError: Nothing of the artifact.
            UsageError: The file cannot be read any more.
        """
        if descriptor.digest == self.manifest.descriptor.digest:
            async for chunk in once(self.manifest.raw):
                yield chunk
            return
        path = self.files.get(descriptor.digest)
        if path is None:
            raise ContentNotFoundError(f"{descriptor.digest} is not in the artifact")
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except OSError as error:
            raise UsageError(f"cannot read {path}", detail=error.strerror or "") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an artifact is made of.

    Attributes:
        files: Files and directories.
        annotations: About all of it; they go before those of the file.
        annotation_file: See `bakex.artifacts.oras_registry.annotations_in`; None for none.
        epoch: Seconds since 1970: when it was made, and the time of everything in directories.
            None to leave that open.
    """

    files: Sequence[Attachment]
    artifact_type: str
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    annotation_file: Path | None = None
    epoch: int | None = None


def build(recipe: Recipe, subject: Descriptor, scratch: Path, stop: StopFlag) -> Artifact:
    """Put an artifact together; blocking.

    Args:
        recipe: Of what.
        subject: What it refers to.
        scratch: An empty directory that lives as long as the artifact.
        stop: Ends the work early.

    Raises:
        UsageError: A file cannot be used, or the annotation file is none.
    """
    # Whoever only looks at artifacts does not wait for this import (ADR 0012).
    from bakex.artifacts.oras_registry import collect  # noqa: PLC0415

    sections = _sections(recipe)
    try:
        parts = [
            _part(item, sections, scratch / str(number), recipe.epoch or 0, stop)
            for number, item in enumerate(recipe.files)
        ]
        config, marks = scratch / "config", scratch / "annotations"
        config.write_bytes(_EMPTY)
        general = {key: sections.get(key, {}) for key in (MANIFEST_SECTION, CONFIG_SECTION)}
        marks.write_text(json.dumps({**general, **{str(p.path): p.marks for p in parts}}))
        stop.check()
        collected = collect(
            [(part.path, part.media_type) for part in parts],
            config=(config, OCI_EMPTY),
            annotation_file=marks,
            subject=subject,
        )
    except OSError as error:
        name = error.filename or "a file"
        raise UsageError(f"cannot read {name}", detail=error.strerror or str(error)) from None
    raw = _encoded(collected.manifest, recipe)
    files = {descriptor.digest: Path(path) for descriptor, path in collected.blobs}
    return Artifact(manifest=ImageManifest.parse(raw, OCI_MANIFEST), files=files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A file as it is sent, and what is said about it."""

    path: Path
    media_type: str
    marks: Mapping[str, str]


def _part(
    item: Attachment,
    sections: Mapping[str, Mapping[str, str]],
    packed: Path,
    epoch: int,
    stop: StopFlag,
) -> _Part:
    marks = {TITLE: item.title}
    path = item.path
    if item.is_directory:
        path = packed
        marks[CONTENT_DIGEST] = pack(item.path, item.title, packed, epoch=epoch, stop=stop)
        marks[UNPACK] = "true"
    name = next((name for name in _names(item) if name in sections), "")
    said = sections.get(name, {})
    ours = next((key for key in marks if key in said), None)
    if ours is not None:
        raise UsageError(f"the annotation {ours} of {item.text!r} is given by the file itself")
    return _Part(path=path, media_type=item.media_type, marks={**said, **marks})


def _names(item: Attachment) -> tuple[str, ...]:
    """Return what an annotation file may call a file."""
    return (item.text, item.title, str(item.path))


def _sections(recipe: Recipe) -> dict[str, Mapping[str, str]]:
    """Return what is said about what: the annotation file, and what goes before it."""
    from bakex.artifacts.oras_registry import annotations_in  # noqa: PLC0415 - see `build`

    file = recipe.annotation_file
    sections = {} if file is None else annotations_in(file)
    known = {MANIFEST_SECTION, CONFIG_SECTION}
    known.update(name for item in recipe.files for name in _names(item))
    unknown = next((section for section in sections if section not in known), None)
    if unknown is not None:
        raise UsageError(f"{file} is about {unknown!r}, which is not attached")
    about = {**sections.get(MANIFEST_SECTION, {}), **recipe.annotations}
    if recipe.epoch is not None and CREATED not in about:
        moment = datetime.fromtimestamp(recipe.epoch, UTC)
        about[CREATED] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**sections, MANIFEST_SECTION: about}


def _encoded(manifest: Mapping[str, Any], recipe: Recipe) -> bytes:
    """Return oras-py's manifest in the form and order of oras: artifactType, the empty blob."""
    config = replace(Descriptor.from_json(manifest["config"]), data=_EMPTY_DATA)
    layers = [Descriptor.from_json(layer) for layer in manifest["layers"]] or [config]
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": recipe.artifact_type,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
        "subject": manifest["subject"],
    }
    annotations = manifest["annotations"]
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return encode(document, compact=True)
