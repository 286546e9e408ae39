"""``type=registry`` and ``type=image``: pushed, or kept where the builder keeps images.

A push has two phases. The nodes push their images by digest, then the index over them is pushed by
digest to every repository, and everything is checked; so far nobody can see anything. Publishing
moves the tags: those of versions first, floating ones last, those that are right not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import NameUnknownError
from bakex.model.result import PushImage, StoreImage
from bakex.oci.copy import push_document, walk
from bakex.oci.validate import validate
from bakex.outputs.assembly import assembled, image_of, published
from bakex.outputs.attributes import flag, names, node_attributes, platform_count, unsupported
from bakex.outputs.docker import is_kept, kept, loadable, store_request
from bakex.outputs.finished import Done
from bakex.outputs.gathering import save_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import Desk, Finished, Registry, Store
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.platform import Platform
    from bakex.model.publication import Publication
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

    def requests(self, target: Target, output: Output, cell: Cell, desk: Desk) -> ExportRequest:
        """Ask the node to push the image, to keep it, or for its content.

        Raises:
            UnsupportedOutputError: A push without a name, or a senseless attribute.
        """
        if _pushes(target, output):
            return _push_request(target, output)
        if platform_count(target) > 1:
            if desk.loader() is not None:
                return save_request(target, output, desk)
            # Nobody will look for the image by name: each node keeps its part as a build result.
            return StoreImage(names=(), attrs=node_attributes(target, output))
        if is_kept(target, cell, desk) or desk.loader() is None:
            return store_request(target, output)
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


def _push_request(target: Target, output: Output) -> PushImage:
    references = names(target, output)
    if not references:
        raise unsupported(target, output, "a push needs a name", "add tags to the target")
    flag(target, output, "push-by-digest", default=False)
    attrs = node_attributes(target, output)
    return PushImage(
        repositories=tuple(_repositories(references)),
        # A node in a container or elsewhere does not take loopback for a place for plain HTTP.
        insecure=flag(
            target, output, "registry.insecure", default=all(r.is_local for r in references)
        ),
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
    insecure = flag(target, output, "registry.insecure", default=False)
    stores = {
        repository: registry.repository(reference, insecure=insecure)
        for repository, reference in _repositories(references).items()
    }
    first, *others = stores.values()
    assembly = await assembled(target, cells, first)
    await push_document(first, assembly.raw, assembly.root.media_type)
    await validate(first, assembly.root, platforms=[cell.platform for cell, _ in cells])
    roots = [image_of(cell, root) for cell, root in cells]
    await concurrently([partial(_copy_root, s, roots, assembly) for s in others], limit=_AT_ONCE)
    by_digest = flag(target, output, "push-by-digest", default=False)
    return _Tagging(
        target=target,
        root=assembly.root,
        platforms=assembly.images,
        stores=stores,
        references=references,
        by_digest=by_digest,
    )


async def _copy_root(store: Store, roots: Sequence[Descriptor], assembly: Assembly) -> None:
    """Push the root to one more repository, after what it refers to was found there."""
    await walk(store, *roots)
    await push_document(store, assembly.raw, assembly.root.media_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tagging:
    """An image that is complete in all its repositories, and waits for its tags."""

    target: Target
    root: Descriptor
    platforms: Mapping[Platform, Descriptor]
    stores: Mapping[str, Store] = field(repr=False)
    references: tuple[Reference, ...]
    by_digest: bool

    @property
    def moves_tags(self) -> bool:
        return True

    async def publish(self) -> tuple[Publication, ...]:
        if self.by_digest:
            pinned = [f"{repository}@{self.root.digest}" for repository in self.stores]
            return tuple(self._publication(place) for place in pinned)
        done: dict[Reference, Publication] = {}
        for reference in publishing_order(self.references):
            store = self.stores[reference.repository]
            unchanged = await _stands_for(store, reference.tag) == self.root.digest
            if not unchanged:
                await store.tag(self.root, reference.tag)
            done[reference] = self._publication(str(reference), unchanged=unchanged)
        return tuple(done[reference] for reference in self.references)

    def _publication(self, place: str, *, unchanged: bool = False) -> Publication:
        return published(self.target, _KIND, place, self.root, self.platforms, unchanged=unchanged)


async def _stands_for(store: Store, tag: str) -> object:
    try:
        return (await store.resolve(tag)).digest
    except NameUnknownError:
        return None


def publishing_order(references: Sequence[Reference]) -> list[Reference]:
    """Return the references in the order in which their tags move.

    Tags that are used to stay where they are come first: whoever follows a floating tag then finds
    everything that belongs to it.
    """
    return sorted(references, key=lambda reference: _rank(reference.tag))


def _rank(tag: str) -> int:
    """Return 0 for a whole version or a hash, 1 for a part of a version or a word, 2 for latest."""
    if tag == "latest":
        return 2
    whole = re.search(r"\d+\.\d+\.\d+|[0-9a-f]{7,}|\d{6,}", tag)
    return 0 if whole else 1
