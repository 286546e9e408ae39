"""What one cell handed over, read and checked: images with their configs, and attestations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.errors import ContentError
from bakex.model.index import Index
from bakex.oci.verified import read_config, read_document

if TYPE_CHECKING:
    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageConfig, ImageManifest
    from bakex.model.platform import Platform

MAX_DEPTH = 3  # an index of indexes is the deepest that tools make


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image for one platform.

    Attributes:
        descriptor: With the platform that its index says, or else that of its config.
    """

    descriptor: Descriptor
    manifest: ImageManifest
    config: ImageConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The content under one root.

    Attributes:
        platform: What was built: every image of the part must be for this platform.
        origin: Where it was built, for messages: the node's name.
        document: The root itself.
        images: In the order of the root, nested indexes flattened.
        attestations: Descriptors of the manifests that describe the images.
    """

    platform: Platform
    origin: str
    document: ImageManifest | Index
    images: tuple[Image, ...]
    attestations: tuple[Descriptor, ...] = ()


async def collect(
    reader: ContentReader, root: Descriptor, *, platform: Platform, origin: str = ""
) -> Part:
    """Read the manifests and configs under a root; layers are not touched.

    Of an index whose descriptor has a platform, only what it lists for that platform is read.

    Raises:
        ContentError: Something is missing, malformed or not an image, or a descriptor's platform
            is not that of the config.
        RegistryError: The registry refused or failed.
    """
    document = await read_document(reader, root)
    found: list[tuple[Descriptor, ImageManifest]] = []
    attestations: list[Descriptor] = []
    # What a node says about a root itself is about the export, such as its time; only what an index
    # says about its entries belongs to the images.
    bare = replace(root, annotations={})
    await _flatten(reader, bare, document, found, attestations, depth=1)
    images = [await _image(reader, descriptor, manifest) for descriptor, manifest in found]
    return Part(
        platform=platform,
        origin=origin,
        document=document,
        images=tuple(images),
        attestations=tuple(attestations),
    )


async def _flatten(
    reader: ContentReader,
    descriptor: Descriptor,
    document: ImageManifest | Index,
    images: list[tuple[Descriptor, ImageManifest]],
    attestations: list[Descriptor],
    *,
    depth: int,
) -> None:
    if not isinstance(document, Index):
        images.append((descriptor, document))
        return
    if depth >= MAX_DEPTH:
        raise ContentError(f"the index {descriptor.digest} is nested too deeply")
    entries, described = document.images, document.attestations
    if depth == 1 and descriptor.platform is not None:
        entries = tuple(entry for entry in entries if entry.platform == descriptor.platform)
        listed = {entry.digest for entry in entries}
        described = tuple(entry for entry in described if entry.subject in listed)
    attestations.extend(described)
    for entry in entries:
        child = await read_document(reader, entry)
        await _flatten(reader, entry, child, images, attestations, depth=depth + 1)


async def _image(reader: ContentReader, descriptor: Descriptor, manifest: ImageManifest) -> Image:
    if not manifest.is_image:
        raise ContentError(
            f"{descriptor.digest} is not an image",
            detail=f"Its config has the type {manifest.config.media_type}.",
        )
    config = await read_config(reader, manifest)
    if descriptor.platform is not None and descriptor.platform != config.platform:
        raise ContentError(
            f"the image {descriptor.digest} is listed for {descriptor.platform}"
            f" but its config says {config.platform}",
            hint="look for FROM --platform in the Dockerfile",
        )
    if descriptor.raw_platform.get("os.version", version := _version(config)) != version:
        raise ContentError(
            f"the image {descriptor.digest} is listed for the version"
            f" {descriptor.raw_platform['os.version']} of its system but its config says {version}"
        )
    # Pullers choose by the version and features of the system, too; tools may have left them out.
    raw = {**config.raw_platform, **descriptor.raw_platform}
    # A root descriptor that a node reports may lack fields, or carry annotations of its export.
    described = replace(descriptor, platform=config.platform, raw_platform=raw)
    return Image(descriptor=described, manifest=manifest, config=config)


def _version(config: ImageConfig) -> object:
    return config.raw_platform.get("os.version")
