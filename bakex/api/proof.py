"""Proof, before anything becomes visible, that the files of images can run on their platforms.

Images are read back from where they were pushed, from the layouts of the run, or from the store of
the node that keeps them without a name: that only if somebody asked for it, since taking an image
out of a store takes nearly as long as building it. What was verified in an earlier run is not
verified again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex._util.atomic import write_file
from bakex._version import __version__
from bakex.diagnostics import Diagnostic
from bakex.errors import ArchitectureError, BakexError, NodeError
from bakex.events import ImageVerified, WarningRaised
from bakex.model.digest import Digest
from bakex.model.reference import Reference
from bakex.model.result import PushImage, SaveImage, StoreImage
from bakex.model.verification import DEFAULT, Cost, Mode, Verification, Wishes
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, ContentReader, Desk
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageManifest
    from bakex.model.plan import Cell, CellId
    from bakex.model.platform import Platform
    from bakex.model.publication import Report
    from bakex.model.result import CellResult, ExportRequest
    from bakex.model.verification import FileFinding
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Device
    from bakex.verification.facts import Facts

_NAMED = 20  # findings in one message
_ALLOW = 'or allow it: verify-allow = ["{}"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A cell, and how its images are verified."""

    cell: Cell
    wishes: Wishes
    device: Device | None
    asked: bool  # for more than what is done anyway


class Proof:
    """Verifies the images of one run.

    Args:
        settings: Where data files and what was found out before are.
        desk: Where images are: the registry, and the image stores of nodes.
        events: Gets an `ImageVerified` for each image, and warnings.
        clock: Dates them.
        mode: Takes the place of what targets say; None to do as they say.
    """

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        events: EventSink,
        clock: Clock,
        *,
        mode: Mode | None = None,
    ) -> None:
        self._settings = settings
        self._desk = desk
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
            case = self._case(cell)
            if case.wishes.mode is Mode.OFF:
                continue
            result = results[cell.id]
            for reader, root in self._images(requests[cell.id], result):
                for manifest, platform in await _listed(reader, root):
                    listed_for = platform or cell.platform
                    if root.platform not in {None, listed_for}:
                        continue  # an index that is there already, and has more than is meant
                    bad += await self._image(case, reader, manifest, listed_for)
            for request in requests[cell.id]:
                if isinstance(request, StoreImage) and case.asked:
                    bad += await self._kept(case, request, result)
        if bad:
            await self._drop(cells, requests, results)
            raise _refusal(bad)

    async def _kept(
        self, case: _Case, request: StoreImage, result: CellResult
    ) -> list[tuple[Cell, Verification]]:
        """Verify an image in the store of its node, which is asked for it only if it has to be."""
        cell, store = case.cell, self._desk.images(case.cell.node)
        digest, name = _kept_as(request, result)
        if store is None or not name:
            return []
        known = self._records.read(self._key(case, digest, cell.platform)) if digest else None
        if known is not None:
            self._tell(cell, known)
            return []
        from bakex.api.stored import taken  # noqa: PLC0415 - start-up budget

        bad: list[tuple[Cell, Verification]] = []
        begun = self._clock.monotonic()
        async with taken(store, name, self._desk.workspace) as (reader, root):
            spent = self._clock.monotonic() - begun
            for manifest, platform in await _listed(reader, root):
                listed_for = platform or cell.platform
                bad += await self._image(
                    case, reader, manifest, listed_for, called=digest, spent_s=spent
                )
        return bad

    async def _drop(
        self,
        cells: Sequence[Cell],
        requests: Mapping[CellId, Sequence[ExportRequest]],
        results: Mapping[CellId, CellResult],
    ) -> None:
        """Remove what nodes keep for nobody."""
        for cell in cells:
            store = self._desk.images(cell.node)
            for request in requests[cell.id]:
                if store is not None and isinstance(request, StoreImage):
                    _, name = _kept_as(request, results[cell.id])
                    with contextlib.suppress(NodeError):  # the refusal counts
                        await (store.remove if request.names else store.discard)(name)

    def noted(self, report: Report) -> Report:
        """Return a report that says how its images were verified, too."""
        targets = dict(report.targets)
        for name in self._results.keys() & targets.keys():
            found = tuple(self._results[name].values())
            told = {"bakex.verification": [result.to_json() for result in found]}
            metadata = {**targets[name].metadata, **told}
            targets[name] = replace(targets[name], verified=found, metadata=metadata)
        return replace(report, targets=targets)

    def _case(self, cell: Cell) -> _Case:
        said, name = cell.target.verify, cell.target.device
        wishes = Wishes(
            mode=self._mode or (Mode.parse(said) if said else DEFAULT),
            allow=cell.target.verify_allow,
        )
        device = self._opened()[0].device(name) if name else None
        asked = bool(self._mode or said or name)
        return _Case(cell=cell, wishes=wishes, device=device, asked=asked)

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
                yield self._desk.registry.repository(place, insecure=request.insecure), root
            elif isinstance(request, SaveImage):
                seen.add(root.digest)
                yield OciLayout.open(request.layout, durable=False), root

    async def _image(
        self,
        case: _Case,
        reader: ContentReader,
        manifest: ImageManifest,
        platform: Platform,
        *,
        called: Digest | None = None,
        spent_s: float = 0.0,
    ) -> list[tuple[Cell, Verification]]:
        """Verify an image, and return it if it must not be published.

        Args:
            case: The cell, and how to do it.
            reader: Where the image is.
            manifest: Its manifest.
            platform: What it is for.
            called: What others know it by; None for the digest of the manifest.
            spent_s: On getting at it, in seconds.
        """
        from bakex.verification.image import verify  # noqa: PLC0415 - start-up budget

        known, facts = self._opened()
        digest = called or manifest.descriptor.digest
        key = self._key(case, digest, platform)
        found = self._records.read(key)
        if found is None:
            found = await verify(
                reader,
                manifest,
                platform,
                wishes=case.wishes,
                catalogue=known,
                facts=facts,
                clock=self._clock,
                device=case.device,
            )
            cost = replace(found.cost, seconds=found.cost.seconds + spent_s)
            found = replace(found, digest=digest, cost=cost)
            self._warn(case.cell, found)
            if not found.errors:
                self._records.write(key, found)
        self._tell(case.cell, found)
        return [(case.cell, found)] if found.errors else []

    def _key(self, case: _Case, digest: Digest, platform: Platform) -> str:
        known, _ = self._opened()
        return self._records.key(digest, platform, case.wishes, known, case.device)

    def _tell(self, cell: Cell, found: Verification) -> None:
        seen = self._results.setdefault(cell.id.target, {})
        if str(found.digest) not in seen:
            seen[str(found.digest)] = found
            now = self._clock.now()
            self._events.emit(ImageVerified(at=now, target=cell.id.target, verification=found))

    def _opened(self) -> tuple[Catalogue, Facts]:
        """Return what is known about platforms and layers, read when it is first needed."""
        if self._known is None:
            from bakex.api.platforms import catalogue  # noqa: PLC0415 - start-up budget
            from bakex.api.verification import layer_facts  # noqa: PLC0415 - start-up budget

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
            summary=f"{cell.id.target} {found.place}: {first}{more}",
            detail=first.why,
            hint=first.remedy or _ALLOW.format(first.path),
        )
        self._events.emit(WarningRaised(at=self._clock.now(), cell=cell.id, diagnostic=diagnostic))


