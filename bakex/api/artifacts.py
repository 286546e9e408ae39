"""Artifacts of images: SBOMs, signatures and result files that refer to what they are about.

Places are written as for `bakex.api.images`. An artifact goes into the repository or the layout of
its subject, where whoever reads that finds it.
"""

from __future__ import annotations

import math
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex._util.threads import in_thread
from bakex.api.images import Images
from bakex.artifacts.artifact import Recipe, build
from bakex.artifacts.attachment import attachments, check_media_type
from bakex.artifacts.discovery import discover
from bakex.artifacts.pull import pull
from bakex.errors import (
    ConfigError,
    ContentError,
    ContentNotFoundError,
    DefinitionError,
    DigestMismatchError,
    SizeMismatchError,
    UsageError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.index import Index
from bakex.model.reference import Reference
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.oci.verified import read_config, read_document
from bakex.sources.archive import unpack
from bakex.sources.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from bakex.api.located import Located
    from bakex.artifacts.discovery import Referrer
    from bakex.artifacts.pull import Pulled
    from bakex.config import Settings
    from bakex.model.platform import Platform

_GIB = 1 << 30
_LAST_SECOND = 253402300799  # of the year 9999
# Files that somebody attached on purpose may be large; the ratio still catches what is only zeros.
_LIMITS = Limits(tree=256 * _GIB, entries=2_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """An artifact in its place.

    Attributes:
        place: What it can be pulled as: ``host/app@sha256:...`` or ``oci:PATH:sha256:...``.
        subject: What it refers to.
    """

    place: str
    manifest: Descriptor
    subject: Descriptor


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """What refers to an image.

    Attributes:
        place: The image, by its digest.
        base: What goes before the digest of anything else in the same place.
    """

    place: str
    base: str
    subject: Descriptor
    referrers: tuple[Referrer, ...]


class Artifacts:
    """What can be done with artifacts; made by `open`."""

    def __init__(self, images: Images, settings: Settings, scratch: Path) -> None:
        """Take access to images, and an empty directory that goes away afterwards."""
        self._images = images
        self._settings = settings
        self._scratch = scratch

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, insecure: bool = False
    ) -> AsyncGenerator[Artifacts, None]:
        """Yield access to artifacts; closes the connections at the end."""
        async with AsyncExitStack() as stack:
            images = await stack.enter_async_context(Images.open(settings, insecure=insecure))
            scratch = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="artifact-", dir=settings.cache / "run")
            )
            yield cls(images, settings, Path(scratch))

    async def attach(
        self,
        place: str,
        files: Sequence[str],
        *,
        artifact_type: str,
        annotations: Sequence[str] = (),
        annotation_file: str = "",
        platform: Platform | None = None,
    ) -> Attached:
        """Keep files as an artifact that refers to an image. Idempotent: same files, same digest.

        Args:
            place: The image or index.
            files: ``FILE[:MEDIATYPE]``, files and directories; none for annotations only.
            artifact_type: What it is, as a media type.
            annotations: ``KEY=VALUE``, about all of it.
            annotation_file: JSON with annotations for files, and for ``$manifest``.
            platform: Refer to the image for this platform instead of the index.

        Raises:
            UsageError: A file, a type or an annotation cannot be used; nothing was sent.
            ContentError: There is no such image, or a file changed meanwhile.
            RegistryError: The registry refused or failed.
            OutputError: The layout cannot be written.
        """
        recipe = Recipe(
            files=attachments(files, self._settings.cwd),
            artifact_type=check_media_type(artifact_type, "artifact type"),
            annotations=_annotations(annotations),
            annotation_file=self._settings.cwd / annotation_file if annotation_file else None,
            epoch=_epoch(self._settings),
        )
        if not (recipe.files or recipe.annotations or recipe.annotation_file):
            raise UsageError("there is nothing to attach", hint="name files, or --annotation")
        image = await self._one(place)
        store = image.store
        if isinstance(store, OciLayout):
            if not _folder(place).is_dir():
                raise UsageError(f"{place} is an archive: nothing can be added to it")
            store = OciLayout.open(store.root)  # what is added must survive
        subject = await _subject(image, platform)
        made = await in_thread(partial(build, recipe, subject, self._scratch))
        root = made.manifest.descriptor
        try:
            await copy(made, store, root)
        except (DigestMismatchError, SizeMismatchError) as error:
            raise ContentError(
                "a file changed while it was being attached", detail=f"{error.summary}."
            ) from None
        if isinstance(store, OciLayout):
            await store.enter([(root, "")])
        return Attached(place=f"{_base(place, image)}{root.digest}", manifest=root, subject=subject)

    async def discover(
        self, place: str, *, artifact_type: str = "", platform: Platform | None = None
    ) -> Discovered:
        """Return what refers to an image, and what refers to that.

        Args:
            place: The image, index or artifact.
            artifact_type: Only artifacts of this type, and what refers to them; empty for all.
            platform: Ask about the image for this platform instead of the index.

        Raises:
            ContentError: There is no such image, or a list is malformed.
            RegistryError: The registry refused or failed.
        """
        image = await self._one(place)
        subject = await _subject(image, platform)
        found = await discover(image.referring, subject.digest, artifact_type)
        base = _base(place, image)
        return Discovered(
            place=f"{base}{subject.digest}", base=base, subject=subject, referrers=found
        )

    async def pull(
        self,
        place: str,
        directory: Path,
        *,
        artifact_type: str = "",
        platform: Platform | None = None,
        overwrite: bool = False,
    ) -> Pulled:
        """Write the files of an artifact below a directory. Idempotent.

        Args:
            place: The artifact; with a type or a platform, the image that it refers to.
            directory: Where to; made if it is missing.
            artifact_type: Which artifact of an image, if there is one only of that type.
            platform: See `attach`.
            overwrite: Replace files that are there and are others.

        Raises:
            UsageError: Several artifacts are of that type.
            ContentError: There is no such artifact, or something of it is wrong or unsafe.
            RegistryError: The registry refused or failed.
            OutputError: The files cannot be written, or there are others with their names.
        """
        image = await self._one(place)
        root = image.root
        if artifact_type or platform is not None:
            subject = await _subject(image, platform)
            root = await self._only(image, subject, artifact_type, _base(place, image))
        return await pull(image.store, root, directory, unpack=_unpack, overwrite=overwrite)

    async def _only(
        self, image: Located, subject: Descriptor, artifact_type: str, base: str
    ) -> Descriptor:
        """Return the artifact of a type that refers to an image."""
        found = await image.referring.referrers(subject.digest, artifact_type)
        what = f"artifact of the type {artifact_type}" if artifact_type else "artifact"
        if not found:
            raise ContentNotFoundError(f"no {what} refers to {base}{subject.digest}")
        only, *others = found
        if others:
            listed = "\n".join(f"{base}{entry.digest} {entry.artifact_type}" for entry in found)
            raise UsageError(
                f"more than one {what} refers to {base}{subject.digest}",
                detail=listed,
                hint="name one of them",
            )
        return only

    async def _one(self, place: str) -> Located:
        """Return the image at a place; in a layout, what refers to it is listed beside it."""
        found = [*await self._images.find(place)]
        if len({image.root.digest for image in found}) > 1:
            found = [image for image in found if not await _refers(image)] or found
        if len({image.root.digest for image in found}) > 1:
            names = ", ".join(image.name for image in found)
            raise UsageError(f"{place} has several images", hint=f"name one of {names}")
        return found[0]


