"""Images in the store of a docker daemon, taken out of it for reading."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.engines.buildkit.saved import adopt
from bakex.errors import ContentError
from bakex.oci.layout import OciLayout
from bakex.oci.unarchive import unpack_archive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.carriers import ImageArchives
    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor


@asynccontextmanager
async def taken(
    store: ImageArchives, name: str, workspace: Path
) -> AsyncGenerator[tuple[ContentReader, Descriptor]]:
    """Provide an image of a store, with its root; the copy is removed at the end.

    Args:
        store: Where it is.
        name: Its name there.
        workspace: Has room for all of it.

    Raises:
        NodeError: The daemon has no such image, refused, or went away.
        ContentError: It sent something malformed.
        OutputError: There is no room.
    """
    with tempfile.TemporaryDirectory(prefix="kept-", dir=workspace) as folder:
        archive, layout = Path(folder) / "image.tar", Path(folder) / "layout"
        layout.mkdir()
        await store.save(name, archive)
        try:
            found = await unpack_archive(archive, layout)
            (root,) = found.index().entries
        except (ContentError, ValueError):
            # Before version 25, docker saves what is no layout.
            made = partial(adopt, archive, layout, annotations={}, compressed=False)
            root = await asyncio.to_thread(made)
            found = OciLayout.open(layout, durable=False)
        archive.unlink()
        yield found, root
