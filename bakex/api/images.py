"""Images where they are: in registries, OCI layouts and OCI archives.

A place is written as a reference (``host/app:1``, ``host/app@sha256:...``), as the path of a layout
or of an archive, or as ``oci:PATH[:NAME]`` (``oci-archive:`` means the same). Without a name, all
images of a layout are meant.
"""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.garbage import collected
from bakex.api.located import Located
from bakex.api.promotion import Promoter, check_origin, destinations
from bakex.errors import ContentError, DeniedError, UsageError
from bakex.model.index import Index
from bakex.model.reference import Reference
from bakex.oci.collect import LayoutGarbage
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.oci.unarchive import unpack_archive
from bakex.oci.validate import validate
from bakex.oci.verified import read_config, read_document
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bakex.api.promotion import Promotion
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import ContentSource
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.garbage import Garbage, Wishes
    from bakex.model.manifest import ImageManifest
    from bakex.model.platform import Platform
    from bakex.model.publication import PublishPolicy
    from bakex.registry.repository import Repository

_LOCAL = ("oci:", "oci-archive:")


class Images:
    """What can be done with images without building any; made by `open`."""

    def __init__(
        self,
        registry: RegistryClient,
        scratch: Path,
        settings: Settings,
        *,
        insecure: bool = False,
    ) -> None:
        """Take the registry client, and an empty directory for archives.

        Args:
            registry: For references.
            scratch: Goes away with everything in it.
            settings: For what this machine has noted about what it pushed.
            insecure: Allow plain HTTP and unverified TLS for all hosts.
        """
        self._registry = registry
        self._scratch = scratch
        self._settings = settings
        self._insecure = insecure

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, insecure: bool = False
    ) -> AsyncGenerator[Images, None]:
        """Yield access to images; closes the connections at the end."""
        place = settings.cache / "run"
        place.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as stack:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="image-", dir=place))
            client = RegistryClient(
                keychain=DockerKeychain(settings), settings=settings, clock=SystemClock()
            )
            stack.push_async_callback(client.aclose)
            yield cls(client, Path(scratch), settings, insecure=insecure)

    async def find(self, place: str, *, mirrors: bool = False) -> tuple[Located, ...]:
        """Return the images at a place, at least one.

        Args:
            place: Where they are.
            mirrors: Whether the mirrors of registries will do.

        Raises:
            ContentError: There is none, or the layout is malformed.
            RegistryError: The registry refused or failed.
            DefinitionError: Not a place.
        """
        local = _local(place)
        if local is None:
            reference = Reference.parse(place)
            store = self.repository(reference)
            reader = self._registry.source(reference, insecure=self._insecure, mirrors=mirrors)
            name = str(reference.digest) if reference.digest else reference.tag_or_latest
            root = await reader.resolve(name)
            return (Located(name=str(reference), root=root, store=store, reader=reader),)
        path, name = local
        layout = await self._layout(path)
        if name:
            return (Located.in_layout(layout, await layout.resolve(name), name),)
        found = [
            Located.in_layout(layout, entry, _listed_name(entry))
            for entry in layout.index().entries
        ]
        if not found:
            raise ContentError(f"{path} lists no image")
        return tuple(found)

    async def verify(
        self, place: str, *, contents: bool | None = None
    ) -> list[tuple[Located, Mapping[Platform, Descriptor]]]:
        """Check everything below the images at a place.

        Args:
            place: Where they are.
            contents: Read every byte of every layer; None to do so unless it is a registry, which
                is only asked whether it has each blob, with its size.

        Raises:
            ContentError: Something is missing or wrong; the message names the blob.
            RegistryError: The registry refused or failed.
        """
        full = _local(place) is not None if contents is None else contents
        return [
            (image, await validate(image.reader, image.root, contents=full))
            for image in await self.find(place)
        ]

    async def describe(self, place: str) -> list[dict[str, object]]:
        """Return what the images at a place are, as JSON objects.

        Raises:
            ContentError: Something is missing or malformed.
            RegistryError: The registry refused or failed.
        """
        return [await _described(image) for image in await self.find(place, mirrors=True)]

    async def copy(self, source: str, destination: str) -> Located:
        """Copy one image with everything below it; what is there already does not move.

        The destination is a reference or ``oci:PATH[:NAME]``; its name changes last. On one
        registry, layers are mounted.

        Raises:
            UsageError: The source has several images.
            ContentError: The source lacks something, or holds something else.
            RegistryError: A registry refused or failed.
            OutputError: The layout cannot be written.
        """
        image = await self.one(source)
        local = _local(destination)
        if local is not None:
            path, name = local
            layout = OciLayout.create(path)
            await copy(image.reader, layout, image.root)
            await layout.tag(image.root, name or "latest")
            return Located.in_layout(layout, image.root, destination)
        reference = Reference.parse(destination)
        if reference.digest is not None and reference.digest != image.root.digest:
            raise UsageError(f"{source} is {image.root.digest}, which is not {destination}")
        store = self.repository(reference)
        await copy(image.reader, store, image.root)
        if reference.digest is None:
            await store.tag(image.root, reference.tag_or_latest)
        return Located(name=str(reference), root=image.root, store=store, reader=store)

    async def promote(
        self,
        source: str,
        names: Sequence[str],
        *,
        origin: Digest | None = None,
        referrers: bool = True,
        policy: PublishPolicy,
        events: EventSink,
    ) -> Promotion:
        """Let tags stand for an image, wherever they are, with all that belongs to it; or none.

        Args:
            source: The image.
            names: The tags.
            origin: What the source must stand for; None for whatever it does.
            referrers: Whether signatures and the like go along.
            policy: How tags move.
            events: Gets what was published.

        Raises:
            UsageError: The source has several images, or a name is no tag.
            ContentError: The image is not whole.
            TagConflictError: The source is something else, or a tag must not be moved; none has.
            PublicationError: A tag could not be moved.
            RegistryError: A registry refused or failed; no tag has moved.
        """
        wanted = destinations(names, [Reference.parse(name) for name in names])
        image = await self.one(source)
        check_origin(image, origin)
        promoter = Promoter(
            self._registry,
            self._settings,
            policy=policy,
            events=events,
            clock=SystemClock(),
            insecure=self._insecure,
        )
        return await promoter.promote(image, wanted, referrers=referrers)

    async def tags(self, place: str) -> Sequence[str]:
        """Return the tags of a repository, or the names in a layout.

        Raises:
            ContentError: Not a layout.
            RegistryError: The registry refused or failed.
        """
        local = _local(place)
        if local is None:
            return await self.repository(Reference.parse(place)).tags()
        return [_listed_name(e) for e in (await self._layout(local[0])).index().entries]

    async def remove(self, name: str) -> None:
        """Remove a tag, and nothing else; or, given a digest, a manifest that has no tag.

        Raises:
            DeniedError: The registry removes no single tags; or the manifest has tags.
            NameUnknownError: There is no such thing.
            RegistryError: The registry refused or failed.
        """
        reference = Reference.parse(name)
        store = self.repository(reference)
        if reference.digest is not None:
            await store.delete(await store.resolve(str(reference.digest)))
            return
        found = await store.resolve(reference.tag_or_latest)
        if not await store.untag(reference.tag_or_latest):
            raise DeniedError(
                f"cannot remove the tag {reference}: the registry removes no single tags",
                hint=f"remove the manifest with all of its tags: {reference.pinned(found.digest)}",
            )

    async def collect(self, place: str, wishes: Wishes, *, apply: bool = False) -> Garbage:
        """Find out what a repository or a layout has to get rid of, and remove it if asked to.

        Args:
            place: The repository, without a tag; or the layout.
            wishes: What is asked for.
            apply: Remove it; otherwise nothing is changed.

        Raises:
            UsageError: One image is named, not a repository or layout; or it is an archive.
            ContentError: It cannot be told what something leads to.
            RegistryError: The registry refused or failed.
            OutputError: The layout cannot be written.
        """
        local = _local(place)
        if local is not None:
            path, name = local
            if name or not path.is_dir():
                raise UsageError(f"{place} is not a layout", hint="write oci:DIRECTORY")
            found = LayoutGarbage(OciLayout.open(path), wishes)
            return await found.apply() if apply else found.plan()
        reference = Reference.parse(place)
        if reference.tag or reference.digest is not None:
            raise UsageError(
                f"{place} is one image", hint=f"name the repository: {reference.repository}"
            )
        return await collected(
            self._settings,
            self.repository(reference),
            reference.repository,
            wishes,
            SystemClock(),
            apply=apply,
        )

    async def one(self, place: str) -> Located:
        """Return the image at a place; mirrors will do. See `find`.

        Raises:
            UsageError: There are several.
        """
        found = await self.find(place, mirrors=True)
        if len({image.root.digest for image in found}) > 1:
            names = ", ".join(image.name for image in found)
            raise UsageError(f"{place} has several images", hint=f"name one of {names}")
        return found[0]

    async def _layout(self, path: Path) -> OciLayout:
        if path.is_dir():  # noqa: ASYNC240 - one system call
            return OciLayout.open(path, durable=False)
        directory = self._scratch / f"{len(list(self._scratch.iterdir()))}"
        return await unpack_archive(path, directory)

    def repository(self, reference: Reference) -> Repository:
        """Return the repository that a reference is in; no request is made yet."""
        return self._registry.repository(reference, insecure=self._insecure)


