"""``type=registry`` and ``type=image``: pushed, or kept where the builder keeps images.

The nodes push their images by digest to the first repository; the index over them is pushed there
by digest, too, and everything is checked. Then the whole is brought to the other repositories. So
far nobody can see anything; `bakex.outputs.tagging` moves the tags.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import ContentNotFoundError
from bakex.model.index import Index
from bakex.model.publication import TagMove
from bakex.model.result import PushImage, StoreImage
from bakex.oci.copy import copy, push_document
from bakex.oci.validate import validate
from bakex.outputs.adoption import published_before
from bakex.outputs.assembly import assembled, published
from bakex.outputs.attributes import flag, names, node_attributes, platform_count
from bakex.outputs.docker import is_kept, kept, loadable, store_request
from bakex.outputs.finished import Done
from bakex.outputs.gathering import save_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Desk, Finished, Registry, RemoteRepository, Store
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.platform import Platform
    from bakex.model.reference import Reference
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target
    from bakex.oci.assemble import Assembly

_KIND = "registry"  # of publications, for both types of output
_AT_ONCE = 4  # repositories
# Only for the node's store, which pushed images do not enter.
_STORE_ONLY = frozenset({"store", "unpack", "dangling-name-prefix", "danging-name-empty-only"})


class ImageExporter:
    """Implements `bakex.interfaces.Exporter` for both types."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask the node to push the image, to keep it, or for its content.

        Raises:
            UnsupportedOutputError: A senseless attribute.
        """
        if _pushes(target, output):
            return _push_request(target, output)
        if platform_count(target) > 1:
            if desk.loader() is not None:
                return save_request(target, output, desk)
            # Nobody will look for the image by name: each node keeps its part as a build result.
            return StoreImage(names=(), attrs=node_attributes(target, output))
        if is_kept(target, cell, desk) or desk.loader() is None:
            return store_request(target, output, cell, desk)
        return save_request(target, output, desk)

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Assemble, push the index by digest, and check that everything is there.

        Raises:
            ContentError: The parts do not fit together or are not what was asked for.
            RegistryError: The registry refused or failed.
            OutputError: The workspace cannot be written.
        """
        if _pushes(target, output):
            return await _pushed(target, output, cells, desk.registry)
        several = platform_count(target) > 1
        if desk.loader() is None:
            return Done() if several else kept(target, output, cells[0], desk)
        if not several and is_kept(target, cells[0][0], desk):
            return kept(target, output, cells[0], desk)
        return await loadable(target, output, cells, desk)


def _pushes(target: Target, output: Output) -> bool:
    return output.type == "registry" or flag(target, output, "push", default=False)


def _push_request(target: Target, output: Output) -> PushImage | None:
    _by_digest(target, output)
    attrs = node_attributes(target, output)
    references = names(target, output)
    if not references:
        return None
    return PushImage(
        # The others get it from there, by a mount where that is possible: every layer leaves its
        # node once, and only one registry has to be within the node's reach.
        repositories=(references[0].repository,),
        # A node in a container or elsewhere does not take loopback for a place for plain HTTP.
        insecure=flag(target, output, "registry.insecure", default=references[0].is_local),
        names=tuple(str(reference) for reference in references),
        attrs={key: value for key, value in attrs.items() if key not in _STORE_ONLY},
    )


def _repositories(references: Sequence[Reference]) -> dict[str, Reference]:
    """Return one reference for each repository, in order."""
    found: dict[str, Reference] = {}
    for reference in references:
        found.setdefault(reference.repository, reference)
    return found


async def _pushed(
    target: Target,
    output: Output,
    cells: Sequence[tuple[Cell, Descriptor | None]],
    registry: Registry,
) -> Finished:
    references = names(target, output)
    if not references:
        return Done()
    insecure = flag(target, output, "registry.insecure", default=False)
    repositories = _repositories(references)
    stores = [registry.repository(r, insecure=insecure) for r in repositories.values()]
    first, *others = stores
    platforms = [cell.platform for cell, _ in cells]
    assembly = await assembled(target, cells, first)
    by_digest = _by_digest(target, output)
    root = await _stored(first, () if by_digest else references, assembly)
    await validate(first, root, platforms=platforms)
    await concurrently(
        [partial(_mirror, first, store, root, platforms) for store in others],
        limit=_AT_ONCE,
    )
    if by_digest:
        places = [f"{repository}@{root.digest}" for repository in repositories]
        found = [published(target, _KIND, p, root, assembly.images) for p in places]
        return Done(root=root, publications=tuple(found))
    images = {str(platform): image for platform, image in assembly.images.items()}
    parts = {part.digest for _, part in cells if part is not None}
    parts -= {root.digest, *(image.digest for image in images.values())}
    home = references[0].repository
    moves = [
        TagMove(
            target=target.name,
            reference=reference,
            root=root,
            platforms=images,
            insecure=insecure,
            staged=tuple(sorted(parts)) if reference.repository == home else (),
        )
        for reference in references
    ]
    return Done(root=root, moves=tuple(moves))


async def _stored(
    store: RemoteRepository, references: Sequence[Reference], assembly: Assembly
) -> Descriptor:
    """Push the root of a result, unless the repository has it, or one that is as good."""
    if await store.exists(assembly.root):
        return assembly.root
    if assembly.children:
        index = Index.parse(assembly.raw, assembly.root.media_type)
        known = await published_before(store, references, index)
        if known is not None:
            return known
    return await push_document(store, assembly.raw, assembly.root.media_type)


async def _mirror(
    source: Store, destination: Store, root: Descriptor, platforms: Sequence[Platform]
) -> None:
    """Bring a complete image to one more repository; what is there already does not move again."""
    if await destination.exists(root):
        with contextlib.suppress(ContentNotFoundError):
            await validate(destination, root, platforms=platforms)
            return
    await copy(source, destination, root)


def destinations(target: Target, output: Output) -> tuple[tuple[Reference, bool, bool], ...]:
    """Return the references that an output pushes to, each with "insecure" and "only by digest".

    Raises:
        UnsupportedOutputError: An attribute makes no sense.
    """
    if output.type not in {"image", "registry"} or not _pushes(target, output):
        return ()
    insecure = flag(target, output, "registry.insecure", default=False)
    by_digest = _by_digest(target, output)
    return tuple((reference, insecure, by_digest) for reference in names(target, output))


def lacks_name(target: Target, output: Output) -> bool:
    """Return whether an output is a push that goes nowhere because the target has no tags."""
    pushes = output.type in {"image", "registry"} and _pushes(target, output)
    return pushes and not names(target, output)


def _by_digest(target: Target, output: Output) -> bool:
    return flag(target, output, "push-by-digest", default=False)
