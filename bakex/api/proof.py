"""Proof, before anything becomes visible, that the files of images can run on their platforms.

Images are read back from where they were pushed, or from the layouts of the run; those that a
node keeps in its own store are not, because they are visible already. What was verified in an
earlier run is not verified again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bakex._util.atomic import write_file
from bakex._version import __version__
from bakex.api.platforms import catalogue
from bakex.api.verification import layer_facts
from bakex.diagnostics import Diagnostic
from bakex.errors import ArchitectureError, BakexError
from bakex.events import ImageVerified, WarningRaised
from bakex.model.digest import Digest
from bakex.model.reference import Reference
from bakex.model.result import PushImage, SaveImage
from bakex.model.verification import DEFAULT, Cost, Mode, Verification, Wishes
from bakex.oci.layout import OciLayout
from bakex.verification.image import listed, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, ContentReader, Registry
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageManifest
    from bakex.model.plan import Cell, CellId
    from bakex.model.platform import Platform
    from bakex.model.publication import Report
    from bakex.model.result import CellResult, ExportRequest
    from bakex.platforms.catalogue import Catalogue
    from bakex.verification.facts import Facts

_NAMED = 20  # findings in one message
_ALLOW = 'or allow it: verify-allow = ["{}"]'


class Proof:
    """Verifies the images of one run.

    Args:
        settings: Where data files and what was found out before are.
        registry: Where pushed images are.
        events: Gets an `ImageVerified` for each image, and warnings.
        clock: Dates them.
        mode: Takes the place of what targets say; None to do as they say.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        events: EventSink,
        clock: Clock,
        *,
        mode: Mode | None = None,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._events = events
        self._clock = clock
        self._mode = mode
        self._records = Verified(settings.state / "verified")
        self._known: tuple[Catalogue, Facts] | None = None
        self._results: dict[str, dict[str, Verification]] = {}  # of targets, by digest

    async def check(
        self,
        cells: Sequence[Cell],
        requests: Mapping[CellId, Sequence[ExportRequest]],
        results: Mapping[CellId, CellResult],
    ) -> None:
        """Verify what some cells have handed over.

        Args:
            cells: The cells.
            requests: What each was asked for, in the order of what it handed over.
            results: What that is.

        Raises:
            ArchitectureError: A file cannot run on the platform of its image.
            ContentError: An image cannot be read back.
            RegistryError: The registry refused or failed.
            ConfigError: A data file about platforms is malformed.
        """
        bad: list[tuple[Cell, Verification]] = []
        for cell in cells:
            wishes = self._wishes(cell)
            if wishes.mode is Mode.OFF:
                continue
            for reader, root in self._images(requests[cell.id], results[cell.id]):
                for manifest, platform in await listed(reader, root):
                    listed_for = platform or cell.platform
                    if root.platform not in {None, listed_for}:
                        continue  # an index that is there already, and has more than is meant
                    found = await self._image(cell, reader, manifest, listed_for, wishes)
                    if found.errors:
                        bad.append((cell, found))
        if bad:
            raise _refusal(bad)

    def noted(self, report: Report) -> Report:
        """Return a report that says how its images were verified, too."""
        targets = dict(report.targets)
        for name in self._results.keys() & targets.keys():
            found = tuple(self._results[name].values())
            told = {"bakex.verification": [result.to_json() for result in found]}
            metadata = {**targets[name].metadata, **told}
            targets[name] = replace(targets[name], verified=found, metadata=metadata)
        return replace(report, targets=targets)

    def _wishes(self, cell: Cell) -> Wishes:
        said = cell.target.verify
        return Wishes(
            mode=self._mode or (Mode.parse(said) if said else DEFAULT),
            allow=cell.target.verify_allow,
        )

    def _images(
        self, requests: Sequence[ExportRequest], result: CellResult
    ) -> Iterator[tuple[ContentReader, Descriptor]]:
        """Yield what can be read back of a cell's images, each once."""
        seen: set[Digest] = set()
        # What is handed over for other cells comes last, and is not asked for here.
        for request, root in zip(requests, result.exports, strict=False):
            if root is None or root.digest in seen:
                continue
            if isinstance(request, PushImage):
                place = Reference.parse(request.repositories[0])
                seen.add(root.digest)
                yield self._registry.repository(place, insecure=request.insecure), root
            elif isinstance(request, SaveImage):
                seen.add(root.digest)
                yield OciLayout.open(request.layout, durable=False), root

    async def _image(
        self,
        cell: Cell,
        reader: ContentReader,
        manifest: ImageManifest,
        platform: Platform,
        wishes: Wishes,
    ) -> Verification:
        known, facts = self._opened()
        key = self._records.key(manifest.descriptor.digest, platform, wishes, known)
        found = self._records.read(key)
        if found is None:
            found = await verify(
                reader,
                manifest,
                platform,
                wishes=wishes,
                catalogue=known,
                facts=facts,
                clock=self._clock,
            )
            self._warn(cell, found)
            if not found.errors:
                self._records.write(key, found)
        seen = self._results.setdefault(cell.id.target, {})
        if str(found.digest) not in seen:
            seen[str(found.digest)] = found
            now = self._clock.now()
            self._events.emit(ImageVerified(at=now, target=cell.id.target, verification=found))
        return found

    def _opened(self) -> tuple[Catalogue, Facts]:
        """Return what is known about platforms and layers, read when it is first needed."""
        if self._known is None:
            self._known = catalogue(self._settings), layer_facts(self._settings)
        return self._known

    def _warn(self, cell: Cell, found: Verification) -> None:
        warnings = found.warnings
        if not warnings:
            return
        first, *others = warnings
        more = f" (and {len(others)} more)" if others else ""
        diagnostic = Diagnostic(
            code="BX5390",
            severity="warning",
            summary=f"{cell.id.target} {found.platform}: {first}{more}",
            detail=first.why,
            hint=first.remedy or _ALLOW.format(first.path),
        )
        self._events.emit(WarningRaised(at=self._clock.now(), cell=cell.id, diagnostic=diagnostic))


