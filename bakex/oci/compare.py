"""What differs between two images: by platform, then manifest, config, layers and files.

* Platforms are brought together by name; what has the same digest is not looked at any further.
* Layers are brought together by what they are without compression: where one was put in between,
  the others still meet. Those that are left meet by their places.
* Layers that differ in their compression only, as the configs say it, are not looked into; what is
  looked into must be what its config says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

from bakex.errors import ContentError
from bakex.model.difference import Change, Comparison, ImageDifference, LayerDifference, LayerSide
from bakex.model.digest import Digest
from bakex.model.documents import load_object
from bakex.model.index import Index
from bakex.model.media_types import MIB, is_foreign
from bakex.oci.compare_documents import changes
from bakex.oci.compare_layers import compare_contents
from bakex.oci.layers import entries
from bakex.oci.parts import MAX_DEPTH
from bakex.oci.verified import read, read_config, read_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageConfig, ImageManifest
    from bakex.model.platform import Platform

_MAX_JSON = 32 * MIB  # SBOMs; what is larger is not looked into
_KNOWN = ("config", "layers")  # fields of manifests that are compared by what they lead to


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two images that are compared.

    Attributes:
        name: What messages and reports call it.
        root: Its index, or its only manifest.
        store: Where it is.
    """

    name: str
    root: Descriptor
    store: ContentReader


async def compare(a: Side, b: Side, *, files: int, attestations: bool = False) -> Comparison:
    """Return what differs between two images.

    Args:
        a: The first one.
        b: The second one.
        files: How many files to tell of for each layer; all are counted.
        attestations: Compare them, too.

    Raises:
        ContentError: Something is missing, malformed, or not what it is said to be.
        RegistryError: A registry refused or failed.
    """
    left, right = await _Listing.of(a), await _Listing.of(b)
    index = tuple(_index_changes(left, right))
    one, other = left.images, right.images
    if attestations:
        one, other = one | left.attestations, other | right.attestations
    pair = _Pair(a, b, files)
    names = dict.fromkeys((*one, *other))
    return Comparison(
        a=(a.name, a.root.digest),
        b=(b.name, b.root.digest),
        index=index,
        images=tuple([await pair.image(name, one.get(name), other.get(name)) for name in names]),
        attested=attestations,
    )


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a root lists: the entries for each platform, and what is said about them."""

    document: ImageManifest | Index
    images: dict[str, Descriptor]
    attestations: dict[str, Descriptor]

    @classmethod
    async def of(cls, side: Side) -> _Listing:
        document = await read_document(side.store, side.root)
        listing = cls(document, {}, {})
        # Not the root as it was found: what a layout says about it, such as its name, is no part of
        # the image.
        await listing._add(side.store, document.descriptor, document, depth=1)
        return listing

    async def _add(
        self,
        store: ContentReader,
        descriptor: Descriptor,
        document: ImageManifest | Index,
        *,
        depth: int,
    ) -> None:
        if not isinstance(document, Index):
            _enter(self.images, await _platform(store, document), descriptor)
            return
        if depth > MAX_DEPTH:
            raise ContentError(f"the index {descriptor.digest} is nested too deeply")
        for entry in document.images:
            # What names its platform is not read: it may be equal to the other one.
            if entry.platform is not None:
                _enter(self.images, _named(entry.platform, entry.raw_platform), entry)
                continue
            await self._add(store, entry, await read_document(store, entry), depth=depth + 1)
        names = {entry.digest: name for name, entry in self.images.items()}
        for entry in document.attestations:
            subject = entry.subject
            about = names.get(subject, str(subject)) if subject else "nothing"
            _enter(self.attestations, f"attestation of {about}", entry)


def _enter(entries: dict[str, Descriptor], name: str, entry: Descriptor) -> None:
    """Add an entry under its name; others of one name are numbered."""
    number, key = 1, name
    while key in entries:
        number += 1
        key = f"{name} ({number})"
    entries[key] = entry


async def _platform(store: ContentReader, manifest: ImageManifest) -> str:
    if not manifest.is_image:
        return manifest.artifact_type or manifest.config.media_type
    config = await read_config(store, manifest)
    return _named(config.platform, config.raw_platform)


def _named(platform: Platform, raw: Mapping[str, Any]) -> str:
    return str(replace(platform, os_version=str(raw.get("os.version") or "")))


def _index_changes(a: _Listing, b: _Listing) -> Iterator[Change]:
    left, right = a.document, b.document
    if isinstance(left, Index) and isinstance(right, Index):
        yield from changes(left.fields, right.fields, ignored=("manifests",))
    elif isinstance(left, Index) or isinstance(right, Index):
        yield Change(field="mediaType", a=left.media_type, b=right.media_type)
        return
    shared = [name for name in a.images if name in b.images]
    order = [name for name in b.images if name in a.images]
    if shared != order:
        yield Change(field="order of the platforms", a=shared, b=order)
    for name in shared:
        one, other = (side.images[name].to_json() for side in (a, b))
        for change in changes(one, other, ignored=("digest", "size")):
            yield Change(field=f"manifests[{name}].{change.field}", a=change.a, b=change.b)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two stores that hold the parts of two images."""

    a: Side
    b: Side
    files: int

    async def image(self, name: str, a: Descriptor | None, b: Descriptor | None) -> ImageDifference:
        if a is None or b is None or a.digest == b.digest:
            digests = [side.digest if side else None for side in (a, b)]
            return ImageDifference(name=name, a=digests[0], b=digests[1])
        left, right = await _read(self.a.store, a), await _read(self.b.store, b)
        config: tuple[Change, ...] = ()
        if left.config and right.config:
            config = changes(left.config.fields, right.config.fields, ignored=("rootfs",))
        return ImageDifference(
            name=name,
            a=a.digest,
            b=b.digest,
            manifest=tuple(_manifest_changes(left, right)),
            config=config,
            layers=tuple([layer async for layer in self._layers(left, right)]),
            of=max(len(left.sides), len(right.sides)),
        )

    async def _layers(self, a: _Image, b: _Image) -> AsyncIterator[LayerDifference]:
        for left, right in _brought_together(a.sides, b.sides):
            if left is None or right is None:
                yield LayerDifference(a=left, b=right)
            elif left.digest != right.digest:
                yield await self._layer(a, b, left, right)

    async def _layer(
        self, a: _Image, b: _Image, left: LayerSide, right: LayerSide
    ) -> LayerDifference:
        difference = LayerDifference(a=left, b=right)
        if difference.status == "compression":
            return difference
        one, other = a.manifest.layers[left.number - 1], b.manifest.layers[right.number - 1]
        kinds = {_kind(one), _kind(other)}
        if kinds == {"tar"}:
            return await self._contents(one, other, difference)
        if kinds == {"json"}:
            documents = [
                load_object(await read(side.store, blob, limit=_MAX_JSON), "the layer", _MAX_JSON)
                for side, blob in ((self.a, one), (self.b, other))
            ]
            return replace(difference, changes=changes(*documents))
        return replace(difference, notes=("its content is not one that can be looked into",))

    async def _contents(
        self, one: Descriptor, other: Descriptor, difference: LayerDifference
    ) -> LayerDifference:
        diff_ids = [
            Digest.parse(side.diff_id) if side and side.diff_id else None
            for side in (difference.a, difference.b)
        ]
        found = await compare_contents(
            entries(self.a.store, one, diff_id=diff_ids[0]),
            entries(self.b.store, other, diff_id=diff_ids[1]),
            most=self.files,
        )
        notes: tuple[str, ...] = ()
        if not any(found.counts.values()) and found.moved is None:
            notes = ("all files are equal, the archives differ in their form only",)
        return replace(
            difference, files=found.files, counts=found.counts, moved=found.moved, notes=notes
        )


