"""What a cell hands over and what it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.plan import CellId


@dataclass(frozen=True, slots=True, kw_only=True)
class PushImage:
    """The node pushes the image by digest, without a tag.

    Attributes:
        repositories: ``host/path`` without tag or digest; at least one.
        insecure: Plain HTTP is allowed.
        names: The tags the index will get; provenance names them, nothing is pushed there.
        attrs: Exporter attributes (compression, annotations ...), already stringified.
        published: What the tags stand for in the first repository, as far as it is known. If one
            of these has the image already, with attestations that differ in nothing but time,
            nothing need be pushed: see `CellResult.exports`.
    """

    repositories: tuple[str, ...]
    insecure: bool = False
    names: tuple[str, ...] = ()
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])
    published: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveImage:
    """The node sends the image's blobs into an OCI layout directory (made if missing).

    Blobs are shared and verified as they come in; ``index.json`` is not touched.
    """

    layout: Path
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreImage:
    """The node keeps the image in its own image store under these names."""

    names: tuple[str, ...]
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveTree:
    """The node sends the root file system into a directory; merges, deletes nothing."""

    directory: Path
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveTar:
    """The node sends the root file system as one tar file, renamed into place when complete."""

    file: Path
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])


ExportRequest = PushImage | SaveImage | StoreImage | SaveTree | SaveTar


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """The outcome of one cell.

    Attributes:
        exports: For each export request, in order, the root descriptor of the image that was
            handed over (a manifest, or an index where attestations came along); None for
            requests that make no image. An index whose descriptor has a platform may be for
            others as well: only what it has for that platform is meant.
        metadata: The engine's response of the last export, values decoded where they are JSON;
            becomes part of the metadata file.
        ref: The build's identity on its node: ``builder/node/ref``.
    """

    cell: CellId
    exports: tuple[Descriptor | None, ...]
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    ref: str = ""
