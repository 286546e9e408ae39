"""What can be known about a publication before anything is built.

Credentials and permission (an upload is opened and given up), what the tags stand for, whether that
is what the user expects, and whether an immutable tag would certainly have to move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import ContentError, DeniedError, UnauthorizedError, UsageError
from bakex.model.documents import is_docker
from bakex.model.index import Index
from bakex.oci.verified import read_config, read_document
from bakex.outputs.attributes import target_annotations
from bakex.outputs.tagging import immutable, present, unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import Registry, RemoteRepository
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.manifest import ImageManifest
    from bakex.model.plan import Cell
    from bakex.model.platform import Platform
    from bakex.model.publication import PublishPolicy
    from bakex.model.reference import Reference
    from bakex.model.target import Target

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A tag that a run will publish to.

    Attributes:
        reference: Its tag is ignored with `by_digest`.
        cells: What will be built for it, if anything is.
        by_digest: Content will be pushed, and no tag moved.
        root: What the tag is going to stand for, if that is known already.
    """

    reference: Reference
    cells: tuple[Cell, ...] = ()
    insecure: bool = False
    by_digest: bool = False
    root: Digest | None = None


async def preflight(
    registry: Registry, destinations: Sequence[Destination], policy: PublishPolicy
) -> dict[Reference, Digest | None]:
    """Make sure, as far as one can, that publication will work; return what the tags stand for.

    Tags of a repository that may be pushed to but not read yet are left out.

    Raises:
        UsageError: An expectation is about no tag of this run.
        TagConflictError: A tag does not stand for what is expected, or is immutable and would
            have to move.
        RegistryError: A registry does not let this account push, or failed.
    """
    tagged = {item.reference: item for item in destinations if not item.by_digest}
    for expectation in policy.expect:
        if not any(expectation.covers(reference) for reference in tagged):
            raise UsageError(
                f"this run publishes no tag {expectation.pattern!r}",
                hint="look at the targets' tags with --print",
            )
    repositories = {item.reference.repository: item for item in destinations}
    stores = {
        name: registry.repository(item.reference, insecure=item.insecure)
        for name, item in repositories.items()
    }
    await concurrently([store.check_push for store in stores.values()], limit=_AT_ONCE)
    checks = [
        partial(_look, stores[reference.repository], item, policy)
        for reference, item in tagged.items()
    ]
    found = await concurrently(checks, limit=_AT_ONCE)
    return {reference: now for known in found for reference, now in known.items()}


async def _look(
    store: RemoteRepository, destination: Destination, policy: PublishPolicy
) -> dict[Reference, Digest | None]:
    reference = destination.reference
    expected = policy.expectation(reference)
    try:
        found = await present(store, reference)
    except (UnauthorizedError, DeniedError):
        # Some registries call a repository forbidden that the first push is going to make.
        if expected is not None and expected.digest is not None:
            raise
        return {}
    now = found.digest if found is not None else None
    if expected is not None and not expected.anything and expected.digest != now:
        raise unexpected(reference, expected.digest, now)
    if found is not None and policy.is_immutable(reference):
        reason = await _obstacle(store, found, destination)
        if reason:
            raise immutable(reference, found.digest, reason)
    return {reference: now}


async def _obstacle(store: RemoteRepository, found: Descriptor, destination: Destination) -> str:
    if destination.root is None:
        return await difference(store, found, destination.cells)
    same = destination.root == found.digest
    return "" if same else f"It would have to stand for {destination.root}."


async def difference(store: RemoteRepository, root: Descriptor, cells: Sequence[Cell]) -> str:
    """Return why what will be built cannot be the image that is there; empty if it might be.

    Only what a target says by itself is compared: its platforms, labels and annotations.

    Raises:
        RegistryError: The registry refused or failed.
    """
    try:
        images, annotations = await _images(store, root)
    except ContentError as error:
        return f"What is there cannot be read: {error.summary}."
    wanted = {cell.platform: cell.target.for_platform(cell.platform) for cell in cells}
    if set(images) != set(wanted):
        there, asked = (", ".join(sorted(map(str, found))) for found in (images, wanted))
        return f"It is for {there}; this run builds {asked}."
    for platform, target in wanted.items():
        manifest, labels = images[platform]
        found = _lacking(labels, target.labels, "label")
        # Docker's own media types have no place for annotations.
        if not is_docker(manifest.media_type):
            found = found or _lacking(manifest.annotations, _own(target, platform), "annotation")
        if found:
            return f"{found} ({platform})."
    if is_docker(root.media_type):
        return ""
    return _lacking(annotations, _of_index(next(iter(wanted.values()))), "annotation of the index")


async def _images(
    store: RemoteRepository, root: Descriptor
) -> tuple[dict[Platform, tuple[ImageManifest, Mapping[str, str]]], Mapping[str, str]]:
    """Return the images below a root with their labels, and the root's annotations."""
    document = await read_document(store, root)
    listed = [document]
    if isinstance(document, Index):
        listed = [await read_document(store, entry) for entry in document.images]
    found: dict[Platform, tuple[ImageManifest, Mapping[str, str]]] = {}
    for manifest in listed:
        if isinstance(manifest, Index):
            raise ContentError("it is an index of indexes")
        config = await read_config(store, manifest)
        found[config.platform] = manifest, config.labels
    return found, document.annotations


def _own(target: Target, platform: Platform) -> dict[str, str]:
    return {
        a.key: a.value
        for a in target_annotations(target)
        if a.kind == "manifest" and a.platform in {None, platform}
    }


def _of_index(target: Target) -> dict[str, str]:
    return {a.key: a.value for a in target_annotations(target) if a.kind == "index"}


def _lacking(there: Mapping[str, str], wanted: Mapping[str, str], what: str) -> str:
    for key, value in wanted.items():
        if there.get(key) != value:
            now = f"is {there[key]!r} there" if key in there else "is missing there"
            return f"The {what} {key} {now}, and will be {value!r}"
    return ""