@dataclass(frozen=True, slots=True)
class _Image:
    manifest: ImageManifest
    config: ImageConfig | None
    sides: tuple[LayerSide, ...]


async def _read(store: ContentReader, descriptor: Descriptor) -> _Image:
    manifest = await read_document(store, descriptor)
    if isinstance(manifest, Index):
        raise ContentError(
            f"{descriptor.digest} is listed for a platform, and is an index",
            hint="compare the indexes inside by their digests",
        )
    config = await read_config(store, manifest) if manifest.is_image else None
    return _Image(manifest, config, tuple(_sides(manifest, config)))


def _sides(manifest: ImageManifest, config: ImageConfig | None) -> Iterator[LayerSide]:
    diff_ids = [str(digest) for digest in config.diff_ids] if config else []
    makers = _makers(config) if config else []
    count = len(manifest.layers)
    for number, layer in enumerate(manifest.layers):
        yield LayerSide(
            number=number + 1,
            digest=layer.digest,
            size=layer.size,
            media_type=layer.media_type,
            diff_id=diff_ids[number] if len(diff_ids) == count else "",
            created_by=makers[number] if len(makers) == count else "",
        )


def _makers(config: ImageConfig) -> list[str]:
    """Return what the history says about each layer."""
    history = config.fields.get("history")
    found: list[str] = []
    for entry in cast("list[object]", history) if isinstance(history, list) else []:
        fields = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        if not fields.get("empty_layer"):
            found.append(str(fields.get("created_by") or fields.get("comment") or ""))
    return found


def _manifest_changes(a: _Image, b: _Image) -> Iterator[Change]:
    yield from changes(a.manifest.fields, b.manifest.fields, ignored=_KNOWN)
    one, other = a.manifest.config, b.manifest.config
    opaque = not (a.config and b.config) and one.digest != other.digest
    ignored = () if opaque else ("digest", "size")
    for change in changes(one.to_json(), other.to_json(), ignored=ignored):
        yield Change(field=f"config.{change.field}", a=change.a, b=change.b)


def _brought_together(
    a: Sequence[LayerSide], b: Sequence[LayerSide]
) -> Iterator[tuple[LayerSide | None, LayerSide | None]]:
    left, right = ([side.diff_id or str(side.digest) for side in sides] for sides in (a, b))
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for _, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        yield from zip_longest(a[a_from:a_to], b[b_from:b_to])


def _kind(layer: Descriptor) -> str:
    if is_foreign(layer.media_type):
        return ""
    if layer.media_type.endswith("json"):
        return "json" if layer.size <= _MAX_JSON else ""
    return "tar" if ".tar" in layer.media_type else ""
