"""How two images differ: their indexes, platforms, manifests, configs, layers and files.

The first one is called ``a``, the second one ``b``. What is None is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex.model.digest import Digest

SCHEMA_VERSION = 1
EQUAL, CHANGED, ADDED, REMOVED = "equal", "changed", "added", "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A field of a document that differs; JSON's null and an absent field are the same.

    Attributes:
        field: Where it is: ``config.Env.PATH``, ``history[2].created``.
    """

    field: str
    a: object
    b: object

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"field": self.field, "a": self.a, "b": self.b}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """A file, a directory or another entry that the two layers do not have alike.

    Attributes:
        path: Without a slash at its begin.
        a: All that is known of it, by name; ``content`` is the digest of what is in it.
        heads: The beginnings of both contents, as far as they were kept; for `suspects`.
    """

    path: str
    a: Mapping[str, object] | None
    b: Mapping[str, object] | None
    heads: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)

    @property
    def status(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        return ADDED if self.a is None else REMOVED if self.b is None else CHANGED

    @property
    def differs(self) -> tuple[str, ...]:
        """The names of what differs, of an entry that both have."""
        if self.a is None or self.b is None:
            return ()
        keys = dict.fromkeys((*self.a, *self.b))
        return tuple(key for key in keys if self.a.get(key) != self.b.get(key))

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """What sorts those that tell most to the front: times follow from other differences."""
        is_time = self.differs == ("modified",)
        is_directory = is_time and self.a is not None and self.a.get("type") == "directory"
        return is_time, is_directory, self.path

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        sides = {"a": self.a, "b": self.b}
        return {
            "path": self.path,
            "status": self.status,
            "differs": list(self.differs),
            **{side: dict(state) for side, state in sides.items() if state is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The first entry that stands elsewhere among those that both layers have; positions from 1."""

    path: str
    a: int
    b: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"path": self.path, "a": self.a, "b": self.b}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSide:
    """One of two layers.

    Attributes:
        number: Its place in the image, from 1, the lowest first.
        diff_id: Its digest without compression, as the config says it; empty if it does not.
        created_by: What made it, as the config's history says it; empty if it does not.
    """

    number: int
    digest: Digest
    size: int
    media_type: str
    diff_id: str = ""
    created_by: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "number": self.number,
            "digest": str(self.digest),
            "size": self.size,
            "mediaType": self.media_type,
            "diffId": self.diff_id,
            "createdBy": self.created_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDifference:
    """Two layers that are not the same bytes, or one that the other image has not.

    Attributes:
        files: What differs in them, not more than were asked for: by path, and those of which
            only the time differs at the end.
        counts: How many there are in all, by status.
        moved: Whether, and where, the order of the entries differs.
        changes: What differs in it if it is JSON, as in attestations.
        notes: What else is to be said, a sentence each.
    """

    a: LayerSide | None
    b: LayerSide | None
    files: tuple[FileDifference, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    moved: Moved | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def side(self) -> LayerSide:
        """One of the two that is there."""
        side = self.a or self.b
        assert side is not None  # noqa: S101 - a difference has a side
        return side

    @property
    def status(self) -> str:
        """``added``, ``removed``, ``compression`` or ``changed``."""
        if self.a is None:
            return ADDED
        if self.b is None:
            return REMOVED
        same = self.a.diff_id and self.a.diff_id == self.b.diff_id
        return "compression" if same else CHANGED

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "status": self.status,
            "a": self.a.to_json() if self.a else None,
            "b": self.b.to_json() if self.b else None,
            "files": [file.to_json() for file in self.files],
            "counts": dict(self.counts),
            "moved": self.moved.to_json() if self.moved else None,
            "changes": _listed(self.changes),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDifference:
    """The images of one platform, or the attestations of one.

    Attributes:
        name: The platform, or ``attestation of`` one.
        a: Digest of the manifest; likewise `b`.
        layers: Those that differ.
        of: How many layers the images have, the larger number.
    """

    name: str
    a: Digest | None
    b: Digest | None
    manifest: tuple[Change, ...] = ()
    config: tuple[Change, ...] = ()
    layers: tuple[LayerDifference, ...] = ()
    of: int = 0

    @property
    def status(self) -> str:
        """``equal``, ``added``, ``removed`` or ``changed``."""
        if self.a == self.b:
            return EQUAL
        return ADDED if self.a is None else REMOVED if self.b is None else CHANGED

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "name": self.name,
            "status": self.status,
            "a": str(self.a) if self.a else None,
            "b": str(self.b) if self.b else None,
            "manifest": _listed(self.manifest),
            "config": _listed(self.config),
            "layers": [layer.to_json() for layer in self.layers],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two images of any number of platforms.

    Attributes:
        a: Name and digest; likewise `b`.
        index: What differs in the indexes themselves.
        images: One for each platform that one of them has, in the order of ``a``.
        attested: Whether attestations were looked at.
    """

    a: tuple[str, Digest]
    b: tuple[str, Digest]
    index: tuple[Change, ...] = ()
    images: tuple[ImageDifference, ...] = ()
    attested: bool = False

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs that was looked at."""
        return not self.index and all(image.status == EQUAL for image in self.images)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            "schemaVersion": SCHEMA_VERSION,
            "equal": self.is_equal,
            "a": {"name": self.a[0], "digest": str(self.a[1])},
            "b": {"name": self.b[0], "digest": str(self.b[1])},
            "attestations": self.attested,
            "index": _listed(self.index),
            "images": [image.to_json() for image in self.images],
        }


def _listed(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [change.to_json() for change in changes]
