"""Removing from an OCI layout what nothing in its ``index.json`` leads to.

Everything in a layout can be seen. What is new stays: somebody may be about to list it, and a
writer that found a blob there touches it (`OciLayout.exists`). The rest goes while ``index.json``
is locked, after that file has stopped to list it: names first, then documents, then blobs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bakex._util.atomic import fsync_directory
from bakex.errors import ContentError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.garbage import Doomed, Garbage
from bakex.model.index import Index
from bakex.model.media_types import MAX_MANIFEST_SIZE, is_document
from bakex.oci.reach import Case, Links, judge, listed_subject, short
from bakex.oci.verified import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.model.garbage import Wishes
    from bakex.model.manifest import ImageManifest
    from bakex.oci.layout import OciLayout
    from bakex.oci.layout_index import LayoutIndex
    from bakex.oci.reach import Verdict

_BLOB = "application/octet-stream"
_MENTIONED = re.compile(rb"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})")
_NOT_LISTED = "nothing in index.json leads to it"


class LayoutGarbage:
    """One collection: `plan`, then `apply`, which looks at everything again."""

    def __init__(self, layout: OciLayout, wishes: Wishes) -> None:
        """Take the layout and what is asked for.

        Raises:
            UsageError: Something is asked for that makes sense for registries only.
        """
        if wishes.candidates:
            raise UsageError(
                "candidates are for registries", hint="a layout shows all that it has by itself"
            )
        self._layout = layout
        self._wishes = wishes

    def plan(self) -> Garbage:
        """Find out what is to go. Nothing is changed. Blocking.

        Raises:
            ContentError: It cannot be told what something that is listed leads to.
        """
        return _Look(self._layout, self._wishes).garbage()

    async def apply(self) -> Garbage:
        """Remove it, and return what was removed; after a failure another run goes on from there.

        Raises:
            ContentError: It cannot be told what something that is listed leads to.
            OutputError: The layout cannot be written, or is locked for too long.
        """
        async with self._layout.changing():
            found = _Look(self._layout, self._wishes)
            garbage = found.garbage()
            with self._layout.writing():
                gone = {item.descriptor.digest for item in garbage.doomed}
                if garbage.untagged or any(item.tags for item in garbage.doomed):
                    self._layout.replace_index(found.index.without(gone, garbage.untagged))
                for item in garbage.doomed:
                    self._layout.path(item.descriptor.digest).unlink(missing_ok=True)
                for algorithm in {digest.algorithm for digest in gone}:
                    fsync_directory(self._layout.root / "blobs" / algorithm)
        return garbage.done()


class _Look:
    """What a layout has, and what leads to what in it."""

    def __init__(self, layout: OciLayout, wishes: Wishes) -> None:
        self._layout = layout
        self._wishes = wishes
        self.index: LayoutIndex = layout.index()
        self._tags, self._roots = self.index.named()
        self._links = Links()
        self._documents: dict[Digest, ImageManifest | Index] = {}
        self._unknown: set[Digest] = set()  # documents of kinds that bakex does not know
        self._files = {digest: (size, at) for digest, size, at in layout.files()}
        for digest, (size, _) in self._files.items():
            self._read(digest, size)
        for name, digest in self._tags.items():
            about = listed_subject(name)
            if about is not None:
                self._links.belongs(digest, about)

    def garbage(self) -> Garbage:
        """Return what is to go.

        Raises:
            ContentError: It cannot be told what something that is listed leads to.
        """
        fated = set(self._fated())
        held = {d for d, (_, at) in self._files.items() if at > self._wishes.held_since}
        verdict = self._judged(fated, held)
        doomed = [self._doomed(d, verdict.doomed[d]) for d in self._links.order(verdict.doomed)]
        taken = {name for item in doomed for name in item.tags}
        missing = sorted(verdict.kept - self._files.keys())
        few = ", ".join(short(digest) for digest in missing[:3])
        note = f"What stays leads to {len(missing)} that are missing: {few}."
        kept = verdict.kept & self._documents.keys()
        referrers = sum(self._links.is_referrer(digest) for digest in kept)
        names = self._tags.keys() - taken - fated
        return Garbage(
            place=str(self._layout.root),
            doomed=tuple(doomed),
            untagged=tuple(sorted(fated - taken)),
            kept={
                "tags": sum(listed_subject(name) is None for name in names),
                "manifests": len(kept) - referrers,
                "referrers": referrers,
                "held": len(verdict.held),
            },
            notes=(note,) if missing else (),
        )

    def _read(self, digest: Digest, size: int) -> None:
        if size > MAX_MANIFEST_SIZE:
            return
        with self._layout.opened(digest) as file:
            raw = file.read(1)
            if raw != b"{":
                return
            raw += file.read(MAX_MANIFEST_SIZE)
        if Digest.of(raw, digest.algorithm) != digest:
            return
        try:
            document = parse_document(raw)
        except ContentError:
            if b'"mediaType"' in raw:
                # Whatever it is, what it names stays with it.
                self._unknown.add(digest)
                named = (Digest.parse(found.decode()) for found in _MENTIONED.findall(raw))
                self._links.add(digest, named)
            return
        self._documents[digest] = document
        self._links.add_document(digest, document)

    def _fated(self) -> Iterator[str]:
        before = self._wishes.older_than
        for name, digest in self._tags.items():
            if listed_subject(name) is None and any(
                fnmatchcase(name, pattern) for pattern in self._wishes.delete_tags
            ):
                at = self._files[digest][1] if digest in self._files else None
                if before is None or (at is not None and at < before):
                    yield name

    def _judged(self, fated: set[str], held: set[Digest]) -> Verdict:
        about = {subject for name in self._tags if (subject := listed_subject(name)) is not None}
        case = Case(
            tags=self._tags,
            doomed_tags=fated,
            candidates=dict.fromkeys(self._files, _NOT_LISTED),
            held=self._roots | held,
            missing=about - self._files.keys(),
        )
        found = judge(self._links, case)
        self._check_known(found.kept)
        doomed = {digest: why for digest, why in found.doomed.items() if digest in self._files}
        return replace(found, doomed=doomed)

    def _check_known(self, kept: frozenset[Digest]) -> None:
        """Make sure that all documents that stay could be read.

        Raises:
            ContentError: One could not; what it leads to might be removed.
        """
        listed = [*self.index.entries]
        for digest in kept & self._documents.keys():
            listed.extend(self._documents[digest].children)
        for entry in listed:
            digest = entry.digest
            known = digest in self._documents or digest in self._unknown
            if is_document(entry.media_type) and digest in kept & self._files.keys() and not known:
                raise ContentError(
                    f"cannot tell what {digest} in {self._layout.root} leads to",
                    detail="It is damaged, or too large.",
                    hint="put the image there again, or take it out of index.json",
                )

    def _doomed(self, digest: Digest, reason: str) -> Doomed:
        size = self._files[digest][0]
        document = self._documents.get(digest)
        kind, media_type = "blob", _BLOB
        if document is not None:
            kind = "index" if isinstance(document, Index) else "manifest"
            media_type = document.media_type
        return Doomed(
            descriptor=Descriptor(media_type=media_type, digest=digest, size=size),
            kind=kind,
            reason=reason,
            tags=tuple(name for name, found in self._tags.items() if found == digest),
            frees=size,
        )
