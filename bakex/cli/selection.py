"""From options to targets: what `bake` and `plan` have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.cli.streams import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Backend
    from bakex.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The options that say what is to be built, and how it differs from what the files say."""

    files: Sequence[str] | None
    targets: Sequence[str] | None
    set: Sequence[str] | None
    variables: Sequence[str] | None
    platform: Sequence[str] | None
    output: Sequence[str] | None
    push: bool | None
    load: bool | None
    no_cache: bool | None
    pull: bool | None
    provenance: str
    sbom: str


def select(selection: Selection, backend: Backend, settings: Settings) -> Resolution:
    """Return the targets that the options select.

    Raises:
        UsageError: An option that cannot be read.
        DefinitionError: What is selected cannot be built like that.
    """
    from bakex.bake.flags import Flags, as_overrides  # noqa: PLC0415 - start-up budget

    platforms = [item for text in selection.platform or () for item in text.split(",") if item]
    flags = Flags(
        set=selection.set or (),
        push=bool(selection.push),
        load=bool(selection.load),
        no_cache=selection.no_cache,
        pull=selection.pull,
        sbom=selection.sbom,
        provenance=selection.provenance,
        platform=platforms,
        output=selection.output or (),
    )
    return backend.define(
        settings,
        files=selection.files or (),
        targets=selection.targets or (),
        overrides=as_overrides(flags),
        variables=selection.variables or (),
    )


def warn(resolution: Resolution) -> None:
    """Print what is odd about a resolution; for commands that have no display to show it."""
    if resolution.warnings:
        from bakex.cli.failures import shown  # noqa: PLC0415 - start-up budget

        say("\n\n".join(shown(resolution.warnings)))