class Verified:
    """Which images were verified before, and how; a file that cannot be read counts as none."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def key(
        self,
        digest: Digest,
        platform: Platform,
        wishes: Wishes,
        catalogue: Catalogue,
        device: Device | None,
    ) -> str:
        """Return the name of all that the outcome depends on."""
        # Profiles are values made of values: their text says all about them.
        profiles = sorted(map(repr, catalogue.profiles.values()))
        allowed = sorted(wishes.allow)
        parts = (digest, platform, wishes.mode, *allowed, *profiles, device, __version__)
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
                device=str(document["device"]),
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


async def _listed(
    reader: ContentReader, root: Descriptor
) -> list[tuple[ImageManifest, Platform | None]]:
    # What verifies is loaded for the first image: many runs make none.
    from bakex.verification.image import listed  # noqa: PLC0415 - start-up budget

    return await listed(reader, root)


def _kept_as(request: StoreImage, result: CellResult) -> tuple[Digest | None, str]:
    """Return what a node's store calls an image: its digest, and what it can be asked for by."""
    told = result.metadata.get("containerimage.digest")
    digest = Digest.parse(told) if isinstance(told, str) else None
    return digest, next(iter(request.names), str(digest or ""))


def _refusal(bad: Sequence[tuple[Cell, Verification]]) -> ArchitectureError:
    """Return the error about images that must not be published."""
    several = len({cell.id.target for cell, _ in bad}) > 1
    places: dict[str, dict[str, FileFinding]] = {}  # what images have in common is told once
    for cell, found in bad:
        where = f"{cell.id.target} {found.place}" if several else found.place
        for finding in found.errors:
            places.setdefault(str(finding), {}).setdefault(where, finding)
    told = [(", ".join(common), next(iter(common.values()))) for common in places.values()]
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
