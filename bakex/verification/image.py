"""One image: its config, then its layers from the lowest up, then its files."""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING

from bakex.errors import ContentError
from bakex.model.index import Index
from bakex.model.media_types import is_foreign
from bakex.model.verification import ERROR, WARNING, Cost, FileFinding, Verification
from bakex.oci.parts import MAX_DEPTH
from bakex.oci.verified import read_config, read_document
from bakex.verification.command import Command
from bakex.verification.examine import Examination
from bakex.verification.libraries import convention
from bakex.verification.standard import Standard
from bakex.verification.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Clock, ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageConfig, ImageManifest
    from bakex.model.platform import Platform
    from bakex.model.verification import Wishes
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Device, Profile
    from bakex.verification.facts import Facts


async def verify(
    reader: ContentReader,
    manifest: ImageManifest,
    platform: Platform | None,
    *,
    wishes: Wishes,
    catalogue: Catalogue,
    facts: Facts,
    clock: Clock,
    device: Device | None = None,
) -> Verification:
    """Find out whether the files of an image can run on its platform.

    Each layer is read at most once, and only if it is not known what it holds. Memory depends on
    how many programs there are, not on the size of the layers.

    Args:
        reader: Where the image is.
        manifest: Its manifest.
        platform: What an index lists it for; None for what its config says.
        wishes: How to do it.
        catalogue: What is known about platforms.
        facts: What is known about layers.
        clock: Says how long it takes.
        device: A device that it must run on as well.

    Raises:
        ContentError: Something cannot be read, or is not what it is said to be.
        RegistryError: The registry refused or failed.
    """
    begun = clock.monotonic()
    read, size = facts.read, facts.bytes
    config = await read_config(reader, manifest)
    platform = platform or config.platform
    findings, allowed = list(_of_config(platform, config)), list[FileFinding]()
    profile = _profile(catalogue, platform)
    files, note = 0, ""
    if profile is None:
        note = f"nothing is known about the platform {platform}"
    else:
        tree = await _tree(reader, manifest, config, facts)
        standard = Standard(
            profile=profile,
            catalogue=catalogue,
            device=device,
            float=convention(tree, profile, catalogue),
        )
        examination = Examination(tree, Command.of(config.fields), standard, wishes)
        examination.run()
        findings += examination.findings
        allowed += examination.allowed
        files = examination.files
    return Verification(
        platform=str(platform),
        digest=manifest.descriptor.digest,
        mode=wishes.mode,
        device=device.device if device else "",
        findings=_sorted(findings),
        allowed=_sorted(allowed),
        note=note,
        cost=Cost(
            files=files,
            layers=len(manifest.layers),
            read=facts.read - read,
            bytes=facts.bytes - size,
            seconds=clock.monotonic() - begun,
        ),
    )


async def listed(
    reader: ContentReader, root: Descriptor
) -> list[tuple[ImageManifest, Platform | None]]:
    """Return the images below a root, each with the platform that it is listed for.

    Attestations and other artifacts are left out. A platform is None where nothing lists the image.

    Raises:
        ContentError: A document is missing, malformed, or not what it is said to be.
        RegistryError: The registry refused or failed.
    """
    found: list[tuple[ImageManifest, Platform | None]] = []
    waiting = deque([(root, 1)])
    while waiting:
        descriptor, depth = waiting.popleft()
        if depth > MAX_DEPTH:
            raise ContentError(f"{descriptor.digest} is nested too deeply")
        document = await read_document(reader, descriptor)
        if isinstance(document, Index):
            waiting.extend((entry, depth + 1) for entry in document.images)
        elif document.is_image:
            found.append((document, descriptor.platform))
    return found


async def _tree(
    reader: ContentReader, manifest: ImageManifest, config: ImageConfig, facts: Facts
) -> Tree:
    tree = Tree()
    for number, (layer, diff_id) in enumerate(
        zip(manifest.layers, config.diff_ids, strict=False), start=1
    ):
        if is_foreign(layer.media_type):
            continue  # parts of Windows, which registries do not have
        async with aclosing(facts.entries(reader, layer, diff_id)) as entries:
            async for entry in entries:
                tree.add(number, entry)
    return tree


def _of_config(platform: Platform, config: ImageConfig) -> list[FileFinding]:
    """Return what is wrong with the platform of a config, given the one it is listed for."""
    if config.platform == platform:
        return []
    same = (config.platform.os, config.platform.architecture) == (
        platform.os,
        platform.architecture,
    )
    unsaid = same and not config.raw_platform.get("variant")
    return [
        FileFinding(
            severity=WARNING if unsaid else ERROR,
            path="config",
            expected=str(platform),
            found=f"{config.platform}, without a variant" if unsaid else str(config.platform),
            role="what the index lists the image for",
            why="Programs that look at the config take it for another platform.",
            remedy="build it for this platform, or list it for the one that it is for",
        )
    ]


def _profile(catalogue: Catalogue, platform: Platform) -> Profile | None:
    """Return what is known about a platform; for a variant of its own, about the usual one."""
    known = catalogue.profiles
    if platform in known:
        return known[platform]
    return known.get(type(platform).of(platform.os, platform.architecture))


def _sorted(findings: Sequence[FileFinding]) -> tuple[FileFinding, ...]:
    """Return errors first; otherwise in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: finding.severity != ERROR))