class Verified:
    """Which images were verified before, and how; a file that cannot be read counts as none."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def key(self, digest: Digest, platform: Platform, wishes: Wishes, catalogue: Catalogue) -> str:
        """Return the name of all that the outcome depends on."""
        # Profiles are values made of values: their text says all about them.
        profiles = sorted(map(repr, catalogue.profiles.values()))
        parts = (digest, platform, wishes.mode, *sorted(wishes.allow), *profiles, __version__)
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()

    def read(self, key: str) -> Verification | None:
        """Return the outcome; None if it is not known."""
        try:
            document = json.loads((self._directory / f"{key}.json").read_bytes())
            return Verification(
                platform=str(document["platform"]),
                digest=Digest.parse(document["digest"]),
                mode=Mode(document["mode"]),
                note=str(document["note"]),
                cost=Cost(files=int(document["files"]), layers=int(document["layers"])),
                before=True,
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BakexError):
            return None

    def write(self, key: str, found: Verification) -> None:
        """Remember an outcome that is good, if the disk lets us."""
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            write_file(self._directory / f"{key}.json", json.dumps(found.to_json()).encode())


def _refusal(bad: Sequence[tuple[Cell, Verification]]) -> ArchitectureError:
    """Return the error about images that must not be published."""
    several = len({cell.id.target for cell, _ in bad}) > 1
    told = [
        (f"{cell.id.target} {found.platform}" if several else found.platform, finding)
        for cell, found in bad
        for finding in found.errors
    ]
    (where, first), *others = told
    lines = [f"{first.role}. {first.why}".strip(" .") + "." if first.role or first.why else ""]
    lines += [f"{place}: {finding}" for place, finding in others[: _NAMED - 1]]
    if len(others) >= _NAMED:
        lines.append(f"and {len(others) - _NAMED + 1} more")
    return ArchitectureError(
        f"{where}: {first}",
        detail="\n".join(filter(None, [*lines, "Nothing was published."])),
        hint=f"{first.remedy}; {_ALLOW.format(first.path)}",
    )