def _local(place: str) -> tuple[Path, str] | None:
    """Return path and name of a place on this machine; None if it is a reference."""
    for prefix in _LOCAL:
        if place.startswith(prefix):
            folder, _, name = place.removeprefix(prefix).partition(":")
            return Path(folder), name
    path = Path(place)
    is_path = place.startswith((".", "/")) or path.is_file() or (path / "oci-layout").is_file()
    return (path, "") if is_path else None


def _listed_name(entry: Descriptor) -> str:
    names = entry.annotations
    keys = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
    return next((names[key] for key in keys if names.get(key)), str(entry.digest))


async def _described(image: Located) -> dict[str, object]:
    document = await read_document(image.reader, image.root)
    described: dict[str, object] = {
        "name": image.name,
        "digest": str(image.root.digest),
        "mediaType": document.media_type,
        "size": image.root.size,
        "annotations": dict(document.annotations),
    }
    if not isinstance(document, Index):
        return described | {"images": [await _described_image(image.reader, document)]}
    images: list[dict[str, object]] = []
    for entry in document.images:
        manifest = await read_document(image.reader, entry)
        if isinstance(manifest, Index):
            images.append({"digest": str(entry.digest), "mediaType": manifest.media_type})
        else:
            images.append(await _described_image(image.reader, manifest))
    attestations = [
        {"digest": str(entry.digest), "subject": str(entry.subject)}
        for entry in document.attestations
    ]
    return described | {"images": images, "attestations": attestations}


async def _described_image(store: ContentSource, manifest: ImageManifest) -> dict[str, object]:
    described: dict[str, object] = {
        "digest": str(manifest.descriptor.digest),
        "mediaType": manifest.media_type,
        "annotations": dict(manifest.annotations),
        "layers": [layer.to_json() for layer in manifest.layers],
    }
    if not manifest.is_image:
        return described | {"artifactType": manifest.artifact_type or manifest.config.media_type}
    config = await read_config(store, manifest)
    return {"platform": str(config.platform), **described, "labels": dict(config.labels)}
