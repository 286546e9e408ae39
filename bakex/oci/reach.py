"""What leads to what among manifests, and what nothing leads to; digests only, nothing is read.

* An index leads to its manifests, a manifest to its config and layers.
* What has a ``subject`` belongs to it: signatures, SBOMs and the like stay with what they are
  about, and what they are about stays with them if they have a tag of their own.
* Lists of referrers have tags, ``sha256-HEX``, and so have signatures in cosign's form,
  ``sha256-HEX.sig``. Such a tag protects nothing by itself: it goes when its subject goes, and when
  its subject is gone. While the subject is there although nothing else leads to it, all of it stays
  unless one asks for it: signed images are often used by their digest alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from bakex.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bakex.model.index import Index
    from bakex.model.manifest import ImageManifest

_LIST = re.compile(r"sha256-([0-9a-f]{64})(?:\.[a-z0-9]+)?")


class Links:
    """Which digests lead to which."""

    def __init__(self) -> None:
        self._children: dict[Digest, tuple[Digest, ...]] = {}
        self._subjects: dict[Digest, Digest] = {}
        self._referrers: defaultdict[Digest, dict[Digest, None]] = defaultdict(dict)

    def add(
        self, digest: Digest, children: Iterable[Digest] = (), subject: Digest | None = None
    ) -> None:
        """Take note of a document; idempotent."""
        self._children[digest] = tuple(children)
        if subject is not None:
            self._subjects[digest] = subject
            self.belongs(digest, subject)

    def add_document(self, digest: Digest, document: ImageManifest | Index) -> None:
        """Take note of a document that was read."""
        subject = document.subject.digest if document.subject is not None else None
        self.add(digest, (child.digest for child in document.children), subject)

    def belongs(self, digest: Digest, to: Digest) -> None:
        """Let something go or stay along with something else, whatever it says itself."""
        self._referrers[to][digest] = None

    def is_referrer(self, digest: Digest) -> bool:
        """Return whether something says what it is about."""
        return digest in self._subjects

    def reached(self, roots: Iterable[Digest]) -> set[Digest]:
        """Return the roots with everything that must stay if they do."""
        found: set[Digest] = set()
        waiting = list(roots)
        while waiting:
            digest = waiting.pop()
            if digest in found:
                continue
            found.add(digest)
            waiting.extend(self._below(digest))
            if digest in self._subjects:
                waiting.append(self._subjects[digest])
        return found

    def owned(self, roots: Mapping[Digest, str]) -> dict[Digest, str]:
        """Return the roots with everything that may go along with them, each with a reason.

        Other than in `reached`, a referrer does not take along what it is about. A root that
        belongs to an earlier one is told as that.
        """
        found: dict[Digest, str] = {}
        for root, reason in roots.items():
            found.setdefault(root, reason)
            waiting = list(self._below(root))
            while waiting:
                digest = waiting.pop()
                if digest not in found:
                    found[digest] = f"belongs to {short(root)}"
                    waiting.extend(self._below(digest))
        return found

    def order(self, doomed: Collection[Digest]) -> list[Digest]:
        """Return digests so that each comes before its parts, and before what it is about.

        Removed in this order, nothing is ever there that lacks a part, and what is left after an
        interruption can still be found. Equal input gives equal output.
        """
        sorter: TopologicalSorter[Digest] = TopologicalSorter()
        for digest in sorted(doomed):
            sorter.add(digest)
            parts = {*self._children.get(digest, ()), self._subjects.get(digest, digest)}
            for other in sorted(parts.intersection(doomed) - {digest}):
                sorter.add(other, digest)
        return list(sorter.static_order())

    def _below(self, digest: Digest) -> Iterator[Digest]:
        yield from self._children.get(digest, ())
        yield from self._referrers.get(digest, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known about a place.

    Attributes:
        tags: All of them, with what they stand for.
        doomed_tags: Those that are to go.
        candidates: What else may go, with the reason that is told.
        held: What stays with everything below it although it has no tag.
        missing: Subjects of lists that are known not to be there.
    """

    tags: Mapping[str, Digest]
    doomed_tags: Collection[str] = ()
    candidates: Mapping[Digest, str] = field(default_factory=dict[Digest, str])
    held: Collection[Digest] = ()
    missing: Collection[Digest] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of everything.

    Attributes:
        kept: What stays.
        doomed: What goes, with the reason.
        signed: Subjects without a tag that stay because something refers to them.
        held: What stays for no other reason than that it is held.
    """

    kept: frozenset[Digest]
    doomed: Mapping[Digest, str]
    signed: frozenset[Digest]
    held: frozenset[Digest]


def judge(links: Links, case: Case) -> Verdict:
    """Decide what nothing leads to."""
    lists = {name: about for name in case.tags if (about := listed_subject(name)) is not None}
    roots = {
        digest
        for name, digest in case.tags.items()
        if name not in lists and name not in case.doomed_tags
    }
    owned = links.owned(_candidates(links, case, lists))
    named = links.reached(roots)
    spared = {
        name: about
        for name, about in lists.items()
        if about not in case.missing and about not in owned
    }
    roots.update(case.tags[name] for name in spared)
    plain = links.reached(roots)
    kept = links.reached(roots.union(case.held))
    return Verdict(
        kept=frozenset(kept),
        doomed={digest: reason for digest, reason in owned.items() if digest not in kept},
        signed=frozenset(about for about in spared.values() if about not in named),
        held=frozenset(kept - plain),
    )


def _candidates(links: Links, case: Case, lists: Mapping[str, Digest]) -> dict[Digest, str]:
    found = {
        case.tags[name]: f"only the tag {name} stands for it"
        for name in case.tags
        if name in case.doomed_tags and name not in lists
    }
    for name, about in lists.items():
        if about in case.missing:
            found.setdefault(case.tags[name], f"is about {short(about)}, which is gone")
    for digest in links.order(case.candidates):
        found.setdefault(digest, case.candidates[digest])
    return found


def listed_subject(tag: str) -> Digest | None:
    """Return what a tag lists the referrers or holds a signature of; None for other tags."""
    match = _LIST.fullmatch(tag)
    return Digest("sha256", match[1]) if match is not None else None


def short(digest: Digest) -> str:
    """Return enough of a digest to recognise it."""
    return f"{digest.algorithm}:{digest.hex[:12]}"
