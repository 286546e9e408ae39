"""``type=registry`` and ``type=image``: pushed by digest, joined, checked; then the tags move."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import NameUnknownError, UnsupportedOutputError
from bakex.model.publication import Publication
from bakex.model.reference import Reference
from bakex.model.result import PushImage
from bakex.oci.copy import push_document
from bakex.oci.validate import validate
from bakex.outputs.docker import DockerExporter
from bakex.outputs.images import by_platform, joined, names, node_attrs
from bakex.outputs.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target
    from bakex.oci.assemble import Assembly


class ImageExporter:
    """Implements `bakex.interfaces.Exporter`; without ``push=true`` it fills the image store."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask each node to push its image by digest to every repository of the target."""
        if not output.pushes:
            return DockerExporter().requests(target, output, cell, desk)
        references = _references(target, output)
        return PushImage(
            repositories=tuple(dict.fromkeys(r.repository for r in references)),
            insecure=all(r.is_local for r in references),
            names=tuple(map(str, references)),
            attrs=node_attrs(output),
        )

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Read the cells' manifests back, join them, push the root by digest, check all of it."""
        if not output.pushes:
            return await DockerExporter().finish(target, output, cells, desk)
        references = _references(target, output)
        repositories = {r.repository: r for r in references}
        assembly = await joined(desk.registry.repository(references[0]), target, cells)
        for reference in repositories.values():
            store = desk.registry.repository(reference)
            root = await push_document(store, assembly.raw, assembly.root.media_type)
            await validate(store, root, platforms=[cell.platform for cell, _ in cells])
        return Outcome(
            root=assembly.root,
            moves_tags=True,
            action=partial(_tag, target, references, assembly, desk),
        )


def _references(target: Target, output: Output) -> list[Reference]:
    found = [Reference.parse(name) for name in names(target, output)]
    if not found:
        raise UnsupportedOutputError(
            f"target {target.name!r} is to be pushed, but has no tags",
            hint=f"add tags to the target, or --set {target.name}.tags=REGISTRY/NAME:TAG",
        )
    return found


async def _tag(
    target: Target, references: Sequence[Reference], assembly: Assembly, desk: Desk
) -> tuple[Publication, ...]:
    done: list[Publication] = []
    # `latest` is what people pull without looking, so it moves when the others have.
    for reference in sorted(references, key=lambda r: r.tag_or_latest == "latest"):
        store = desk.registry.repository(reference)
        try:
            before = await store.resolve(reference.tag_or_latest)
        except NameUnknownError:
            before = None
        unchanged = before is not None and before.digest == assembly.root.digest
        if not unchanged:
            await store.tag(assembly.root, reference.tag_or_latest)
        done.append(
            Publication(
                target=target.name,
                kind="registry",
                place=f"{reference.repository}:{reference.tag_or_latest}",
                root=assembly.root,
                platforms=by_platform(assembly),
                unchanged=unchanged,
            )
        )
    return tuple(done)
