"""Pushes the images of a layout to a registry: ``push.py LAYOUT REFERENCE...``, one for each.

Prints the most memory that it has used, in KiB.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.config import load
from bakex.model.reference import Reference
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.descriptor import Descriptor

AT_ONCE = 8  # images


async def push(layout: OciLayout, references: Sequence[Reference]) -> None:
    """Copy all images of a layout, and tag them."""
    settings = load()
    client = RegistryClient(
        keychain=DockerKeychain(settings), settings=settings, clock=SystemClock()
    )

    async def one(root: Descriptor, reference: Reference) -> None:
        repository = client.repository(reference)
        await copy(layout, repository, root)
        await repository.tag(root, reference.tag)

    pairs = zip(layout.index().entries, references, strict=True)
    try:
        await concurrently([partial(one, *pair) for pair in pairs], limit=AT_ONCE)
    finally:
        await client.aclose()


def peak() -> int:
    """Return the highest resident size so far; what a parent measures would include itself."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    names = [Reference.parse(name) for name in sys.argv[2:]]
    asyncio.run(push(OciLayout.open(Path(sys.argv[1])), names))
    sys.stdout.write(f"{peak()}\n")
