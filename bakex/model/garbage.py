"""What nothing leads to any more: what is to go, why, and what stays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest

HELD_S = 3600.0  # what was untagged or written for less than that may be about to get a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a collection is asked for.

    Attributes:
        delete_tags: Patterns of tags that are to go, with what only they lead to.
        older_than: Of these, only images that were created before; None for all.
        held_since: What became untagged, or was written, after this stays; as far as that is known.
        candidates: What is to go if nothing leads to it.
    """

    delete_tags: tuple[str, ...] = ()
    older_than: datetime | None = None
    held_since: datetime
    candidates: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """Something that is to go.

    Attributes:
        kind: ``index``, ``image``, ``attestation``, ``artifact``, ``manifest`` or ``blob``.
        reason: Why, in a few words.
        tags: The tags that go with it.
        frees: Bytes of its own, and of those blobs below it that nothing else needs.
    """

    descriptor: Descriptor
    kind: str
    reason: str
    tags: tuple[str, ...] = ()
    frees: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "digest": str(self.descriptor.digest),
            "mediaType": self.descriptor.media_type,
            "size": self.descriptor.size,
            "kind": self.kind,
            "reason": self.reason,
            "tags": list(self.tags),
            "frees": self.frees,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What one place has to get rid of.

    Attributes:
        place: The repository or layout.
        doomed: In the order in which it goes: what refers to something before that.
        untagged: Tags that go while what they stand for stays.
        kept: How many ``tags``, ``manifests`` and ``referrers`` stay, and how many are ``held``:
            they stay for no other reason than that they are new, or that a publication needs them.
        notes: What the user should know, a sentence each.
        applied: Whether it is gone; otherwise nothing was touched.
    """

    place: str
    doomed: tuple[Doomed, ...] = ()
    untagged: tuple[str, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()
    applied: bool = False

    @property
    def frees(self) -> int:
        """Bytes in all."""
        return sum(item.frees for item in self.doomed)

    def done(self, left: Collection[Digest] = ()) -> Self:
        """Return what was removed, given what was left after all."""
        gone = tuple(item for item in self.doomed if item.descriptor.digest not in left)
        notes = self.notes
        if len(gone) < len(self.doomed):
            notes = (*notes, f"{len(self.doomed) - len(gone)} got a name meanwhile, and stay.")
        return replace(self, doomed=gone, notes=notes, applied=True)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "place": self.place,
            "applied": self.applied,
            "frees": self.frees,
            "remove": [item.to_json() for item in self.doomed],
            "untag": list(self.untagged),
            "keep": dict(self.kept),
            "notes": list(self.notes),
        }
