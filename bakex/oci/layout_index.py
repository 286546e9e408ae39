"""The ``index.json`` of a layout: which roots it lists, and under which names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

from bakex.errors import ContentError
from bakex.model.documents import encode
from bakex.model.index import Index
from bakex.model.media_types import IMAGE_NAME, OCI_INDEX, REF_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest

EMPTY = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutIndex:
    """The document's bytes with its entries; what bakex does not know in it is kept."""

    raw: bytes
    index: Index

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read ``index.json``; its mediaType is optional.

        Raises:
            ContentError: Malformed.
        """
        return cls(raw=raw, index=Index.parse(raw, OCI_INDEX))

    @property
    def entries(self) -> tuple[Descriptor, ...]:
        """The roots, in their order."""
        return self.index.manifests

    def find(self, name: str) -> Descriptor | None:
        """Return the root of a full image name, a tag or a digest; None if there is none.

        The annotations that carry the names are not part of the result.

        Raises:
            ContentError: The tag is that of several different images.
        """
        for key in (IMAGE_NAME, REF_NAME):
            found = [entry for entry in self.entries if entry.annotations.get(key) == name]
            if len({entry.digest for entry in found}) > 1:
                raise ContentError(
                    f"{name!r} stands for several images", hint="write the full image name"
                )
            if found:
                return _bare(found[0])
        return next((_bare(entry) for entry in self.entries if str(entry.digest) == name), None)

    def entered(self, entries: Sequence[tuple[Descriptor, str]]) -> Self:
        """Return the index with roots added at its end, each in place of what had its name."""
        raw = cast("list[dict[str, Any]]", self.index.fields["manifests"])
        kept = list(zip(self.entries, raw, strict=True))
        for descriptor, name in entries:
            named = _named(descriptor, name)
            label = _label(named)
            kept = [pair for pair in kept if _label(pair[0]) != label]
            kept.append((named, named.to_json()))
        document = {**self.index.fields, "manifests": [document for _, document in kept]}
        return type(self).parse(encode(document))

    def named(self) -> tuple[dict[str, Digest], set[Digest]]:
        """Return what each name stands for, and the roots without a name of their own.

        A name that several different roots have is none.
        """
        found: dict[str, set[Digest]] = {}
        for entry in self.entries:
            found.setdefault(_label(entry), set()).add(entry.digest)
        names = {
            name: digest
            for name, digests in found.items()
            for digest in digests
            if len(digests) == 1 and name != str(digest)
        }
        others = {one for name, all_ in found.items() if name not in names for one in all_}
        return names, others

    def without(self, digests: Collection[Digest], names: Collection[str]) -> Self:
        """Return the index without the entries of some roots and of some names."""
        raw = cast("list[dict[str, Any]]", self.index.fields["manifests"])
        kept = [
            document
            for entry, document in zip(self.entries, raw, strict=True)
            if entry.digest not in digests and _label(entry) not in names
        ]
        return type(self).parse(encode({**self.index.fields, "manifests": kept}))


def split_name(name: str) -> tuple[str, str]:
    """Return the full image name and the tag of a name; a bare tag has no full name."""
    path, _, last = name.rpartition("/")
    if not path and ":" not in name:
        return "", name
    return name, last.partition(":")[2]


def _named(descriptor: Descriptor, name: str) -> Descriptor:
    full, tag = split_name(name)
    names = {key: value for key, value in ((IMAGE_NAME, full), (REF_NAME, tag)) if value}
    return replace(_bare(descriptor), annotations={**_bare(descriptor).annotations, **names})


def _bare(entry: Descriptor) -> Descriptor:
    rest = {k: v for k, v in entry.annotations.items() if k not in {IMAGE_NAME, REF_NAME}}
    return replace(entry, annotations=rest)


def _label(entry: Descriptor) -> str:
    """Return what makes two entries the same one: a name, or the digest where there is none."""
    names = entry.annotations
    return names.get(IMAGE_NAME) or names.get(REF_NAME) or str(entry.digest)
