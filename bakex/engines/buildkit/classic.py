"""What it takes to get images out of dockerd's classic image store, the one without containerd.

Its BuildKit has one exporter for images, into that store. So an image is built under a name that
nobody else uses, taken out through docker's own API, put into a layout, and pushed from here where
a push was asked for. The name is removed again whatever happens.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakex._util.tasks import concurrently
from bakex.engines.buildkit.exports import image_annotations
from bakex.engines.buildkit.saved import adopt
from bakex.errors import CapabilityError, NodeError
from bakex.model.reference import Reference
from bakex.model.result import PushImage, SaveImage
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.carriers import ImageArchives
    from bakex.interfaces import Registry
    from bakex.model.descriptor import Descriptor
    from bakex.model.plan import Cell

_ANNOTATION: Final = "annotation."
_FALSE: Final = frozenset({"0", "f", "false"})
_REPOSITORIES_AT_ONCE: Final = 4


class ClassicStore:
    """The image store of one dockerd, as far as builds go through it.

    Args:
        archives: The daemon's own API.
        registry: For pushes; None if there are none.
        workspace: Where archives are kept for a while; they may be large.
    """

    def __init__(self, archives: ImageArchives, registry: Registry | None, workspace: Path) -> None:
        self._archives = archives
        self._registry = registry
        self._workspace = workspace

    @asynccontextmanager
    async def named(self, name: str) -> AsyncGenerator[None, None]:
        """Make sure that a name is gone from the store at the end."""
        try:
            yield
        finally:
            # A lost daemon cannot be tidied up, and the build's own error says that it was lost.
            with suppress(NodeError):
                await self._archives.remove(name)

    async def hand_over(self, cell: Cell, request: SaveImage | PushImage, name: str) -> Descriptor:
        """Take an image out of the store and put it where it was asked for.

        Raises:
            NodeError: The daemon refused or went away.
            ContentError: It sent something malformed.
            RegistryError: A registry refused or failed.
        """
        await asyncio.to_thread(self._workspace.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="classic-", dir=self._workspace) as folder:
            archive = Path(folder) / "image.tar"
            await self._archives.save(name, archive)
            layout = request.layout if isinstance(request, SaveImage) else Path(folder) / "layout"
            found = await asyncio.to_thread(self._adopt, cell, request, archive, layout)
            archive.unlink()
            if isinstance(request, PushImage):
                await self._push(request, layout, found)
        return found

    def _adopt(
        self, cell: Cell, request: SaveImage | PushImage, archive: Path, layout: Path
    ) -> Descriptor:
        attrs = request.attrs
        own = image_annotations(cell)
        notes = {
            key.removeprefix(_ANNOTATION): value
            for key, value in (own | dict(attrs)).items()
            if key.startswith(_ANNOTATION)
        }
        return adopt(
            archive,
            layout,
            annotations=notes,
            oci=attrs.get("oci-mediatypes", "true").lower() not in _FALSE,
            compressed=attrs.get("compression") != "uncompressed",
            level=int(attrs.get("compression-level", "6")),
        )

    async def _push(self, request: PushImage, layout: Path, root: Descriptor) -> None:
        if self._registry is None:
            raise CapabilityError("this engine has no registry to push to")
        source = OciLayout(layout, durable=False)
        stores = [
            self._registry.repository(Reference.parse(name), insecure=request.insecure)
            for name in request.repositories
        ]
        await concurrently(
            [partial(copy, source, store, root) for store in stores], limit=_REPOSITORIES_AT_ONCE
        )
