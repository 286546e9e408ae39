"""Comparing images wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.oci.compare import Side, compare

if TYPE_CHECKING:
    from bakex.api.images import Images
    from bakex.model.difference import Comparison


async def diff(
    images: Images, a: str, b: str, *, files: int, attestations: bool = False
) -> Comparison:
    """Return what differs between two images, each with all of its platforms.

    Args:
        images: Access to them.
        a: The place of the first one.
        b: The place of the second one.
        files: How many files to tell of for each layer; all are counted.
        attestations: Compare them, too.

    Raises:
        UsageError: A place has several images.
        ContentError: Something is missing, malformed, or not what it is said to be.
        RegistryError: The registry refused or failed.
    """
    sides: list[Side] = []
    for place in (a, b):
        image = await images.one(place)
        sides.append(Side(name=place, root=image.root, store=image.reader))
    return await compare(*sides, files=files, attestations=attestations)
