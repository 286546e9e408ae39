"""A result that is published already, but for when and under which number it was built.

A tag that stands for the same images, with attestations that say the same (`bakex.oci.sameness`),
is right as it is: the index that is there is taken for the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import ContentError
from bakex.model.index import Index
from bakex.oci.sameness import say_the_same
from bakex.oci.verified import read_document
from bakex.outputs.tagging import present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import ContentReader, RemoteRepository
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.reference import Reference


async def published_before(
    store: RemoteRepository, references: Sequence[Reference], root: Index
) -> Descriptor | None:
    """Return an index that a tag stands for and that is the same as a new one in all that counts.

    Args:
        store: The repository; it has everything that the new index lists.
        references: The tags that the new index is to get.
        root: The new index; it need not be in the repository.

    Raises:
        RegistryError: The registry refused or failed.
    """
    seen: set[Digest] = set()
    for reference in references:
        found = await present(store, reference)
        if found is None or found.digest in seen:
            continue
        seen.add(found.digest)
        try:
            there = await read_document(store, found)
            if isinstance(there, Index) and await _is_same(store, there, root):
                return found
        except ContentError:  # what is there is damaged: the new index will replace it
            continue
    return None


async def _is_same(reader: ContentReader, there: Index, new: Index) -> bool:
    if (there.media_type, there.annotations) != (new.media_type, new.annotations):
        return False
    if there.images != new.images:
        return False
    return await say_the_same((reader, there.attestations), (reader, new.attestations))