async def _refers(image: Located) -> bool:
    return (await read_document(image.store, image.root)).subject is not None


async def _subject(image: Located, platform: Platform | None) -> Descriptor:
    """Return the descriptor of an image as artifacts name it; of one platform if that is wanted."""
    document = await read_document(image.store, image.root)
    found = image.root
    if platform is None:
        pass
    elif isinstance(document, Index):
        chosen = next((entry for entry in document.images if entry.platform == platform), None)
        if chosen is None:
            known = ", ".join(str(e.platform) for e in document.images if e.platform)
            raise ContentError(f"{image.name} has no image for {platform}", hint=f"it has {known}")
        found = chosen
    elif (own := (await read_config(image.store, document)).platform) != platform:
        raise ContentError(f"{image.name} is for {own}, not for {platform}")
    return Descriptor(media_type=found.media_type, digest=found.digest, size=found.size)


def _folder(place: str) -> Path:
    if place.startswith("oci:"):
        return Path(place.removeprefix("oci:").partition(":")[0])
    return Path(place)


def _base(place: str, image: Located) -> str:
    """Return what names something else in the same repository or layout, with a digest behind."""
    if isinstance(image.store, OciLayout):
        return f"oci:{_folder(place)}:"
    return f"{Reference.parse(place).repository}@"


def _annotations(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"invalid annotation {text!r}", hint="write KEY=VALUE")
        found[key] = value
    return found


def _epoch(settings: Settings) -> int | None:
    """Return SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch), if it is set."""
    text = settings.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not text.isdecimal() or int(text) > _LAST_SECOND:
        raise ConfigError(f"SOURCE_DATE_EPOCH is no number of seconds: {text!r}")
    return int(text)


def _unpack(archive: Path, into: Path) -> None:
    try:
        unpack(archive, into, limits=_LIMITS, deadline=math.inf)
    except DefinitionError as error:
        raise ContentError(
            f"a packed directory cannot be used: {error.summary}", detail=error.detail
        ) from None
