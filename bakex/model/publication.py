"""What was published or written, and the report of a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.model.descriptor import Descriptor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.plan import CellId


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A place where the result of a target now is.

    Attributes:
        target: Whose result it is.
        kind: What the place is: ``registry``, ``docker`` (its image store), ``docker-archive``,
            ``oci``, ``local`` or ``tar``.
        place: Reference, file or directory.
        root: What it resolves to; None where the output is not an image.
        platforms: Image manifests of the index, by platform, in index order.
        unchanged: The place already held exactly this.
    """

    target: str
    kind: str
    place: str
    root: Descriptor | None = None
    platforms: Mapping[str, Descriptor] = field(default_factory=dict[str, Descriptor])
    unchanged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What became of one target.

    Attributes:
        root: Descriptor of its index (or single manifest); None if it has no image output.
        metadata: What the metadata file says about it.
    """

    name: str
    root: Descriptor | None = None
    publications: tuple[Publication, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a run that succeeded: one entry for each requested target."""

    targets: Mapping[str, TargetReport]
    cells: tuple[CellId, ...] = ()

    def __getitem__(self, name: str) -> TargetReport:
        """Return the report of a target."""
        return self.targets[name]
