"""What exporters get to work with: the registry, a private directory, the user's image store."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.carriers import ImageLoader, ImageStore
    from bakex.interfaces import Registry
    from bakex.model.node import NodeName


class RunDesk:
    """Implements `bakex.interfaces.Desk` for one run."""

    def __init__(
        self,
        *,
        registry: Registry,
        workspace: Path,
        loader: ImageLoader | None,
        image_stores: Mapping[NodeName, ImageStore | None],
    ) -> None:
        self._registry = registry
        self._workspace = workspace
        self._loader = loader
        self._image_stores = image_stores

    @property
    def registry(self) -> Registry:
        """For outputs that push."""
        return self._registry

    @property
    def workspace(self) -> Path:
        """A private directory of this run."""
        return self._workspace

    def loader(self) -> ImageLoader | None:
        """The image store of the user's docker daemon, if there is one."""
        return self._loader

    def keeps_images(self, node: NodeName) -> bool:
        """Whether that node's own image store is the one in which the user looks for images."""
        return node in self._image_stores

    def images(self, node: NodeName) -> ImageStore | None:
        """The image store of a node that keeps images; None if it cannot be asked."""
        return self._image_stores.get(node)

    async def write_stdout(self, file: Path) -> None:
        """Copy a file to standard output, unconverted."""

        def copy() -> None:
            with file.open("rb") as source:
                shutil.copyfileobj(source, sys.stdout.buffer)
            sys.stdout.buffer.flush()

        await asyncio.to_thread(copy)
