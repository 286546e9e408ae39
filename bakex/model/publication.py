"""What was published or written, how tags are moved, and the report of a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Self

from bakex.errors import BakexError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bakex.model.call import Answer
    from bakex.model.plan import Built, CellId
    from bakex.model.verification import Mode, Verification


class State(StrEnum):
    """What became of a place."""

    PUBLISHED = "published"  # it holds the result, and did not before
    UNCHANGED = "unchanged"  # it held exactly this before
    UNTOUCHED = "untouched"  # publication failed before it was this place's turn
    RESTORED = "restored"  # it held the result for a moment, and is as it was before
    REMOVED = "removed"  # the same for a tag that is new: it is gone again
    LEFT = "left"  # it holds the result although publication failed: it could not be put back
    FOREIGN = "foreign"  # somebody else changed it meanwhile; bakex keeps its hands off

    @property
    def holds_result(self) -> bool:
        """Whether the result is there now."""
        return self in {State.PUBLISHED, State.UNCHANGED, State.LEFT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A place where the result of a target now is, or should be.

    Attributes:
        target: Whose result it is.
        kind: What the place is: ``registry``, ``docker`` (its image store), ``docker-archive``,
            ``oci``, ``local`` or ``tar``.
        place: Reference, file or directory.
        root: What it resolves to; None where the output is not an image.
        platforms: Image manifests of the index, by platform, in index order.
        state: What became of it; never anything but published or unchanged if the run succeeded.
    """

    target: str
    kind: str
    place: str
    root: Descriptor | None = None
    platforms: Mapping[str, Descriptor] = field(default_factory=dict[str, Descriptor])
    state: State = State.PUBLISHED

    @property
    def unchanged(self) -> bool:
        """Whether the place already held exactly this."""
        return self.state is State.UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class TagMove:
    """A tag that is to stand for a result which is complete in the tag's repository.

    Attributes:
        target: Whose result it is.
        reference: The repository and the tag; never a digest.
        root: What the tag will stand for.
        platforms: As in `Publication`.
        insecure: Plain HTTP and unverified TLS are allowed for the host.
        staged: What was pushed to the repository on the way to the result, and is no part of it.
    """

    target: str
    reference: Reference
    root: Descriptor
    platforms: Mapping[str, Descriptor] = field(default_factory=dict[str, Descriptor])
    insecure: bool = False
    staged: tuple[Digest, ...] = ()

    def publication(self, state: State) -> Publication:
        """Return what is said about the tag."""
        return Publication(
            target=self.target,
            kind="registry",
            place=str(self.reference),
            root=self.root,
            platforms=self.platforms,
            state=state,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a tag must stand for before it is moved (``--expect-digest``).

    Attributes:
        pattern: A reference with a tag, or a pattern of ``*`` and ``?`` for references.
        digest: What it must stand for; None for "it must not exist". Ignored with `anything`.
        anything: It may stand for whatever, also if that changes during the build.
    """

    pattern: str
    digest: Digest | None = None
    anything: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``REFERENCE=DIGEST``, ``REFERENCE=none`` or ``REFERENCE=any``.

        Raises:
            UsageError: Not of that form.
        """
        name, equals, value = text.partition("=")
        try:
            pattern = name if _is_pattern(name) else str(_tagged(Reference.parse(name)))
            digest = Digest.parse(value) if value not in {"none", "any"} else None
        except BakexError as error:
            raise UsageError(
                f"invalid expectation {text!r}",
                detail=f"{error.summary[:1].upper()}{error.summary[1:]}." if equals else "",
                hint="write REFERENCE=DIGEST, REFERENCE=none or REFERENCE=any",
            ) from None
        return cls(pattern=pattern, digest=digest, anything=value == "any")

    def format(self) -> str:
        """Write it so that `parse` gives it back."""
        wanted = "any" if self.anything else str(self.digest or "none")
        return f"{self.pattern}={wanted}"

    def covers(self, reference: Reference) -> bool:
        """Return whether it is about a tag."""
        return matches(str(reference), self.pattern)


def matches(name: str, pattern: str) -> bool:
    """Return whether a name is the pattern itself, or of its form."""
    return name == pattern or (_is_pattern(pattern) and fnmatchcase(name, pattern))


def _is_pattern(text: str) -> bool:
    return any(letter in text for letter in "*?")


def _tagged(reference: Reference) -> Reference:
    return reference.tagged(reference.tag_or_latest)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPolicy:
    """How results are published.

    Attributes:
        each: Publish every target as soon as it is done, as buildx does; otherwise no tag of the
            run moves before everything is built, pushed and checked.
        rollback: Put the moved tags back if one cannot be moved.
        expect: What tags must stand for; for the others what they stood for when the run began.
        immutable: Patterns of ``*`` and ``?`` for tags, or for whole references, that must not be
            moved once they exist.
        verify: Which files of images are looked at before tags move; None for what targets say.
    """

    each: bool = False
    rollback: bool = True
    expect: tuple[Expectation, ...] = ()
    immutable: tuple[str, ...] = ()
    verify: Mode | None = None

    def is_immutable(self, reference: Reference) -> bool:
        """Return whether a tag must not be moved once it exists."""
        names = (reference.tag, str(reference))
        return any(matches(name, pattern) for pattern in self.immutable for name in names)

    def expectation(self, reference: Reference) -> Expectation | None:
        """Return what was said about a tag; the last word counts."""
        found = [item for item in self.expect if item.covers(reference)]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What became of one target.

    Attributes:
        root: Descriptor of its index (or single manifest); None if it has no image output.
        metadata: What the metadata file says about it.
        blocked: The cells because of which it was not published; see `TargetBlocked`.
        verified: How the files of its images were looked at.
    """

    name: str
    root: Descriptor | None = None
    publications: tuple[Publication, ...] = ()
    blocked: tuple[CellId, ...] = ()
    verified: tuple[Verification, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a run.

    Attributes:
        targets: One entry for each requested target that was built.
        cells: What was built.
        built: Where and how, and what had been tried before.
        answers: What frontends said about targets that were not built, by target.
    """

    targets: Mapping[str, TargetReport]
    cells: tuple[CellId, ...] = ()
    built: Mapping[CellId, Built] = field(default_factory=dict["CellId", "Built"])
    answers: Mapping[str, Answer] = field(default_factory=dict[str, "Answer"])

    def __getitem__(self, name: str) -> TargetReport:
        """Return the report of a target."""
        return self.targets[name]


def blocked_by(target: str, cells: Sequence[CellId]) -> str:
    """Return in words why a target was not published: ``blocked by app-test (linux/arm64)``."""
    platforms: dict[str, list[str]] = {}
    for cell in cells:
        platforms.setdefault(cell.target, []).append(str(cell.platform))
    own = platforms.pop(target, [])
    others = [f"{name} ({', '.join(found)})" for name, found in platforms.items()]
    parts = [f"failed ({', '.join(own)})"] if own else []
    return ", ".join([*parts, *([f"blocked by {', '.join(others)}"] if others else [])])


def states(publications: Iterable[Publication]) -> str:
    """Return one line for each place: what became of it."""
    return "\n".join(f"{item.state}: {item.place}" for item in publications)
